from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from entrepot.canonical.capabilities import Capability
from entrepot.catalog.schema import Deployment
from entrepot.policy.circumstances import Circumstances
from entrepot.policy.eligibility import Eligibility, Gate, Reason, eligible
from entrepot.policy.rulebook import Rulebook
from entrepot.policy.rules import Facts, Principal, Rule, When
from entrepot.policy.scope import Scope
from tests.exchange.things import a_deployment
from tests.policy.oracle import CIRCUMSTANCES, DEPLOYMENTS, PRINCIPALS, RULES, applies, is_denied

ANYONE = Principal()


EUROPE = a_deployment("europe")
CHINA = a_deployment("china", region="CN", provider_country="CN")
ANYWHERE = a_deployment("anywhere", region="GLOBAL", provider_country="US")
HOME = a_deployment("home", region="LOCAL", provider_country="LOCAL", on_premises=True)
FOUR = (EUROPE, CHINA, ANYWHERE, HOME)


def ids(eligibility: Eligibility) -> list[str]:
    return [one.id for one in eligibility.allowed]


def test_without_rules_and_needs_everything_is_allowed() -> None:
    assert eligible(FOUR, (), ANYONE) == Eligibility(FOUR, (), FOUR)


def test_a_rule_without_conditions_holds_for_everyone() -> None:
    rule = Rule("eu", require=Facts(region=("EU",)))
    assert ids(eligible(FOUR, [rule], ANYONE)) == ["europe"]
    assert ids(eligible(FOUR, [rule], Principal("k", "t", frozenset({"x"})))) == ["europe"]


@pytest.mark.parametrize(
    ("when", "principal", "applies"),
    [
        (When(tags=("内部", "b")), Principal(tags=frozenset({"内部", "z"})), True),
        (When(tags=("内部", "b")), Principal(tags=frozenset({"公开"})), False),
        (When(teams=("法务",)), Principal(team="法务"), True),
        (When(teams=("法务",)), Principal(team="销售"), False),
        (When(teams=("法务",)), ANYONE, False),
        (When(keys=("alice",)), Principal(key="alice"), True),
        (When(keys=("alice",)), Principal(key="bob"), False),
        (When(tags=("a",), teams=("t",)), Principal(team="t"), False),
        (When(tags=("a",), teams=("t",)), Principal(team="t", tags=frozenset({"a"})), True),
        (When(tags=("a",), teams=("t",), keys=("k",)), Principal("k", "t", frozenset({"a"})), True),
        (When(tags=("a",), teams=("t",), keys=("k",)), Principal("j", "t", frozenset({"a"})), False),
    ],
)
def test_a_rule_applies_where_all_its_conditions_hold(when: When, principal: Principal, applies: bool) -> None:
    rule = Rule("home", when, require=Facts(on_premises=True))
    assert ids(eligible(FOUR, [rule], principal)) == (["home"] if applies else [one.id for one in FOUR])


@pytest.mark.parametrize(
    ("in_the_rule", "sent"),
    [
        ("confidential", "Confidential"),
        ("Confidential", "CONFIDENTIAL"),
        ("confidential", "  confidential "),
        ("confidential", "ｃｏｎｆｉｄｅｎｔｉａｌ"),
        ("données", "donne\u0301es"),
        ("STRASSE", "straße"),
        ("机密", "机密 "),
    ],
)
def test_a_tag_narrows_however_it_is_written(in_the_rule: str, sent: str) -> None:
    rule = Rule("home", When(tags=(in_the_rule,)), require=Facts(on_premises=True))
    assert ids(eligible(FOUR, [rule], Principal(tags=frozenset({sent})))) == ["home"]


def test_tags_that_merely_contain_each_other_are_two() -> None:
    rule = Rule("home", When(tags=("personal",)), require=Facts(on_premises=True))
    for other in ("personal data", "person", "personal,", "人"):
        assert ids(eligible(FOUR, [rule], Principal(tags=frozenset({other})))) == [one.id for one in FOUR]


