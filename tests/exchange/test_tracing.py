"""What is made of a client's trace, and what a provider is told of it."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from entrepot.exchange.commands import CallUpstream
from entrepot.exchange.records import Trace
from entrepot.exchange.tracing import (
    MOST_STATE_CHARS,
    TraceRules,
    Tracing,
    Where,
    attempt_span_id,
    begin_tracing,
    exchange_span_id,
    parse_traceparent,
    passed_state,
)
from tests.exchange.frames import chunk, end, error, ok
from tests.exchange.things import a_deployment
from tests.exchange.transcript import Story, candidate, plan_for

ID = "01a202ef-f84a-7916-affa-ebdc3d382150"
TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
GIVEN = f"00-{TRACE}-{SPAN}-01".encode()
RECORDING = TraceRules(records=True)
THERE, HERE = a_deployment("host/m"), a_deployment("own/m", on_premises=True)


def begun(rules: TraceRules = RECORDING, *given: bytes, state: bytes = b"") -> Tracing:
    tracing = begin_tracing(rules, ID, given, state)
    assert tracing is not None
    return tracing


def told(tracing: Tracing, attempt: int = 0) -> bytes:
    ((name, value),) = tracing.headers(ID, attempt, THERE)
    assert name == b"traceparent"
    return value


def test_without_spans_of_ours_a_clients_trace_is_passed_on_as_it_is() -> None:
    assert told(begun(TraceRules(), GIVEN)) == GIVEN
    assert told(begun(TraceRules(), GIVEN), attempt=1) == GIVEN
    assert told(begun(TraceRules(), GIVEN[:-2] + b"00")) == GIVEN[:-2] + b"00"
    assert begin_tracing(TraceRules(), ID, ()) is None


def test_with_spans_of_ours_each_attempt_is_the_parent_of_what_its_provider_does() -> None:
    tracing = begun(RECORDING, GIVEN)
    assert tracing.trace == Trace(TRACE, SPAN, 1, recorded=True)
    spans = {told(tracing, attempt) for attempt in range(100)}
    assert spans == {f"00-{TRACE}-{attempt_span_id(ID, attempt)}-01".encode() for attempt in range(100)}
    assert len(spans) == 100


def test_a_trace_that_begins_here_has_the_digits_of_the_exchanges_id() -> None:
    tracing = begun()
    assert tracing.trace == Trace("01a202eff84a7916affaebdc3d382150", None, 1, recorded=True)
    assert told(tracing) == f"00-01a202eff84a7916affaebdc3d382150-{attempt_span_id(ID, 0)}-01".encode()


def test_what_the_client_does_not_sample_nobody_does() -> None:
    unsampled = GIVEN[:-2] + b"00"
    tracing = begun(RECORDING, unsampled)
    assert not tracing.trace.recorded
    assert told(tracing) == unsampled


@given(st.uuids(version=4), st.floats(0, 1))
def test_of_traces_that_begin_here_a_share_is_kept_and_providers_are_told_whether(uuid: object, share: float) -> None:
    tracing = begin_tracing(TraceRules(records=True, sample=share), str(uuid), ())
    assert tracing is not None
    kept = int(str(uuid).replace("-", "")[-14:], 16) / 2**56 < share
    assert tracing.trace.recorded is kept
    assert told(tracing).endswith(b"-01" if kept else b"-00")


def test_a_share_of_all_or_none_is_all_or_none() -> None:
    highest = f"{ID[:22]}f-ffffffffffff"
    all_ = begin_tracing(TraceRules(records=True, sample=1.0), highest, ())
    none = begin_tracing(TraceRules(records=True, sample=0.0), f"{ID[:19]}8000-000000000000", ())
    assert all_ is not None
    assert none is not None
    assert (all_.trace.recorded, none.trace.recorded) == (True, False)


@given(st.uuids(), st.integers(0, 1000))
def test_span_ids_are_sixteen_digits_and_never_nothing_or_each_others(uuid: object, attempt: int) -> None:
    spans = {exchange_span_id(str(uuid)), attempt_span_id(str(uuid), attempt), attempt_span_id(str(uuid), attempt + 1)}
    assert len(spans) == 3
    assert all(len(span) == 16 and int(span, 16) for span in spans)


MALFORMED = {
    "empty": b"",
    "words": b"everything",
    "short": GIVEN[:-1],
    "upper case": GIVEN.upper(),
    "no trace": f"00-{'0' * 32}-{SPAN}-01".encode(),
    "no parent": f"00-{TRACE}-{'0' * 16}-01".encode(),
    "a forbidden version": b"ff" + GIVEN[2:],
    "more of the first version": GIVEN + b"-00",
    "more of a later version without a dash": b"01" + GIVEN[2:] + b".x",
    "a version of one digit": GIVEN[1:],
    "spaces inside": GIVEN.replace(b"-", b" "),
    "a line end": GIVEN + b"\n",
    "not ASCII": GIVEN[:-1] + "１".encode(),
}


@pytest.mark.parametrize("value", MALFORMED.values(), ids=MALFORMED)
def test_a_malformed_traceparent_is_ignored_with_its_tracestate(value: bytes) -> None:
    assert parse_traceparent(value) is None
    assert begin_tracing(TraceRules(), ID, (value,), b"a=1") is None
    assert begun(RECORDING, value, state=b"a=1") == begun()


def test_two_traceparents_say_nothing() -> None:
    assert begin_tracing(TraceRules(), ID, (GIVEN, GIVEN)) is None


def test_a_later_version_is_read_as_far_as_this_one_goes() -> None:
    assert told(begun(TraceRules(), b"cc" + GIVEN[2:] + b"-what-the-future-will-be-like")) == GIVEN


@given(st.binary(max_size=80))
def test_whatever_is_sent_what_is_told_is_well_formed(value: bytes) -> None:
    tracing = begin_tracing(TraceRules(), ID, (value,), value)
    if tracing is not None:
        assert parse_traceparent(told(tracing)) is not None


STATES = {
    b"a=1": b"a=1",
    b"rojo=00f067aa0ba902b7 , congo=t61rcWkgMzE": b"rojo=00f067aa0ba902b7,congo=t61rcWkgMzE",
    b"a=1,,b=2, ": b"a=1,b=2",
    b"0tenant@vendor=x y": b"0tenant@vendor=x y",
    b"a=1,a=2": b"",
    b"A=1": b"",
    b"a": b"",
    b"a=": b"",
    b"a=b=c": b"",
    b"a=1\nb=2": b"",
    "a=您".encode(): b"",
    b",".join(b"k%d=v" % number for number in range(33)): b"",
}


@pytest.mark.parametrize(("given", "passed"), STATES.items())
def test_a_tracestate_is_passed_on_whole_or_not_at_all(given: bytes, passed: bytes) -> None:
    assert passed_state(given) == passed


def test_of_a_long_tracestate_long_members_go_first_then_the_oldest() -> None:
    long, short = b"long=" + b"x" * 200, [b"k%02d=" % number + b"y" * 20 for number in range(20)]
    assert passed_state(b",".join([short[0], long, *short[1:]])) == b",".join(short[:20])
    members = [b"m%02d=" % number + b"z" * 60 for number in range(20)]
    passed = passed_state(b",".join(members))
    assert len(passed) <= MOST_STATE_CHARS
    assert passed == b",".join(members[:7])


@pytest.mark.parametrize(
    ("parent", "state", "there", "here"),
    [
        ("everywhere", "everywhere", 2, 2),
        ("everywhere", "on_premises", 1, 2),
        ("everywhere", "nowhere", 1, 1),
        ("on_premises", "everywhere", 0, 2),
        ("on_premises", "nowhere", 0, 1),
        ("nowhere", "everywhere", 0, 0),
    ],
)
def test_who_may_not_be_told_of_a_trace_is_told_nothing_of_it(
    parent: Where, state: Where, there: int, here: int
) -> None:
    tracing = begun(TraceRules(traceparent=parent, tracestate=state), GIVEN, state=b"a=1")
    assert [len(tracing.headers(ID, 0, deployment)) for deployment in (THERE, HERE)] == [there, here]
    assert tracing.headers(ID, 0, HERE)[1:] in ((), ((b"tracestate", b"a=1"),))


def test_every_call_of_an_exchange_brings_its_own_span_and_the_entry_keeps_the_trace() -> None:
    plan = plan_for(candidate("a/m"), candidate("b/m"))
    story = Story(msgspec.structs.replace(plan, id=ID, tracing=begun(RECORDING, GIVEN)))
    story.happens(*error(0, 500), after_s=2.0)
    story.happens(ok(1), chunk("hi", 1), end(1), after_s=1.0)
    calls = [command for command in story.commands if isinstance(command, CallUpstream)]
    assert [call.beside for call in calls] == [
        ((b"traceparent", f"00-{TRACE}-{attempt_span_id(ID, number)}-01".encode()),) for number in (0, 1)
    ]
    assert story.entry.trace == Trace(TRACE, SPAN, 1, recorded=True)
    assert [attempt.started_ms for attempt in story.entry.attempts] == [0.0, 2000.0]


def test_an_exchange_of_no_trace_tells_nobody_of_any() -> None:
    story = Story(plan_for(candidate("a/m")))
    story.happens(ok(), chunk("hi"), end())
    assert [command.beside for command in story.commands if isinstance(command, CallUpstream)] == [()]
    assert story.entry.trace is None
