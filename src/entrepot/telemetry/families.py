"""What is measured: every metric with its name, its meaning and its labels.

Rules of this file: names and units are those of Prometheus (seconds, bytes, `_total`). A label takes its values from what the
operator has configured or from lists of ours, never from what a client sends. Money is counted in whole nano-dollars and shown in
dollars (`scale`).
"""

from __future__ import annotations

from typing import Literal

import msgspec

Kind = Literal["counter", "gauge", "histogram"]


class Family(msgspec.Struct, frozen=True):
    """One metric. `buckets` are upper bounds, of a histogram alone; a value shown is the one kept times `scale`."""

    name: str
    kind: Kind
    help: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()
    scale: float = 1.0


_WAITS_S = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 40.0, 80.0, 160.0, 320.0)
_OURS_S = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0)

EXCHANGES = Family(
    "entrepot_exchanges_total",
    "counter",
    "Exchanges that have ended, refused ones included.",
    ("dialect", "route", "state", "status"),
)
EXCHANGE_SECONDS = Family(
    "entrepot_exchange_seconds", "histogram", "From a request's head to the end of its answer.", ("route",), _WAITS_S
)
FIRST_TOKEN_SECONDS = Family(
    "entrepot_time_to_first_token_seconds",
    "histogram",
    "From a request's head to the first content of its answer.",
    ("deployment",),
    _WAITS_S,
)
ADDED_SECONDS = Family(
    "entrepot_added_seconds", "histogram", "The part of an exchange's time that was the gateway's own.", (), _OURS_S
)
TOKENS = Family(
    "entrepot_tokens_total",
    "counter",
    "Tokens billed, by kind; those of a kind are in no other.",
    ("deployment", "kind"),
)
COST = Family(
    "entrepot_cost_usd_total", "counter", "What attempts cost, in dollars.", ("deployment",), scale=0.000000001
)
UNPRICED = Family(
    "entrepot_unpriced_attempts_total", "counter", "Attempts whose cost is unknown, and in no sum.", ("deployment",)
)
BASELINE = Family(
    "entrepot_baseline_usd_total",
    "counter",
    "What the baseline would have cost, of exchanges that have one.",
    ("route",),
    scale=0.000000001,
)
COMPARED = Family(
    "entrepot_compared_cost_usd_total",
    "counter",
    "What the exchanges that have a baseline did cost.",
    ("route",),
    scale=0.000000001,
)
ATTEMPTS = Family(
    "entrepot_attempts_total", "counter", "Calls to deployments, by how they ended.", ("deployment", "outcome")
)
ERRORS = Family("entrepot_errors_total", "counter", "Errors that clients were answered with.", ("code",))
LOST = Family("entrepot_entries_lost_total", "counter", "Entries that could not be written to the spool.")
OUTCOMES = Family(
    "entrepot_outcomes_total",
    "counter",
    "Outcomes found out after an answer was sent: by checks, judges and signs in the traffic.",
    ("source",),
)
OUTCOMES_MISSED = Family(
    "entrepot_outcomes_missed_total",
    "counter",
    "Outcomes that were to be found out and were not, by why: queue_full, too_long, unread, check_failed, not_judged, unwritten.",
    ("why",),
)
SHADOWS = Family(
    "entrepot_shadows_total",
    "counter",
    "Exchanges drawn to be asked again beside what was sent: what became of that.",
    ("result",),
)
CONTENT = Family(
    "entrepot_content_total",
    "counter",
    "Exchanges of routes that keep what is said: kept, withheld (by a rule or the client), too long, or failed to write.",
    ("route", "result"),
)
CONTENT_BYTES = Family(
    "entrepot_content_bytes_total", "counter", "Content written to the spool, before the answer is read.", ("route",)
)
DROPPED = Family(
    "entrepot_metrics_dropped_total", "counter", "Counts that are missing here for want of room for more labels."
)
UNDER_WAY = Family("entrepot_exchanges_under_way", "gauge", "Exchanges that have not ended.")
WAITING = Family("entrepot_exchanges_waiting", "gauge", "Exchanges that wait for their turn at a limit.")
CONNECTIONS = Family("entrepot_upstream_connections", "gauge", "Connections to providers.", ("state",))
HEALTH = Family(
    "entrepot_deployment_processes",
    "gauge",
    "Gateway processes in which a deployment's circuit is closed (it is well), open, half open or returning.",
    ("deployment", "state"),
)
SPOOL_TROUBLE = Family(
    "entrepot_spool_failing_processes", "gauge", "Gateway processes that cannot write entries down at the moment."
)
CERTIFICATE_END = Family(
    "entrepot_certificate_end_timestamp_seconds", "gauge", "When the first certificate of a place ends.", ("where",)
)
INGESTED = Family("entrepot_ingested_entries_total", "counter", "Entries brought from spools into the ledger.")
INGEST_FAILURES = Family(
    "entrepot_ingest_failures_total",
    "counter",
    "Times that the ledger did not take entries, which then wait in the spools.",
)
INGEST_FAILING = Family(
    "entrepot_ingest_failing", "gauge", "1 while the ledger takes no entries, which then wait in the spools."
)
SPOOL_WAITING = Family("entrepot_spool_waiting_bytes", "gauge", "Entries in spools that are not in the ledger yet.")
EXPORTED = Family(
    "entrepot_exported_exchanges_total",
    "counter",
    "Exchanges whose spans the collector has taken (`exported`) or will never get (`dropped`).",
    ("outcome",),
)
EXPORT_WAITING = Family("entrepot_export_waiting", "gauge", "Exchanges whose spans wait for the collector.")
EXPORT_FAILING = Family(
    "entrepot_export_failing", "gauge", "1 while the collector does not take traces, or metrics.", ("signal",)
)
DRIFT_ALARM = Family(
    "entrepot_drift_alarm",
    "gauge",
    "1 while something is not what it was: prompts, outcomes, a promise or prices.",
    ("kind",),
)
LIVE_OUTCOMES = Family("entrepot_live_outcomes", "gauge", "Exchanges with an outcome that the router may learn from.")
TAKEN_IN = Family(
    "entrepot_outcomes_taken_in", "gauge", "Of them, those taken in since the router in force was promoted."
)
LAST_REFIT = Family(
    "entrepot_last_refit_timestamp_seconds", "gauge", "When the last refit that has ended began; 0 before the first."
)

