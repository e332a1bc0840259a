from __future__ import annotations

from entrepot.upstream.limits import DEFAULT_LIMITS


def test_connections_are_given_up_before_the_usual_load_balancer_does() -> None:
    assert DEFAULT_LIMITS.idle_s < 60
    assert DEFAULT_LIMITS.idle_s < DEFAULT_LIMITS.max_age_s == 300
