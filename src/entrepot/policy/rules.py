"""The shapes of rules, and of who is asking."""

from __future__ import annotations

import msgspec

from entrepot.policy.scope import EVERYTHING, Scope


class Principal(msgspec.Struct, frozen=True):
    """Who is asking: the key's id (never its secret), its team with those above it, the tags in force, the key's scope.

    Tags come from the key; a request may add tags of its own, which can only narrow what it may use. They are kept as they
    were written and compared by `fold_tag`. `parent_teams` are the teams above `team`, the nearest first.
    """

    key: str | None = None
    team: str | None = None
    tags: frozenset[str] = frozenset()
    parent_teams: tuple[str, ...] = ()
    scope: Scope = EVERYTHING

    @property
    def teams(self) -> tuple[str, ...]:
        """Its team and those above it, the nearest first: what holds for one of them holds for the principal."""
        return () if self.team is None else (self.team, *self.parent_teams)


class Facts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Facts of a deployment that a rule requires or denies. A list means any of; None means the rule does not look.

    A fact that nobody knows satisfies no `require` and is caught by every `deny` that looks at it: what is not known to be
    allowed is not allowed. `region`, `maker_country` and `provider_country` are compared as sets of places: `EU` covers
    the European Economic Area, `GLOBAL` and `unknown` may be anywhere, and `LOCAL` is nowhere but on the operator's own
    machines. So `require = { region = ["EU"] }` is satisfied by `EU` and by `FR`, not by `GLOBAL`, nor by `LOCAL` unless the
    list names it; `deny = { region = ["CN"] }` catches `CN`, `GLOBAL` and `unknown`. Words are compared without regard to
    case.
    """

    deployment: tuple[str, ...] | None = None
    model: tuple[str, ...] | None = None
    maker: tuple[str, ...] | None = None
    maker_country: tuple[str, ...] | None = None
    provider: tuple[str, ...] | None = None
    provider_country: tuple[str, ...] | None = None
    region: tuple[str, ...] | None = None
    accelerator: tuple[str, ...] | None = None
    licence: tuple[str, ...] | None = None
    open_weights: bool | None = None
    on_premises: bool | None = None


class When(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whom a rule applies to: every condition given must hold; an empty one always does. `tags` means any of them, in
    whatever case and width it is written.
    """

    tags: tuple[str, ...] = ()
    teams: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A named rule. `require`: a deployment must satisfy every fact given. `deny`: it must satisfy none of them.

    Where several rules apply, all of them do: a deny is not lifted by another rule's require.
    """

    name: str
    when: When = When()
    require: Facts | None = None
    deny: Facts | None = None
