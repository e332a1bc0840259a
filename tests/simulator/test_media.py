import base64

from entrepot.simulator.media import decoded, decoded_bytes_field, line_of, line_of_data_url, looks_like
from tests.simulator.sdk_world import PIXEL

PNG = base64.b64decode(PIXEL)


def test_base64_is_read_strictly_and_as_protocol_buffers_do() -> None:
    assert decoded("-_8=") is None
    assert decoded("+/8") is None
    assert decoded_bytes_field("-_8") == decoded_bytes_field("+/8=") == decoded("+/8=") == b"\xfb\xff"
    assert decoded_bytes_field("*") is None


def test_a_picture_is_told_by_how_it_begins() -> None:
    assert looks_like(PNG, "image/png")
    assert not looks_like(PNG, "image/jpeg")
    assert looks_like(PNG, "image/unheard-of")


def test_a_line_stands_for_what_was_sent() -> None:
    assert line_of_data_url(f"data:image/png;base64,{PIXEL}") == line_of("image/png", PNG)
    assert line_of("image/png", PNG) != line_of("image/png", PNG + b"!")
    assert line_of_data_url("https://x/y") == "[at https://x/y]"


def test_what_is_no_picture_has_no_line() -> None:
    for url in (f"data:image/jpeg;base64,{PIXEL}", "data:image/png;base64,*", "data:image/png,x", "ftp://x"):
        assert line_of_data_url(url) is None
