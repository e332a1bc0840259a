from __future__ import annotations

import asyncio
import logging
import os
from pathlib import Path

import msgspec
import pytest

from entrepot.errors import DataError
from entrepot.learning.promises import (
    Follower,
    Promises,
    Standing,
    apply_promises,
    promises_path,
    read_promises,
    write_promises,
)
from entrepot.routing.utility import Goal
from entrepot.routing.worth import refuse
from tests.learning.test_recalibrate import BIG, Installation


def a_standing(own: Installation, about: str | None = None) -> Standing:
    (past,) = own.choices.rehearse(0.0).values()
    knob = refuse(BIG, 0.05, 0.95, 7, "票据", "2026-11-22")
    return Standing(knob, about or past.about(own.choices.router_version), past.prices, "2026-11-22T00:00:00+00:00")


def promised(own: Installation) -> list[bool]:
    """Of each route whether its promise is refused, as it is now."""
    return [knob.refused for knob in own.choices.knobs.values()]


def test_what_is_written_is_read_and_nothing_is_read_from_no_file(tmp_path: Path) -> None:
    assert read_promises(tmp_path) == Promises()
    promises = Promises({"自动": a_standing(Installation(tmp_path))})
    write_promises(tmp_path / "new", promises)
    assert read_promises(tmp_path / "new") == promises
    assert [file.name for file in (tmp_path / "new").iterdir()] == ["promises.json"]


def test_a_file_that_is_none_is_told(tmp_path: Path) -> None:
    promises_path(tmp_path).write_text("{")
    with pytest.raises(DataError, match="remove it, and it is made anew"):
        read_promises(tmp_path)
    (tmp_path / "taken").write_text("")
    with pytest.raises(DataError, match="cannot be written"):
        write_promises(tmp_path / "taken", Promises())


def test_what_is_about_other_settings_is_not_applied(tmp_path: Path) -> None:
    own = Installation(tmp_path)
    before = own.choices.knobs["auto"]
    assert apply_promises(Promises({"auto": a_standing(own, "another digest")}), own.choices) == ()
    assert own.choices.knobs["auto"] is before
    assert apply_promises(Promises({"auto": a_standing(own), "gone": a_standing(own)}), own.choices) == ("auto",)
    assert own.choices.knobs["auto"].refused


def test_what_was_withdrawn_stays_so_under_another_router_until_it_is_looked_at_anew(tmp_path: Path) -> None:
    own = Installation(tmp_path)
    broken = msgspec.structs.replace(a_standing(own, "of the router before"), alarm_at="2026-11-22")
    assert apply_promises(Promises({"auto": broken}), own.choices) == ()
    assert promised(own) == [True]
    unpromised = Installation(tmp_path, goal=Goal(max_loss=0.05))
    before = unpromised.choices.knobs["auto"]
    apply_promises(Promises({"auto": broken}), unpromised.choices)
    assert unpromised.choices.knobs["auto"] is before


def test_a_follower_takes_in_what_changes_and_keeps_what_stood_where_it_cannot(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    own, follower = Installation(tmp_path), Follower(tmp_path / "data")
    follower.attach(own.choices)
    assert promised(own) == [False]
    write_promises(tmp_path / "data", Promises({"auto": a_standing(own)}))
    assert follower.look()
    assert not follower.look()
    assert promised(own) == [True]
    path = promises_path(tmp_path / "data")
    path.write_text("nonsense")
    os.utime(path, ns=(1, 1))
    with caplog.at_level(logging.ERROR):
        assert not follower.look()
        assert not follower.look()
    assert len(caplog.records) == 1
    later = Installation(tmp_path)
    follower.attach(later.choices)
    assert later.choices.knobs["auto"].refused


async def test_a_gateway_follows_while_it_serves(tmp_path: Path) -> None:
    own, follower = Installation(tmp_path), Follower(tmp_path / "data")
    follower.attach(own.choices)
    task = asyncio.create_task(follower.follow(0.005))
    write_promises(tmp_path / "data", Promises({"auto": a_standing(own)}))
    while not own.choices.knobs["auto"].refused:
        await asyncio.sleep(0.005)
    task.cancel()
