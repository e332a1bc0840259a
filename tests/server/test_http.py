from __future__ import annotations

from entrepot.server.http import headers_of


def test_of_a_repeated_header_the_first_counts() -> None:
    scope = {"headers": [(b"authorization", b"Bearer a"), (b"authorization", b"Bearer b")]}
    assert headers_of(scope) == {b"authorization": b"Bearer a"}


def test_tags_sent_in_two_lines_are_all_kept() -> None:
    scope = {"headers": [(b"x-entrepot-tags", b"a"), (b"accept", b"*/*"), (b"x-entrepot-tags", b"b, c")]}
    assert headers_of(scope)[b"x-entrepot-tags"] == b"a,b, c"
