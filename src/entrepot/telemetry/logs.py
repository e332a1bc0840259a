"""What is logged, as lines for people or as JSON objects for programs.

Rules of this file: no prompt, no answer and no secret is logged, here or anywhere; tests look for them. An exchange is known by
its id, which stands in a field of its own. What is written to standard error past the logging becomes a line of the same form.
"""

from __future__ import annotations

import datetime
import io
import logging
import re
import sys
from collections.abc import Sequence
from typing import Literal, TextIO

import msgspec

from entrepot.exchange.records import Entry

Format = Literal["text", "json"]
_TEXT = "%(asctime)s %(levelname)s %(name)s: %(message)s"
_EXCHANGE = re.compile(r"\bexchange ([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})")
_exchanges = logging.getLogger("entrepot.exchanges")


class JsonLines(logging.Formatter):
    """A JSON object a record: time, level, logger, process, message, and where there is one the exchange."""

    def __init__(self, process: str) -> None:
        super().__init__()
        self._process = process

    def format(self, record: logging.LogRecord) -> str:
        """One line."""
        message = record.getMessage()
        found = _EXCHANGE.search(message)
        fields: dict[str, object] = {
            "time": _moment(record.created),
            "level": record.levelname.lower(),
            "logger": record.name,
            "process": self._process,
            "message": message,
            **({} if found is None else {"exchange": found[1]}),
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            fields["traceback"] = self.formatException(record.exc_info)
        return msgspec.json.encode(fields).decode()


class JsonText(io.TextIOBase):
    """Standard error for programs: each line that is written to it becomes a JSON object."""

    def __init__(self, stream: TextIO, process: str) -> None:
        self._stream = stream
        self._process = process
        self._begun = ""

    def write(self, text: str) -> int:
        """Write what is whole of it, line by line."""
        *lines, self._begun = (self._begun + text).split("\n")
        for line in filter(None, map(str.strip, lines)):
            record = logging.LogRecord("entrepot", logging.INFO, "", 0, line, None, None)
            self._stream.write(JsonLines(self._process).format(record) + "\n")
        return len(text)

    def flush(self) -> None:
        """Pass it on."""
        self._stream.flush()

    def fileno(self) -> int:
        """The stream's."""
        return self._stream.fileno()

    def isatty(self) -> bool:
        """It is for programs."""
        return False


def set_up_logging(form: Format, level: str, process: str) -> None:
    """Have this process, called `process`, log to standard error in this form, from this level on."""
    stream = sys.stderr
    handler = logging.StreamHandler(stream)
    if form == "json":
        handler.setFormatter(JsonLines(process))
        sys.stderr = JsonText(stream, process)
    else:
        handler.setFormatter(logging.Formatter(_TEXT))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    logging.getLogger("uvicorn").setLevel(logging.WARNING)


def log_exchanges(entries: Sequence[Entry]) -> None:
    """A line for each exchange: who asked, what answered, how it ended, what it took. None of what was said."""
    for entry in entries:
        fields = {
            "exchange": entry.id,
            "key": entry.key,
            "team": entry.team,
            "route": entry.route,
            "asked_model": entry.asked_model,
            "dialect": entry.dialect,
            "state": entry.state,
            "status": entry.status,
            "deployment": None if entry.served is None else entry.served.deployment,
            "attempts": len(entry.attempts),
            "duration_ms": round(entry.duration_ms, 1),
            "added_ms": round(entry.added_ms, 3),
            "first_token_ms": None if entry.first_token_ms is None else round(entry.first_token_ms, 1),
            "input_tokens": None if entry.usage is None else entry.usage.all_input,
            "output_tokens": None if entry.usage is None else entry.usage.all_output,
            "cost_nano_usd": entry.cost_nano_usd,
            "error": entry.error_code,
            "trace_id": None if entry.trace is None else entry.trace.id,
        }
        told = " ".join(f"{name}={value}" for name, value in fields.items() if value is not None and name != "exchange")
        _exchanges.info("exchange %s %s", entry.id, told, extra={"fields": {**fields, "message": "exchange"}})


def _moment(created_s: float) -> str:
    moment = datetime.datetime.fromtimestamp(created_s, datetime.UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
