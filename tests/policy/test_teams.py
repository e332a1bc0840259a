from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from entrepot.policy.rules import Principal
from entrepot.policy.teams import Team, check_weight, parents_of, runs_in_a_circle, teams_above, weights_of

TREE = parents_of([Team("合同", "法务"), Team("法务", "集团"), Team("集团"), Team("合同", "x")])


def test_the_teams_above_come_nearest_first() -> None:
    assert teams_above("合同", TREE) == ("法务", "集团")
    assert teams_above("集团", TREE) == ()
    assert teams_above("nobody's", TREE) == ()
    assert teams_above(None, TREE) == ()


def test_a_principal_has_its_team_and_those_above() -> None:
    assert Principal(team="合同", parent_teams=("法务", "集团")).teams == ("合同", "法务", "集团")
    assert Principal(team="red").teams == ("red",)
    assert Principal().teams == ()


@given(st.dictionaries(st.sampled_from("abcdef"), st.sampled_from("abcdef")))
def test_a_circle_ends_and_is_found(parents: dict[str, str]) -> None:
    for team in "abcdef":
        above = teams_above(team, parents)
        assert len(set(above)) == len(above)
        assert team not in above
        walked, at = set(), parents.get(team)
        while at is not None and at not in walked:
            walked.add(at)
            at = parents.get(at)
        assert runs_in_a_circle(team, parents) is (team in walked)


def test_teams_share_alike_unless_they_say_otherwise_and_the_first_of_a_name_counts() -> None:
    assert weights_of([Team("a"), Team("b", weight=2.5), Team("b", weight=9)]) == {"b": 2.5}
    assert check_weight(0.001) is None
    assert check_weight(1000) is None
    for wrong in (0.0, -1.0, 1001.0, float("nan"), float("inf")):
        assert check_weight(wrong) is not None
