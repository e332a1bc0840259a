"""Several models' answers to one prompt: which leads, how likely it is right, whom to ask next, when to stop.

Votes are weighed like witnesses who are not quite independent: an answer's log-odds are the sum, over those who gave it, of
a trust that depends on who else was asked, on the kind of prompt, and on how much longer than expected the answer is
(`agreement_trust`); against all answers stands the possibility that none of them is right. Whether another opinion is worth
its price is a linear estimate of what the answer will gain by it, learned by going backwards from all opinions
(`agreement_fit`).

Rules of this file: it sees models' own answers as numbers (`comparable`) and never an answer key. Functions take many
prompts at once, shape (prompts, members), all asked the same members; a live exchange passes one.
"""

from __future__ import annotations

import msgspec
import numpy as np
from numpy.typing import NDArray

from entrepot.routing.logistic import LOGIT_LIMIT, Doubles, bent, sigmoid

Codes = NDArray[np.integer]
Asked = tuple[int, ...]
"""Numbers of the members that were asked, ascending."""

_MARGIN = 1e-6
_KNOTS = (0.0, 1.5, 3.0)
_MOST_SURPRISE = 2.0


class Ballots(msgspec.Struct, frozen=True, eq=False):
    """What is known of prompts, by member, shape (prompts, members).

    `logits`: of P(correct) before any call. `answers`: numbers, the same for the same answer within a row, -1 for none.
    `surprise`: log of actual over expected output tokens. `cost_usd`: of each call. Only columns of those asked are read.
    """

    logits: Doubles
    answers: Codes
    surprise: Doubles
    cost_usd: Doubles

    def only(self, rows: NDArray[np.intp]) -> Ballots:
        """The same for these prompts alone."""
        return Ballots(self.logits[rows], self.answers[rows], self.surprise[rows], self.cost_usd[rows])


class Verdict(msgspec.Struct, frozen=True, eq=False):
    """By prompt: the member whose answer leads, its probability, the runner-up's, that of none, and how many answers differ."""

    leader: Codes
    p_correct: Doubles
    second: Doubles
    none: Doubles
    different: Doubles


class Kinds(msgspec.Struct, frozen=True, eq=False):
    """What kind of prompt it is, told from how the members' P(correct) differ from their usual: `centre` (members,) of the
    logits and `directions` (members, kinds), along which kinds have mean 0 and deviation 1.
    """

    centre: Doubles
    directions: Doubles

    def of(self, ballots: Ballots) -> Doubles:
        """Coordinates, shape (prompts, kinds)."""
        return np.asarray((ballots.logits - self.centre) @ self.directions)


class Trust(msgspec.Struct, frozen=True, eq=False):
    """Whom to believe how far, by set of members asked (a bit for each member: `number_of`).

    `own` (sets, members, 2 + kinds): what the answer of a member adds to the log-odds, how that changes with surprise at
    its length, and with the kind of prompt. `none` (sets, 4 + kinds) stands against all answers: a constant, the mean
    logit of those asked, their number, their mean surprise, and the kind.
    """

    own: Doubles
    none: Doubles
    kinds: Kinds

    def weigh(self, ballots: Ballots, asked: Asked) -> Verdict:
        """The verdict on the answers of those asked, at least one."""
        members, number = list(asked), number_of(asked)
        answers = ballots.answers[:, members]
        same = (answers[:, :, None] == answers[:, None, :]) & (answers >= 0)[:, :, None]
        kinds = self.kinds.of(ballots)
        own = self.own[number, members]
        weight = own[:, 0] + limited(ballots.surprise[:, members]) * own[:, 1] + kinds @ own[:, 2:].T
        scores = np.where(answers >= 0, (same * weight[:, None, :]).sum(axis=2), -LOGIT_LIMIT)
        sharers = np.maximum(same.sum(axis=2), 1)
        none = np.exp(np.clip(against(ballots, asked, kinds) @ self.none[number], -LOGIT_LIMIT, LOGIT_LIMIT))
        strength = np.exp(np.clip(scores, -LOGIT_LIMIT, 2 * LOGIT_LIMIT))
        total = (strength / sharers).sum(axis=1) + none
        shares = strength / total[:, None]
        best = shares.max(axis=1)
        leading = shares >= best[:, None] * (1 - _MARGIN)
        return Verdict(
            leader=np.array(members)[np.where(leading, weight, -np.inf).argmax(axis=1)],
            p_correct=best,
            second=np.where(leading, 0, shares).max(axis=1),
            none=none / total,
            different=((answers >= 0) / sharers).sum(axis=1),
        )


def number_of(asked: Asked) -> int:
    """The number of a set of members."""
    return sum(1 << member for member in asked)


def limited(surprise: Doubles) -> Doubles:
    """Surprise at a length, within what a line can be trusted with."""
    return np.clip(surprise, -_MOST_SURPRISE, _MOST_SURPRISE)


def against(ballots: Ballots, asked: Asked, kinds: Doubles) -> Doubles:
    """What "none of them is right" is estimated from, shape (prompts, 4 + kinds)."""
    members = list(asked)
    count = len(kinds)
    mean_logit = ballots.logits[:, members].mean(axis=1)
    surprise = limited(ballots.surprise[:, members]).mean(axis=1)
    return np.column_stack([np.ones(count), mean_logit, np.full(count, len(members)), surprise, kinds])


