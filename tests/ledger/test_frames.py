from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from entrepot.ledger.frames import HEADER_BYTES, MAGIC, Damage, frame, scan

payloads = st.lists(st.binary(max_size=60) | st.just(MAGIC * 3), max_size=8)


def read(data: bytes, *, ended: bool = True) -> tuple[list[bytes], list[Damage]]:
    records = [record for record, _ in scan(data, ended=ended)]
    return [one for one in records if isinstance(one, bytes)], [one for one in records if isinstance(one, Damage)]


@given(payloads)
def test_what_was_framed_is_read_back_in_order(written: list[bytes]) -> None:
    assert read(b"".join(map(frame, written))) == (written, [])


@given(payloads, st.data())
def test_a_cut_file_gives_every_whole_record_and_says_that_its_end_is_torn(
    written: list[bytes], draw: st.DataObject
) -> None:
    data = b"".join(map(frame, written))
    cut = draw.draw(st.integers(0, len(data)))
    found, damage = read(data[:cut])
    assert found == written[: len(found)]
    whole = sum(len(frame(payload)) for payload in found)
    if cut == whole:
        assert damage == []
    else:
        assert damage == [Damage("torn", whole, cut - whole)]


@given(payloads, st.data())
def test_a_growing_file_is_read_up_to_its_last_whole_record_and_followed_from_there(
    written: list[bytes], draw: st.DataObject
) -> None:
    data = b"".join(map(frame, written))
    cut = draw.draw(st.integers(0, len(data)))
    first = list(scan(data[:cut], ended=False))
    offset = first[-1][1] if first else 0
    second = list(scan(data[offset:], ended=False))
    assert [record for record, _ in first + second] == written


@given(st.lists(st.binary(min_size=1, max_size=60), min_size=1, max_size=8), st.data())
def test_one_changed_byte_costs_one_record_and_is_reported(written: list[bytes], draw: st.DataObject) -> None:
    frames = [frame(payload) for payload in written]
    data = bytearray(b"".join(frames))
    at = draw.draw(st.integers(0, len(data) - 1))
    data[at] ^= draw.draw(st.integers(1, 255))
    hit = next(n for n in range(len(frames)) if at < sum(map(len, frames[: n + 1])))
    found, damage = read(bytes(data))
    assert found == written[:hit] + written[hit + 1 :]
    assert sum(part.length for part in damage) == len(frames[hit])
    assert damage[0].offset == sum(map(len, frames[:hit]))


def test_damage_in_the_middle_of_a_growing_file_is_passed_once_a_sound_record_follows() -> None:
    bad = bytearray(frame(b"second"))
    bad[-1] ^= 1
    growing = frame(b"first") + bytes(bad)
    assert read(growing, ended=False) == ([b"first"], [])
    found, damage = read(growing + frame("第三".encode()), ended=False)
    assert found == [b"first", "第三".encode()]
    assert damage == [Damage("corrupt", len(frame(b"first")), len(bad))]


def test_a_length_beyond_the_end_of_the_file_does_not_hide_the_records_after_it() -> None:
    bad = bytearray(frame(b"bad"))
    bad[len(MAGIC) + 1] = 0x40  # 16 kB longer than it is
    found, damage = read(bytes(bad) + frame(b"good"), ended=False)
    assert found == [b"good"]
    assert [part.kind for part in damage] == ["corrupt"]


def test_zeros_after_a_power_cut_are_corrupt_not_torn() -> None:
    found, damage = read(frame(b"kept") + bytes(512))
    assert found == [b"kept"]
    assert damage == [Damage("corrupt", HEADER_BYTES + 4, 512)]
