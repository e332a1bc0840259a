"""Versions of the router in the control store: put in force, listed, found, brought back."""

from __future__ import annotations

from pathlib import Path

import pytest

from entrepot.control.objects import RouterVersion, Running
from entrepot.control.routers import (
    before_that,
    find_version,
    learned_in,
    put_in_place,
    running_in,
    take_in,
    version_before,
    version_of_file,
    versions,
)
from entrepot.control.store import ControlStore
from entrepot.errors import SettingsError
from entrepot.routing.correction import Adjustment, Correction, version_of
from tests.control.books import NOON_S, a_store, at
from tests.learning.fitted import an_artifact

FILE = an_artifact()


def made(shift: float) -> RouterVersion:
    correction = Correction(models={"m": Adjustment(1.0, shift, 0.0)})
    return RouterVersion(version_of(FILE.version, correction), FILE.digest, FILE.version, correction, made_by="refit")


ONE, TWO = made(0.1), made(0.2)


def promoted(store: ControlStore, version: RouterVersion, at_s: float) -> Running:
    with at(store, at_s) as book:
        return put_in_place(book, running_in(book.snapshot(), FILE), version, "me", "it is better")


def brought_back(store: ControlStore, at_s: float) -> str:
    running = running_in(store.snapshot(), FILE)
    found = version_before(store, running, FILE)
    further = before_that(store, found)
    with at(store, at_s) as book:
        return put_in_place(book, running, found, "me", "back", "back", further).version.name


def test_nothing_is_in_force_but_the_file_until_something_is_promoted(tmp_path: Path) -> None:
    with a_store(tmp_path) as store:
        assert learned_in(store.snapshot()) is None
        running = running_in(store.snapshot(), FILE)
        assert (running.version, running.by) == (version_of_file(FILE), "")
        assert [one.version.name for one in versions(store, FILE)] == [FILE.version]
        with pytest.raises(SettingsError, match="nothing was ever put in place"):
            version_before(store, running, FILE)


def test_what_is_promoted_is_what_gateways_are_given_and_its_trail_says_who_and_why(tmp_path: Path) -> None:
    with a_store(tmp_path) as store:
        promoted(store, ONE, NOON_S)
        learned = learned_in(store.snapshot())
        assert learned is not None
        assert (learned.version, learned.base, learned.over) == (ONE.name, FILE.digest, FILE.digest)
        assert learned.correction == ONE.correction
        running = running_in(store.snapshot(), FILE)
        assert (running.by, running.why, running.before, running.since_s) == (
            "me", "it is better", FILE.version, NOON_S,
        )  # fmt: skip
        assert [(one.kind, one.action) for one in store.changes()] == [("router", "promote")]


def test_going_back_goes_further_each_time_until_there_is_nothing_before(tmp_path: Path) -> None:
    with a_store(tmp_path) as store:
        promoted(store, ONE, NOON_S)
        promoted(store, TWO, NOON_S + 1)
        assert brought_back(store, NOON_S + 2) == ONE.name
        assert brought_back(store, NOON_S + 3) == FILE.version
        with pytest.raises(SettingsError, match="nothing before"):
            brought_back(store, NOON_S + 4)


def test_every_version_that_ever_was_in_force_is_listed_once_and_found_by_a_part_of_its_name(tmp_path: Path) -> None:
    with a_store(tmp_path) as store:
        running = promoted(store, ONE, NOON_S)
        with at(store, NOON_S + 1) as book:
            take_in(book, running, made(0.15), "12 outcomes")
        promoted(store, TWO, NOON_S + 2)
        promoted(store, ONE, NOON_S + 3)
        names = [one.version.name for one in versions(store, FILE)]
        assert names == [ONE.name, TWO.name, made(0.15).name, FILE.version]
        assert find_version(store, FILE, TWO.correction.digest).version == TWO
        with pytest.raises(SettingsError, match=r"4 are\)"):
            find_version(store, FILE, "ensemble/")
        with pytest.raises(SettingsError, match=r"none is\)"):
            find_version(store, FILE, "nobody")


def test_what_was_taken_in_is_undone_by_going_back_where_nothing_was_promoted(tmp_path: Path) -> None:
    with a_store(tmp_path) as store:
        with at(store, NOON_S) as book:
            take_in(book, running_in(book.snapshot(), FILE), ONE, "12 outcomes")
        assert running_in(store.snapshot(), FILE).version == ONE
        assert brought_back(store, NOON_S + 1) == FILE.version


def test_a_version_with_what_it_took_in_is_brought_back_as_it_was(tmp_path: Path) -> None:
    with a_store(tmp_path) as store:
        running = promoted(store, ONE, NOON_S)
        with at(store, NOON_S + 1) as book:
            take_in(book, running, made(0.15), "12 outcomes")
        promoted(store, TWO, NOON_S + 2)
        assert brought_back(store, NOON_S + 3) == made(0.15).name
        assert brought_back(store, NOON_S + 4) == FILE.version


def test_what_was_promoted_over_another_file_is_not_in_force(tmp_path: Path) -> None:
    with a_store(tmp_path) as store:
        elsewhere = Running(ONE, ONE, "another", 0.0, 0.0, "me", "before the settings changed")
        with at(store) as book:
            book.put("router", "running", elsewhere, "promote")
        assert running_in(store.snapshot(), FILE).version == version_of_file(FILE)