def test_a_rule_of_a_team_holds_for_the_teams_below_it() -> None:
    rule = Rule("home", When(teams=("集团",)), require=Facts(on_premises=True))
    below = Principal(team="合同", parent_teams=("法务", "集团"))
    assert ids(eligible(FOUR, [rule], below)) == ["home"]
    assert ids(eligible(FOUR, [rule], Principal(team="合同", parent_teams=("法务",)))) == [one.id for one in FOUR]


def test_a_key_that_is_for_some_models_gets_no_other_whatever_rules_say() -> None:
    scoped = Principal(key="k", scope=Scope(models=("europe", "ch*")))
    rule = Rule("china", require=Facts(region=("CN",)))
    assert ids(eligible(FOUR, (), scoped)) == ["europe", "china"]
    judged = eligible(FOUR, [rule], scoped)
    assert ids(judged) == ["china"]
    (home,) = (one for one in judged.rejected if one.deployment == "home")
    assert [reason.kind for reason in home.reasons] == ["policy", "scope"]
    gate = Gate(FOUR, Rulebook(()))
    for asked in (scoped, ANYONE, scoped):  # what is remembered of one caller is not another's
        assert gate.check(asked, frozenset(), 0) == eligible(FOUR, (), asked)


def test_deny_wins_over_another_rules_require() -> None:
    rules = [Rule("only china", require=Facts(region=("CN",))), Rule("not china", deny=Facts(provider_country=("CN",)))]
    assert ids(eligible(FOUR, rules, ANYONE)) == []


def test_every_reason_is_kept_policy_first_in_the_order_of_the_rules() -> None:
    rules = [
        Rule("仅限本地", require=Facts(on_premises=True)),
        Rule("no CN", deny=Facts(region=("CN",), provider_country=("CN",))),
    ]
    small = msgspec.structs.replace(CHINA, capabilities=frozenset({"tools"}), context_tokens=1_000)
    (rejected,) = eligible([small], rules, ANYONE, frozenset({"images", "audio"}), 2_000).rejected
    assert (rejected.deployment, rejected.model, rejected.kind, rejected.rule) == (
        "china",
        "china",
        "policy",
        "仅限本地",
    )
    assert rejected.reasons == (
        Reason("rule '仅限本地' requires on_premises = true, but it is false", "policy", "仅限本地"),
        Reason(
            "rule 'no CN' denies provider_country CN, but its provider is in CN, and denies region CN, but it processes in CN",
            "policy",
            "no CN",
        ),
        Reason("it is not able to do audio and images", "capability"),
        Reason("its context is 1,000 tokens and the input about 2,000", "context"),
    )
    assert rejected.reason == "; ".join(reason.text for reason in rejected.reasons)


def test_a_reason_of_capability_names_no_rule() -> None:
    (rejected,) = eligible([a_deployment(capabilities=frozenset())], (), ANYONE, frozenset({"tools"})).rejected
    assert (rejected.kind, rejected.rule) == ("capability", None)


def test_unknown_capabilities_may_be_asked_for_anything() -> None:
    assert ids(eligible([EUROPE], (), ANYONE, frozenset({"tools", "images"}))) == ["europe"]


def test_what_answers_to_a_schema_answers_in_json() -> None:
    one = a_deployment(capabilities=frozenset({"json_schema"}))
    assert ids(eligible([one], (), ANYONE, frozenset({"json"}))) == ["host/model"]
    other = a_deployment(capabilities=frozenset({"json"}))
    assert ids(eligible([other], (), ANYONE, frozenset({"json_schema"}))) == []


@pytest.mark.parametrize(
    ("context", "input_tokens", "fits"), [(100, 100, True), (100, 101, False), (None, 10**9, True)]
)
def test_the_input_must_fit_the_context(context: int | None, input_tokens: int, fits: bool) -> None:
    found = eligible([a_deployment(context_tokens=context)], (), ANYONE, frozenset(), input_tokens)
    assert bool(found.allowed) is fits


