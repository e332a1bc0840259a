from __future__ import annotations

import json

import msgspec
import pytest

from entrepot.dialects.base import Asked, Envelope
from entrepot.dialects.registry import CLIENT_PATHS
from entrepot.errors import InvalidRequest
from entrepot.exchange.circumstance import Seen
from entrepot.exchange.sensing import SensingSettings, Sensor
from entrepot.policy.numbers import load_numbers
from entrepot.server.inspection import Inspector

CHAT = CLIENT_PATHS["/v1/chat/completions"]
MAIL = "zhang.wei@qq.com"
IDLE = Inspector(Sensor(SensingSettings(), frozenset(), {}, load_numbers), "CF-IPCountry", ["10.0.0.0/8"])
BUSY = Inspector(Sensor(SensingSettings(), frozenset({"personal"}), {None: ("email",)}, load_numbers))


def asked(text: str, **more: object) -> Asked:
    return CHAT.parse_request(
        json.dumps({"model": "m", "messages": [{"role": "user", "content": text}], **more}).encode()
    )


def envelope(**headers: str) -> Envelope:
    return Envelope("/v1/chat/completions", "", {k.replace("_", "-").encode(): v.encode() for k, v in headers.items()})


async def test_what_headers_say_is_added() -> None:
    said = envelope(x_entrepot_data_class=" personal, %E6%9C%BA%E5%AF%86", x_entrepot_client_region="de,CN")
    request, seen = await IDLE.inspect(one := asked("hi"), CHAT, said)
    assert request is one
    assert seen == Seen(frozenset({"personal", "机密"}), {}, None, frozenset({"DE", "CN"}))


@pytest.mark.parametrize(("word", "region"), [("de", "DE"), ("XX", None), ("T1", None), ("", None), ("Germany", None)])
async def test_the_proxy_is_believed_where_it_names_a_country(word: str, region: str | None) -> None:
    _, seen = await IDLE.inspect(asked("hi"), CHAT, envelope(cf_ipcountry=word), "10.1.2.3")
    assert seen.region == region


@pytest.mark.parametrize("peer", ["192.0.2.1", "", None])
async def test_nobody_else_is_believed_to_say_where_clients_are(peer: str | None) -> None:
    _, seen = await IDLE.inspect(asked("hi"), CHAT, envelope(cf_ipcountry="DE"), peer)
    assert seen.region is None


async def test_no_header_is_believed_where_the_operator_names_none() -> None:
    _, seen = await BUSY.inspect(asked("hi"), CHAT, envelope(cf_ipcountry="DE"))
    assert seen.region is None


@pytest.mark.parametrize(
    ("header", "value", "said"),
    [
        ("x_entrepot_client_region", "Germany", "not a country"),
        ("x_entrepot_data_class", ",".join(map(str, range(17))), "the limit is 16"),
        ("x_entrepot_data_class", "%E6%9C", "not UTF-8"),
    ],
)
async def test_what_cannot_be_read_is_refused_because_it_would_not_narrow(header: str, value: str, said: str) -> None:
    with pytest.raises(InvalidRequest, match=said):
        await IDLE.inspect(asked("hi"), CHAT, envelope(**{header: value}))


@pytest.mark.parametrize("padding", [0, 60_000])
async def test_nothing_of_what_is_taken_out_is_left_in_any_form(padding: int) -> None:
    text = f"{'词' * padding} 我是{MAIL}"
    request, seen = await BUSY.inspect(asked(text, user=MAIL, x_own={"deep": [MAIL]}), CHAT, envelope())
    assert seen.counts == {"email": 3}
    assert seen.data_classes == {"personal"}
    assert MAIL not in repr(request)
    assert MAIL.encode() not in b"".join(map(bytes, request.fields.values()))
    assert "<email-1>" in request.request.messages[0].text()


async def test_what_a_request_is_to_be_answered_with_stays_beside_it() -> None:

    told = msgspec.structs.replace(asked(MAIL), echo={"id": "resp_1"}, headers=((b"a", b"b"),))
    request, _ = await BUSY.inspect(told, CHAT, envelope())
    assert (request.echo, request.headers) == ({"id": "resp_1"}, ((b"a", b"b"),))
