from __future__ import annotations

from pathlib import Path

import pytest

from entrepot.errors import CountersUnreachable, EpochMissing
from entrepot.ledger.counters import Move
from entrepot.ledger.redis_counters import open_redis_counters
from tests.ledger.test_counters import NOW_S, Process
from tests.redis_server import RedisServer


def test_a_restart_is_a_lost_memory_and_a_server_that_is_away_is_told(tmp_path: Path) -> None:
    with RedisServer(tmp_path) as server:
        counters = open_redis_counters(server.url)
        counters.begin("e")
        counters.activate("e", "", {})
        process = Process(counters, "a")
        process.report()
        assert process.want(10, 100) == 10
        server.stop()
        with pytest.raises(CountersUnreachable):
            process.want(10, 100)
        server.start()
        assert counters.epoch() is None
        with pytest.raises(EpochMissing):
            process.want(10, 100)
        counters.close()


def test_large_amounts_are_exact(tmp_path: Path) -> None:
    most = 9_000_000 * 10**9
    with RedisServer(tmp_path) as server:
        counters = open_redis_counters(server.url)
        counters.begin("e")
        counters.activate("e", "", {"预算": most - 2})
        process = Process(counters, "a")
        process.report()
        (standing,) = process.report(Move("预算", "money", most, need=1, like=1))
        assert (standing.granted, standing.used, standing.leased) == (1, most - 2, 1)
        (state,) = counters.states(NOW_S)
        assert (state.account, state.used) == ("预算", most - 2)
        counters.close()