def test_a_long_input_leaves_those_that_can_take_it() -> None:
    short, long = a_deployment("short", context_tokens=10), a_deployment("long", context_tokens=1_000)
    gate = Gate([short, long, EUROPE], Rulebook(()))
    assert ids(gate.check(ANYONE, frozenset(), 10)) == ["short", "long", "europe"]
    assert ids(gate.check(ANYONE, frozenset(), 11)) == ["long", "europe"]
    assert ids(gate.check(ANYONE, frozenset(), 10)) == ["short", "long", "europe"]


def test_a_gate_tells_callers_apart_however_often_it_is_asked() -> None:
    gate = Gate(FOUR, Rulebook([Rule("home", When(tags=("a",), teams=()), require=Facts(on_premises=True))]))
    bound, free = Principal(tags=frozenset({"a"})), Principal("k", "t", frozenset({"b"}))
    needs: frozenset[Capability] = frozenset({"tools"})
    assert [ids(gate.check(who, needs, 5)) for who in (bound, free, bound)] == [
        ["home"],
        [one.id for one in FOUR],
        ["home"],
    ]


def test_tags_that_no_rule_mentions_cost_a_gate_no_memory() -> None:
    gate = Gate(FOUR, Rulebook([Rule("home", When(tags=("a",)), require=Facts(on_premises=True))]))
    first = gate.check(Principal(tags=frozenset({"made-up-0"})), frozenset(), 0)
    assert all(gate.check(Principal(tags=frozenset({f"made-up-{n}"})), frozenset(), 0) is first for n in range(100))


def test_a_gate_outlives_more_callers_than_it_remembers() -> None:
    names = [f"tag-{number}" for number in range(1_100)]
    gate = Gate(FOUR, Rulebook([Rule(name, When(tags=(name,)), require=Facts(on_premises=True)) for name in names]))
    for name in names:
        (rule,) = {one.rule for one in gate.check(Principal(tags=frozenset({name})), frozenset(), 0).rejected}
        assert rule == name


@given(deployments=DEPLOYMENTS, rules=RULES, principal=PRINCIPALS, circumstances=CIRCUMSTANCES)
def test_what_is_allowed_violates_no_rule_that_applies_and_what_is_rejected_does(
    deployments: list[Deployment], rules: list[Rule], principal: Principal, circumstances: Circumstances
) -> None:
    found = eligible(deployments, rules, principal, circumstances=circumstances)
    broken = [is_denied(one, rules, principal, circumstances) for one in deployments]
    assert list(found.allowed) == [one for one, bad in zip(deployments, broken, strict=True) if not bad]
    assert [one.deployment for one in found.rejected] == [
        one.id for one, bad in zip(deployments, broken, strict=True) if bad
    ]
    assert all(one.reasons and one.kind == "policy" for one in found.rejected)


@given(
    deployments=DEPLOYMENTS, rules=RULES, principal=PRINCIPALS, more=st.frozensets(st.sampled_from(("a", "b", "丙")))
)
def test_a_further_tag_only_narrows(
    deployments: list[Deployment], rules: list[Rule], principal: Principal, more: frozenset[str]
) -> None:
    gate = Gate(deployments, Rulebook(rules))
    before = gate.check(principal, frozenset(), 0).allowed
    after = gate.check(msgspec.structs.replace(principal, tags=principal.tags | more), frozenset(), 0).allowed
    assert [one for one in before if one in after] == list(after)


@given(deployments=DEPLOYMENTS, rules=RULES, principal=PRINCIPALS, further=RULES)
def test_a_further_rule_only_narrows(
    deployments: list[Deployment], rules: list[Rule], principal: Principal, further: list[Rule]
) -> None:
    before = eligible(deployments, rules, principal).allowed
    after = eligible(deployments, [*rules, *further], principal).allowed
    assert [one for one in before if one in after] == list(after)


