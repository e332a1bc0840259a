"""The shapes of rules, and of who is asking."""

from __future__ import annotations

import msgspec

from entrepot.canonical.capabilities import Capability
from entrepot.policy.scope import EVERYTHING, Scope


class Principal(msgspec.Struct, frozen=True, cache_hash=True):
    """Who is asking: the key's id (never its secret), its team with those above it, the tags in force, the key's scope.

    Tags come from the key; a request may add tags of its own, which can only narrow what it may use. They are kept as they
    were written and compared by `fold_tag`. `parent_teams` are the teams above `team`, the nearest first. `data_classes` are
    those of all that the key sends; `region` is the country of its clients, where the operator says so.
    """

    key: str | None = None
    team: str | None = None
    tags: frozenset[str] = frozenset()
    parent_teams: tuple[str, ...] = ()
    scope: Scope = EVERYTHING
    data_classes: frozenset[str] = frozenset()
    region: str | None = None

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
    case. `max_retention_days` is satisfied by what keeps prompts at most so long.
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
    capability: tuple[Capability, ...] | None = None
    open_weights: bool | None = None
    on_premises: bool | None = None
    trains_on_data: bool | None = None
    max_retention_days: int | None = None


class When(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which requests a rule applies to: every condition given must hold, by any of its words; an empty one always does.

    `tags` and `data_classes` are compared in whatever case and width they are written. A team's rule holds for the teams
    below it. `routes` are names that were asked for. `client_regions` are compared as sets of places, and a client whose
    place nobody vouches for may be anywhere. `languages` are ISO 639-1 codes; text that may be in one of several counts as
    each. `tools` are names of functions, `*` any at all.
    """

    tags: tuple[str, ...] = ()
    teams: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()
    routes: tuple[str, ...] = ()
    client_regions: tuple[str, ...] = ()
    data_classes: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    tools: tuple[str, ...] = ()


class Unless(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whom a rule spares: those of any of these teams or keys. Nothing that a request says of itself can be named here."""

    teams: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A named rule. `require`: a deployment must satisfy every fact given. `deny`: it must satisfy none of them.

    `prefer`: where any deployment that is left satisfies every fact given, the choice is made among those that do, and the
    others are asked only if all of these fail. Where several rules apply, all of them do: a deny is not lifted by another
    rule's require. `no_store`: nothing of what is said in the exchange is kept, whatever its route says.
    """

    name: str
    when: When = When()
    require: Facts | None = None
    deny: Facts | None = None
    prefer: Facts | None = None
    unless: Unless | None = None
    no_store: bool = False
