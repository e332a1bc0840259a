from __future__ import annotations

import io
import json
import logging
import re
import subprocess
import sys
from typing import Any

from entrepot.ledger.checks import sample_entry
from entrepot.telemetry.logs import JsonLines, JsonText, log_exchanges

ID = "01a202ef-f84a-7916-affa-ebdc3d382150"


def line(message: str, *args: object, **more: Any) -> dict[str, Any]:
    record = logging.LogRecord("entrepot.gateway", logging.ERROR, "", 0, message, args, more.pop("exc_info", None))
    record.__dict__.update(more)
    found: dict[str, Any] = json.loads(JsonLines("gateway-0").format(record))
    return found


def test_a_record_is_an_object_with_its_exchange_in_a_field_of_its_own() -> None:
    found = line("exchange %s: %s", ID, "no candidate\nanswered “x”")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", found.pop("time"))
    assert found == {
        "level": "error",
        "logger": "entrepot.gateway",
        "process": "gateway-0",
        "message": f"exchange {ID}: no candidate\nanswered “x”",
        "exchange": ID,
    }
    assert "exchange" not in line("nothing of an exchange")


def test_a_defect_brings_its_traceback_on_the_same_line() -> None:
    try:
        int("odd")
    except ValueError:
        found = line("failed", exc_info=sys.exc_info())
    assert "ValueError: invalid literal" in found["traceback"]


def test_what_is_written_past_the_logging_is_an_object_a_line_too() -> None:
    stream = io.StringIO()
    text = JsonText(stream, "supervisor")
    for piece in ("the gateway ", "process ended\nsecond", " line\n\n", "unfinished"):
        text.write(piece)
    text.flush()
    lines = [json.loads(each) for each in stream.getvalue().splitlines()]
    assert [each["message"] for each in lines] == ["the gateway process ended", "second line"]
    assert {each["process"] for each in lines} == {"supervisor"}
    assert not text.isatty()


def test_an_exchange_is_told_with_what_it_took_and_nothing_that_was_said(caplog: Any) -> None:
    entry = sample_entry(3)
    with caplog.at_level(logging.INFO, "entrepot.exchanges"):
        log_exchanges([entry])
    (record,) = caplog.records
    found = json.loads(JsonLines("control-0").format(record))
    assert (found["exchange"], found["key"], found["state"]) == (entry.id, entry.key, entry.state)
    assert found["cost_nano_usd"] == entry.cost_nano_usd
    assert f"exchange {entry.id}" in record.getMessage()
    assert f"state={entry.state}" in record.getMessage()


SCRIPT = """
import logging, sys
from entrepot.telemetry.logs import set_up_logging
set_up_logging(sys.argv[1], "warning", "gateway-0")
logging.getLogger("entrepot.x").warning("told")
logging.getLogger("entrepot.x").info("not told")
sys.stderr.write("beside\\n")
"""


def said(form: str) -> list[str]:
    """What a process that logs in this form writes to standard error."""
    command = [sys.executable, "-c", SCRIPT, form]
    return subprocess.run(command, capture_output=True, text=True, check=True).stderr.splitlines()


def test_a_process_logs_in_the_form_and_from_the_level_on_that_was_set() -> None:
    told, beside = (json.loads(each) for each in said("json"))
    assert (told["message"], told["level"], beside["message"]) == ("told", "warning", "beside")
    told_as_text, beside_as_text = said("text")
    assert told_as_text.endswith("WARNING entrepot.x: told")
    assert beside_as_text == "beside"