# What is found at the time of a scrape, and kept nowhere.
PROCESS_UP = Family("entrepot_process_up", "gauge", "1 for a process that runs, 0 for one that does not.", ("process",))
PROCESS_START = Family(
    "entrepot_process_start_timestamp_seconds", "gauge", "When a process began, or began again.", ("process",)
)
PROCESS_CPU = Family("entrepot_process_cpu_seconds_total", "counter", "Processor time of a process.", ("process",))
PROCESS_MEMORY = Family("entrepot_process_resident_bytes", "gauge", "Memory of a process.", ("process",))
SPOOL_FILES = Family("entrepot_spool_bytes", "gauge", "What the files of spools hold.")
INFO = Family("entrepot_info", "gauge", "1; which version this is.", ("version",))

KEPT: tuple[Family, ...] = (
    EXCHANGES,
    EXCHANGE_SECONDS,
    FIRST_TOKEN_SECONDS,
    ADDED_SECONDS,
    TOKENS,
    COST,
    UNPRICED,
    BASELINE,
    COMPARED,
    ATTEMPTS,
    ERRORS,
    LOST,
    OUTCOMES,
    OUTCOMES_MISSED,
    SHADOWS,
    CONTENT,
    CONTENT_BYTES,
    DROPPED,
    UNDER_WAY,
    WAITING,
    CONNECTIONS,
    HEALTH,
    SPOOL_TROUBLE,
    CERTIFICATE_END,
    INGESTED,
    INGEST_FAILURES,
    INGEST_FAILING,
    SPOOL_WAITING,
    EXPORTED,
    EXPORT_WAITING,
    EXPORT_FAILING,
    DRIFT_ALARM,
    LIVE_OUTCOMES,
    TAKEN_IN,
    LAST_REFIT,
)
FOUND: tuple[Family, ...] = (PROCESS_UP, PROCESS_START, PROCESS_CPU, PROCESS_MEMORY, SPOOL_FILES, INFO)
FAMILIES: tuple[Family, ...] = (*KEPT, *FOUND)
BY_NAME = {family.name: family for family in FAMILIES}
