import re
from pathlib import Path

import pytest

from entrepot.simulator.faults import KNOWN, Fault, draw_fault, parse_fault
from entrepot.simulator.heard import WireError
from entrepot.simulator.plan import FaultMix


def test_a_fault_is_a_name_and_an_argument() -> None:
    assert parse_fault("status:429:seconds=7") == Fault("status", "429:seconds=7")
    assert parse_fault("hang") == Fault("hang")
    assert str(parse_fault("status:429:quota")) == "status:429:quota"


def test_an_unknown_fault_is_refused_with_the_known_ones() -> None:
    with pytest.raises(WireError, match="hang-midway"):
        parse_fault("sulk")


def test_every_fault_is_documented(project_dir: Path) -> None:
    page = (project_dir / "docs" / "reference" / "simulator.md").read_text(encoding="utf-8")
    documented = set(re.findall(r"`([a-z0-9-]+)(?:\[?:[^`]*)?`", page))
    assert KNOWN - documented == set()


def test_the_same_seed_draws_the_same_faults() -> None:
    mix = FaultMix({"refuse": 0.2, "status:500": 0.1}, seed=4)
    drawn = [draw_fault(mix, "a", number) for number in range(2000)]
    assert drawn == [draw_fault(mix, "a", number) for number in range(2000)]
    assert drawn != [draw_fault(mix, "b", number) for number in range(2000)]
    assert 300 < drawn.count(Fault("refuse")) < 500
    assert 130 < drawn.count(Fault("status", "500")) < 270
    assert 1250 < drawn.count(None) < 1550


def test_the_first_requests_get_the_opening_fault() -> None:
    mix = FaultMix(first=2, opening="reset")
    assert [draw_fault(mix, "a", number) for number in range(3)] == [Fault("reset"), Fault("reset"), None]