@given(
    deployments=DEPLOYMENTS, rules=RULES, principals=st.lists(PRINCIPALS, max_size=6), input_tokens=st.integers(0, 3)
)
def test_a_gate_remembers_nothing_that_changes_an_answer(
    deployments: list[Deployment], rules: list[Rule], principals: list[Principal], input_tokens: int
) -> None:
    sized = [msgspec.structs.replace(one, context_tokens=at % 3 or None) for at, one in enumerate(deployments)]
    gate = Gate(sized, Rulebook(rules))
    for principal in principals * 2:
        assert gate.check(principal, frozenset(), input_tokens) == eligible(
            sized, rules, principal, frozenset(), input_tokens
        )


@given(deployments=DEPLOYMENTS, rules=RULES, principal=PRINCIPALS, fewer=CIRCUMSTANCES, more=CIRCUMSTANCES)
def test_whatever_more_is_said_of_a_request_only_narrows(
    deployments: list[Deployment], rules: list[Rule], principal: Principal, fewer: Circumstances, more: Circumstances
) -> None:
    both = Circumstances(
        fewer.route,
        fewer.client_regions | more.client_regions,
        fewer.data_classes | more.data_classes,
        fewer.languages | more.languages,
        fewer.tools | more.tools,
    )
    before = eligible(deployments, rules, principal, circumstances=fewer).allowed
    after = eligible(deployments, rules, principal, circumstances=both).allowed
    assert [one for one in before if one in after] == list(after)


@given(deployments=DEPLOYMENTS, rules=RULES, principal=PRINCIPALS, circumstances=CIRCUMSTANCES)
def test_a_preference_chooses_among_the_allowed_and_rejects_nobody(
    deployments: list[Deployment], rules: list[Rule], principal: Principal, circumstances: Circumstances
) -> None:
    found = eligible(deployments, rules, principal, circumstances=circumstances)
    bare = [msgspec.structs.replace(rule, prefer=None) for rule in rules]
    assert eligible(deployments, bare, principal, circumstances=circumstances).allowed == found.allowed
    assert bool(found.preferred) is bool(found.allowed)
    assert [one for one in found.allowed if one in found.preferred] == list(found.preferred)
    assert bool(found.preferred_by) is (found.preferred != found.allowed)


@given(deployments=DEPLOYMENTS, rules=RULES, principal=PRINCIPALS, circumstances=CIRCUMSTANCES)
def test_what_each_rule_did_adds_up_to_what_was_decided(
    deployments: list[Deployment], rules: list[Rule], principal: Principal, circumstances: Circumstances
) -> None:
    gate = Gate(deployments, Rulebook(rules))
    effects = gate.effects(principal, circumstances)
    kept_out = {id_ for effect in effects for id_ in effect.objections}
    assert kept_out == {one.deployment for one in gate.check(principal, frozenset(), 0, circumstances).rejected}
    assert [effect.spared_by is None for effect in effects] == [applies(r, principal, circumstances) for r in rules]


def test_preferences_narrow_one_after_the_other_and_the_last_of_them_gives_way() -> None:
    rules = [
        Rule("open", prefer=Facts(open_weights=True)),
        Rule("at home", prefer=Facts(on_premises=True)),
        Rule("in France", prefer=Facts(region=("FR",))),
    ]
    found = eligible(FOUR, rules, ANYONE)
    assert found.allowed == FOUR
    assert [one.id for one in found.preferred] == ["home"]
    assert found.preferred_by == ("at home",)


def test_what_is_unknown_is_not_preferred() -> None:
    kept = [a_deployment("short", retention_days=0), a_deployment("unknown"), a_deployment("long", retention_days=31)]
    found = eligible(kept, [Rule("r", prefer=Facts(max_retention_days=30))], ANYONE)
    assert [one.id for one in found.preferred] == ["short"]
