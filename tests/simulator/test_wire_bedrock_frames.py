"""The stand-in's frames, as Amazon's own decoder reads them."""

from __future__ import annotations

from botocore.eventstream import EventStreamBuffer
from hypothesis import given
from hypothesis import strategies as st

from entrepot.simulator.wire_bedrock_frames import event_frame, exception_frame

kinds = st.text(alphabet="abcXYZ", min_size=1, max_size=20)


@given(st.lists(st.tuples(st.booleans(), kinds, st.binary(max_size=300)), min_size=1, max_size=4))
def test_every_frame_is_read_as_it_was_meant(given_frames: list[tuple[bool, str, bytes]]) -> None:
    buffer = EventStreamBuffer()
    for is_event, kind, payload in given_frames:
        buffer.add_data(event_frame(kind, payload) if is_event else exception_frame(kind, payload))
    for (is_event, kind, payload), read in zip(given_frames, buffer, strict=True):
        named = "event" if is_event else "exception"
        assert read.headers == {
            f":{named}-type": kind,
            ":content-type": "application/json",
            ":message-type": named,
        }
        assert read.payload == payload
