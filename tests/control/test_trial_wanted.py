"""A trial as it is asked for: the command and the admin API take the same."""

from __future__ import annotations

import msgspec

from entrepot.cli.trial import start
from entrepot.control.trial_wanted import TrialBody


def test_the_command_and_the_body_have_the_same_words_and_usual_values() -> None:
    given = start.make_context("start", ["m"]).params
    told = {name: value for name, value in given.items() if name not in ("config", "as_json")}
    assert told == msgspec.structs.asdict(TrialBody("m"))
