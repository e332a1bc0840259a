import pytest

from entrepot.simulator.verdict import kept, quality_of
from entrepot.simulator.workload import Got
from entrepot.statistics.intervals import paired_difference_interval


def got(text: str, *, status: int = 200, whole: bool = True) -> Got:
    return Got("id", "m", status, text, {}, 1.0, whole=whole)


def same(asked: str, text: str) -> bool:
    return asked == text


def test_an_answer_that_did_not_come_is_wrong() -> None:
    answers = [got("甲"), got("no"), got("丙", status=500), got("丁", whole=False)]
    quality = quality_of("甲乙丙丁", answers, same)
    assert quality.right == (True, False, False, False)
    assert quality.failed == 2
    assert quality.interval.estimate == pytest.approx(0.25)
    assert quality.interval.low < 0.25 < quality.interval.high


def test_what_was_kept_is_a_paired_difference() -> None:
    asked = "abcd" * 10
    first = quality_of(asked, [got("a") for _ in asked], same)
    second = quality_of(asked, [got(each if each in "ab" else "?") for each in asked], same)
    assert kept(first, second) == paired_difference_interval(10, 0, 10, 20)
    assert kept(second, first).estimate == pytest.approx(0.25)


def test_sides_that_were_asked_different_things_are_not_compared() -> None:
    with pytest.raises(ValueError, match="shorter"):
        kept(quality_of("ab", [got("a"), got("b")], same), quality_of("a", [got("a")], same))
