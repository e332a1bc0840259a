from __future__ import annotations

import uuid

from hypothesis import given
from hypothesis import strategies as st

from entrepot.drive.identity import new_exchange_id

moments = st.integers(0, 2**48 * 1_000_000 - 1)


@given(moments)
def test_an_id_is_a_uuid_of_version_7_that_holds_its_millisecond(now_ns: int) -> None:
    made = uuid.UUID(new_exchange_id(now_ns))
    assert (made.version, made.variant) == (7, uuid.RFC_4122)
    assert made.int >> 80 == now_ns // 1_000_000


@given(st.lists(moments, max_size=5, unique_by=lambda now_ns: now_ns // 1_000_000))
def test_ids_sort_by_time(moments_ns: list[int]) -> None:
    ids = {new_exchange_id(now_ns): now_ns for now_ns in moments_ns}
    assert [ids[id_] for id_ in sorted(ids)] == sorted(moments_ns)


def test_ids_of_one_moment_differ() -> None:
    assert len({new_exchange_id(1) for _ in range(1000)}) == 1000
