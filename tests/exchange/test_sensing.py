from __future__ import annotations

import base64
import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from entrepot.errors import InvalidRequest, OperatorError
from entrepot.exchange.sensing import SensingSettings, Sensor
from entrepot.policy.numbers import Numbers, load_numbers

MAIL, PHONE = "zhang.wei@qq.com", "13812345678"


def fields(value: dict[str, Any]) -> dict[str, msgspec.Raw]:
    """A request's own fields, as they came in."""
    return msgspec.json.decode(json.dumps(value), type=dict[str, msgspec.Raw])


def sensor(*ruled: str, redact: tuple[str, ...] = (), **more: Any) -> Sensor:
    return Sensor(SensingSettings(**more), frozenset(ruled), {"auto": redact, None: ()}, load_numbers)


def unavailable() -> Numbers:
    raise OperatorError("python-stdnum is not installed")


def test_where_no_rule_asks_nothing_is_looked_for() -> None:
    idle = Sensor(SensingSettings(), frozenset({"hr"}), {"auto": ()}, unavailable)
    assert not idle.looks
    assert idle.look(fields({"messages": MAIL}), "auto").counts == {}


def test_what_needs_no_check_digits_needs_no_library() -> None:
    secrets = Sensor(SensingSettings(), frozenset({"secret"}), {}, unavailable)
    assert secrets.look(fields({"x": "sk-abcdefghijklmnopqrstuvwx"}), "auto").data_classes == {"secret"}


def test_a_rule_that_needs_a_library_which_is_not_there_is_an_error() -> None:
    with pytest.raises(OperatorError, match="not installed"):
        Sensor(SensingSettings(), frozenset({"personal"}), {}, unavailable)


@pytest.mark.parametrize(
    "request_body",
    [
        {"messages": [{"role": "system", "content": f"Write to {MAIL}"}]},
        {"messages": [{"role": "user", "content": [{"type": "text", "text": f"我是{MAIL}"}]}]},
        {"messages": [{"role": "tool", "tool_call_id": "1", "content": MAIL}]},
        {"messages": [{"role": "assistant", "tool_calls": [{"function": {"arguments": json.dumps({"to": MAIL})}}]}]},
        {"messages": [{"role": "assistant", "tool_calls": [{"function": {"arguments": '{"to": "\\n' + MAIL}}]}]},
        {"tools": [{"function": {"name": "f", "description": f"for {MAIL}", "parameters": {}}}]},
        {"tools": [{"function": {"name": "f", "parameters": {"properties": {MAIL: {}}}}}]},
        {"messages": [{"role": "user", "content": [{"type": "file", "file": {"filename": f"{MAIL}.pdf.cn"}}]}]},
        {"input": ["a", MAIL]},
        {"user": MAIL},
        {"metadata": {"a": {"b": [MAIL]}}},
        {"model": MAIL},
    ],
)
def test_the_whole_request_is_looked_at(request_body: dict[str, Any]) -> None:
    found = sensor("personal").look(fields(request_body), "auto")
    assert found.counts == {"email": 1}
    assert found.data_classes == {"personal"}
    assert found.redacted is None


def test_json_inside_of_json_is_read_as_what_it_says() -> None:
    inner = json.dumps({"lines": f"a\n{PHONE}\n{MAIL}"})
    found = sensor("personal").look(fields({"arguments": json.dumps({"body": inner})}), "auto")
    assert found.counts == {"phone": 1, "email": 1}


def test_a_number_without_quotes_counts_and_is_taken_out() -> None:
    found = sensor("personal", redact=("phone",)).look(fields({"a": {"phone": int(PHONE), "top": 7}}), "auto")
    assert found.counts == {"phone": 1}
    assert found.redacted == {"a": {"phone": "<phone-1>", "top": 7}}


def test_what_is_base64_is_not_looked_into() -> None:
    image = "data:image/png;base64," + "Abc1" * 200
    assert sensor("personal", always=True).look(fields({"url": image}), "auto").counts == {}


@pytest.mark.parametrize(
    ("one", "kind"), [("4111111111111111", "card"), (f"+86{PHONE}", "phone"), ("sk-" + "a1B2c3D4e5" * 5, "api_key")]
)
def test_numbers_and_keys_below_each_other_are_not_taken_for_base64(one: str, kind: str) -> None:
    found = sensor("personal", always=True).look(fields({"content": "\n".join([one] * 30)}), "auto")
    assert found.counts == {kind: 30}


def test_base64_in_lines_is_not_looked_into() -> None:
    data = "\n".join(["Abc1" * 19] * 20)
    assert sensor("personal", always=True).look(fields({"data": data}), "auto").counts == {}


@pytest.mark.parametrize("written", [json.dumps({"said": f"a\n{PHONE}"}), json.dumps({"said": f"手机{PHONE}"})])
def test_a_number_after_what_json_escapes_is_found_in_a_text_that_is_not_json_alone(written: str) -> None:
    found = sensor(redact=("phone",)).look(fields({"content": f"The record: {written}"}), "auto")
    assert found.redacted == {"content": f"The record: {written.replace(PHONE, '<phone-1>')}"}


@pytest.mark.parametrize("name", ["role", "type", "object", "model", "seed"])
def test_what_the_fields_of_a_call_are_called_keeps_nothing_in_it(name: str) -> None:
    input_, arguments = {name: MAIL, "deep": {name: MAIL}}, json.dumps({name: f"{MAIL}\n"})
    said = [{"type": "tool_use", "input": input_}, {"functionCall": {"args": input_}}, {"arguments": arguments}]
    found = sensor(redact=("email",)).look(fields({"messages": said}), "auto")
    assert MAIL not in json.dumps(found.redacted)
    assert found.counts == {"email": 5}


