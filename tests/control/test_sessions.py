from __future__ import annotations

import pytest

from entrepot.control import sessions
from entrepot.control.people import Person
from entrepot.control.sessions import COOKIE, Sessions, read_cookie, render_cookie, token_of

ALICE = Person("alice", "admin", "oidc")


def test_a_session_lasts_its_time_and_no_longer() -> None:
    kept = Sessions(60)
    token = kept.open(1000, person=ALICE)
    found = kept.find(token, 1059.9)
    assert found is not None
    assert found.person == ALICE
    assert kept.find(token, 1060) is None
    assert kept.find(f"{token}x", 1000) is None


def test_a_closed_session_is_over() -> None:
    kept = Sessions(60)
    token, other = kept.open(0, sha256="a"), kept.open(0, sha256="b")
    kept.close(token)
    kept.close("never opened")
    assert kept.find(token, 1) is None
    assert kept.find(other, 1) is not None


def test_tokens_are_kept_as_digests() -> None:
    kept = Sessions(60)
    token = kept.open(0, sha256="a")
    assert token not in repr(vars(kept))


def test_sessions_do_not_pile_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "MOST_SESSIONS", 3)
    kept = Sessions(60)
    tokens = [kept.open(0, sha256=str(number)) for number in range(4)]
    assert [kept.find(token, 1) is not None for token in tokens] == [False, True, True, True]


def test_a_cookie_is_not_for_scripts_nor_for_other_sites() -> None:
    name, value = render_cookie(COOKIE, "token", 60.5, secure=True)
    assert name == b"set-cookie"
    assert value == b"entrepot-session=token; Max-Age=60; Path=/; HttpOnly; SameSite=Lax; Secure"
    assert b"Secure" not in render_cookie(COOKIE, "", 0, secure=False)[1]


@pytest.mark.parametrize(
    ("header", "token"),
    [
        (b"entrepot-session=abc", "abc"),
        (b"a=b; entrepot-session=abc; c=d", "abc"),
        (b"", None),
        (b"other=abc", None),
        (b"\xff=;;=", None),
        (b'entrepot-session="a', None),
    ],
)
def test_a_token_is_read_from_the_cookies(header: bytes, token: str | None) -> None:
    assert token_of({b"cookie": header}) == token
    assert read_cookie({}, COOKIE) is None