class Bend(msgspec.Struct, frozen=True, eq=False):
    """A line from one logit to another that may bend at `knots`: verdicts far below the usual err otherwise than those above.

    `weights` (knots + 2,): of the logit, of what it exceeds each knot by, and of a one.
    """

    knots: Doubles
    weights: Doubles

    def applied(self, p_correct: Doubles) -> Doubles:
        """P(correct) as it turns out to be."""
        return sigmoid(bend_columns(p_correct, self.knots) @ self.weights)


STRAIGHT = Bend(np.zeros(0), np.array([1.0, 0.0]))


def bend_columns(p_correct: Doubles, knots: Doubles) -> Doubles:
    """What a bend is linear in, shape (prompts, knots + 2)."""
    at = _logit(p_correct)
    return np.column_stack([bent(at, knots), np.ones(len(at))])


class Committee(msgspec.Struct, frozen=True, eq=False):
    """Who may be asked, whom to trust how far, and what another opinion is worth.

    `worths`, ascending, are dollars that a right answer is worth, one for each setting. `gains[setting][asked count]` has shape
    (columns of `describe`, members): expected gain in P(correct), less the call's cost over the worth, of asking a member.
    `bend` calibrates the accepted answer's probability.
    """

    models: tuple[str, ...]
    trust: Trust
    worths: tuple[float, ...]
    gains: tuple[tuple[Doubles, ...], ...]
    bend: Bend

    def next(self, ballots: Ballots, asked: Asked, verdict: Verdict | None, setting: int) -> Codes:
        """By prompt: the member to ask next, or -1 to stop and accept the leader. With nobody asked there is no stopping."""
        gains = describe(ballots, asked, verdict) @ self.gains[setting][len(asked)]
        gains[:, list(asked)] = -np.inf
        best: Codes = gains.argmax(axis=1)
        if not asked:
            return best
        stop = gains[np.arange(len(best)), best] <= 0
        return np.where(stop, -1, best)

    def calibrated(self, p_correct: Doubles) -> Doubles:
        """P(correct) of accepted answers."""
        return self.bend.applied(p_correct)


class Played(msgspec.Struct, frozen=True, eq=False):
    """What a committee did, by prompt: whom it asked in order (`asked`, -1 after the last), whose answer it accepted, how
    probable that is to be right, and what all calls cost.
    """

    asked: Codes
    accepted: Codes
    p_correct: Doubles
    cost_usd: Doubles


def play(committee: Committee, ballots: Ballots, setting: int) -> Played:
    """Let the committee answer prompts for which every member's answer is known; it sees those that it asks for."""
    count, members = ballots.logits.shape
    asked = np.full((count, members), -1)
    accepted, p_correct, cost = np.zeros(count, np.intp), np.zeros(count), np.zeros(count)
    groups: dict[Asked, NDArray[np.intp]] = {(): np.arange(count)}
    while groups:
        following: dict[Asked, list[NDArray[np.intp]]] = {}
        for members_asked, rows in groups.items():
            part = ballots.only(rows)
            verdict = committee.trust.weigh(part, members_asked) if members_asked else None
            done = len(members_asked) == members
            choice = np.full(len(rows), -1) if done else committee.next(part, members_asked, verdict, setting)
            if verdict is not None:
                stop = choice < 0
                accepted[rows[stop]] = verdict.leader[stop]
                p_correct[rows[stop]] = committee.calibrated(verdict.p_correct[stop])
            for member in np.unique(choice[choice >= 0]).tolist():
                chosen = rows[choice == member]
                asked[chosen, len(members_asked)] = member
                cost[chosen] += ballots.cost_usd[chosen, member]
                following.setdefault(tuple(sorted((*members_asked, member))), []).append(chosen)
        groups = {key: np.concatenate(parts) for key, parts in following.items()}
    return Played(asked, accepted, p_correct, cost)


def describe(ballots: Ballots, asked: Asked, verdict: Verdict | None) -> Doubles:
    """What the gain of another opinion is estimated from, shape (prompts, columns)."""
    logits = ballots.logits
    one = np.ones((len(logits), 1))
    if verdict is None:
        return np.hstack([one, logits])
    p, second, none = verdict.p_correct, verdict.second, verdict.none
    at = _logit(p)
    surprise = ballots.surprise[:, list(asked)].mean(axis=1)
    open_ = p * (1 - p)
    member = np.zeros((1, logits.shape[1]))
    member[0, list(asked)] = 1
    shape = np.column_stack(
        [at, *(np.maximum(at - knot, 0) for knot in _KNOTS), p, p**2, second, second**2, none, p * second]
    )
    around = np.column_stack(
        [verdict.different / len(asked), surprise, surprise * open_, logits.mean(axis=1), logits.std(axis=1)]
    )
    return np.hstack([one, shape, around, logits, one * member, open_[:, None] * member, p[:, None] * member])


def _logit(p: Doubles) -> Doubles:
    return np.asarray(np.log((p + _MARGIN) / (1 - p + _MARGIN)))