def test_what_is_taken_out_leaves_the_same_placeholder_for_the_same_text() -> None:
    said = {"a": f"{MAIL}, {PHONE} and x@y.cn", "b": [f"again {MAIL}"], "model": "auto"}
    found = sensor(redact=("email",)).look(fields(said), "auto")
    assert found.redacted == {"a": f"<email-1>, {PHONE} and <email-2>", "b": ["again <email-1>"], "model": "auto"}
    assert found.counts == {"email": 3}


def test_what_is_taken_out_of_json_in_a_text_leaves_json() -> None:
    arguments = json.dumps({"to": f"{MAIL}\n", "n": 1})
    found = sensor(redact=("email",)).look(fields({"arguments": arguments}), "auto")
    assert isinstance(found.redacted, dict)
    assert json.loads(found.redacted["arguments"]) == {"to": "<email-1>\n", "n": 1}


def test_a_route_takes_out_what_it_says_and_others_what_all_do() -> None:
    one = Sensor(SensingSettings(), frozenset(), {"auto": ("email",), None: ("phone",)}, load_numbers)
    said = fields({"a": f"{MAIL} {PHONE}"})
    assert one.look(said, "auto").redacted == {"a": f"<email-1> {PHONE}"}
    assert one.look(said, "some-model").redacted == {"a": f"{MAIL} <phone-1>"}


def test_a_class_of_the_operators_is_found_by_kinds_and_patterns_of_its_own() -> None:
    own = sensor("matter", classes={"matter": ("case_number", "email")}, patterns={"case_number": r"AZ-\d{4}"})
    assert own.look(fields({"a": "AZ-1234"}), "auto").data_classes == {"matter"}
    assert own.look(fields({"a": PHONE}), "auto").counts == {}


def test_a_number_without_quotes_is_found_also_where_it_is_written_with_a_fraction() -> None:
    found = sensor(redact=("phone", "card")).look(
        {"a": msgspec.Raw(b"[13812345678, 13812345678.0, 4.111111111111111e15]")}, "auto"
    )
    assert found.counts == {"phone": 2, "card": 1}
    assert found.redacted == {"a": ["<phone-1>", "<phone-1>", "<card-1>"]}
    beyond = sensor("personal").look({"a": msgspec.Raw(b"[1e300, 1.5e9, 12345678.25]")}, "")
    assert beyond.counts == {}


def test_a_request_that_is_nested_without_end_is_refused() -> None:
    deep = json.loads("[" * 300 + "]" * 300)
    with pytest.raises(InvalidRequest, match="nested"):
        sensor("personal").look(fields({"a": deep}), "auto")


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-(10**6), 10**6) | st.text(max_size=12),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
        max_leaves=12,
    ),
    st.sampled_from([MAIL, f"{PHONE}；", "４１１１ １１１１ １１１１ １１１１"]),
)
def test_wherever_it_stands_it_is_found_and_nothing_of_it_is_left(value: Any, planted: str) -> None:
    kinds = ("email", "phone", "card")
    body = {"a": [value, {"b": f"（{planted}）"}], "c": json.dumps({"d": f"\n{planted}"})}
    found = sensor(redact=kinds).look(fields(body), "auto")
    assert sum(found.counts.get(kind, 0) for kind in kinds) >= 2
    assert planted.rstrip("；") not in json.dumps(found.redacted, ensure_ascii=False)


@pytest.mark.parametrize(
    "written",
    [
        '[{"text": "13812345678", "text": "hi"}]',
        '[{"a": {"k": [1, {"13812345678": 1, "13812345678": 2}]}}]',
        '{"\\u006bey": 1, "key": 2}',
    ],
)
def test_an_object_with_a_name_twice_is_refused_because_one_of_its_values_would_go_on_unread(written: str) -> None:
    with pytest.raises(InvalidRequest, match="'a': an object in it has a name twice") as refused:
        sensor("personal").look({"a": msgspec.Raw(written.encode())}, "auto")
    assert refused.value.code == "name_twice"
    assert PHONE not in refused.value.message


def test_json_inside_of_json_that_has_a_name_twice_is_read_as_it_stands() -> None:
    inside = f'{{"to": "{PHONE}", "to": "\\n"}}'
    assert sensor("personal").look(fields({"arguments": inside}), "auto").counts == {"phone": 1}


@pytest.mark.parametrize("number", ["1" * 23, "1" * 400, "-" + "9" * 310, "1e308"])
def test_a_number_of_any_length_is_read(number: str) -> None:
    assert sensor("regulated").look({"a": msgspec.Raw(number.encode())}, "auto").counts == {}


@pytest.mark.parametrize("head", ["", "data:text/csv;base64,"])
def test_a_text_file_in_base64_is_read_and_goes_on_without_what_is_taken_out(head: str) -> None:
    rows = f"name,phone\n张伟,{PHONE}\n" * 20
    written = head + base64.b64encode(rows.encode()).decode()
    found = sensor(redact=("phone",)).look(fields({"a": {"file_data": written}}), "auto")
    assert found.counts == {"phone": 20}
    assert isinstance(found.redacted, dict)
    left = base64.b64decode(found.redacted["a"]["file_data"].removeprefix(head)).decode()
    assert left == rows.replace(PHONE, "<phone-1>")


@pytest.mark.parametrize(
    "written",
    [
        f"138\u200b1234{5678}",
        "1\u00ad3812345678",
        "\\u00313812345678",
        "1381234567\\u0038",
        "१३८१२३४५६७८",
        "1️⃣3812345678",
    ],
)
def test_nothing_of_a_number_in_other_characters_is_left(written: str) -> None:
    found = sensor(redact=("phone",)).look(fields({"a": f"call {written}!"}), "auto")
    assert found.redacted == {"a": "call <phone-1>!"}
