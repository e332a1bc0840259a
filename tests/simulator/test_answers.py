import msgspec
import pytest

from entrepot.simulator.answers import REFUSAL, Echo, PrefixCache, Thought, compose
from entrepot.simulator.heard import CacheMark, Heard, OfferedTool
from entrepot.simulator.plan import StandInModel
from entrepot.simulator.said import Reply, spoken_tokens
from entrepot.simulator.tokens import count_tokens

WEATHER = OfferedTool("get_weather", {"type": "object", "properties": {"city": {"type": "string"}}})
CLOCK = OfferedTool("get_time", {})


class Fixed:
    """A mind with one thought."""

    def __init__(self, thought: Thought) -> None:
        self.thought = thought

    def think(self, prompt: str, sample: int) -> Thought:
        return self.thought


def reply_to(request: Heard, thought: Thought, model: StandInModel | None = None) -> Reply:
    return compose(request, model or StandInModel("m"), Fixed(thought), PrefixCache(), "id", 0)


def request(prompt: str = "hello there", **more: object) -> Heard:
    return msgspec.convert({"model": "m", "prompt": prompt, "read": prompt, **more}, Heard)


PORT = Thought("It is a port. Answer: Lyon", "Lyon")


def test_text_is_billed_by_its_tokens() -> None:
    reply = reply_to(request(), PORT)
    assert reply.choices[0].text == PORT.text
    assert reply.tokens.output_tokens == count_tokens(PORT.text) == spoken_tokens(reply)
    assert reply.tokens.input_tokens == count_tokens("hello there")


def test_recorded_counts_win() -> None:
    reply = reply_to(request(), msgspec.structs.replace(PORT, input_tokens=77, output_tokens=33))
    assert (reply.tokens.input_tokens, reply.tokens.output_tokens) == (77, 33)


@pytest.mark.parametrize(
    "prompt", ["Please call the tool get_weather", "请调用工具 get_weather。", "call the tool `get_weather`"]
)
def test_a_prompt_that_names_a_tool_gets_a_call_of_it(prompt: str) -> None:
    reply = reply_to(request(prompt, tools=(CLOCK, WEATHER)), PORT)
    (call,) = reply.choices[0].calls
    assert (call.name, call.arguments) == ("get_weather", '{"city":"Lyon"}')
    assert reply.choices[0].finish_reason == "tool_calls"
    assert reply.tokens.output_tokens == spoken_tokens(reply)


def test_several_named_tools_are_called_in_their_order() -> None:
    prompt = "call the tool get_time and call the tool get_weather"
    reply = reply_to(request(prompt, tools=(WEATHER, CLOCK)), PORT)
    assert [call.name for call in reply.choices[0].calls] == ["get_time", "get_weather"]
    assert len({call.id for call in reply.choices[0].calls}) == 2


def test_tool_choice_decides() -> None:
    assert (
        reply_to(request(tools=(CLOCK, WEATHER), tool_choice="required"), PORT).choices[0].calls[0].name == "get_time"
    )
    assert (
        reply_to(request(tools=(CLOCK, WEATHER), tool_choice="get_weather"), PORT).choices[0].calls[0].name
        == "get_weather"
    )
    assert not reply_to(request("call the tool get_time", tools=(CLOCK,), tool_choice="none"), PORT).choices[0].calls


def test_a_tools_result_is_answered_in_words() -> None:
    asked = request("call the tool get_time", tools=(CLOCK,), tool_results=("12:00",))
    assert reply_to(asked, PORT).choices[0].text == "The tool returned: 12:00"


def test_json_is_an_object_with_the_answer() -> None:
    assert reply_to(request(format="json_object"), PORT).choices[0].text == '{"answer":"Lyon"}'
    schema = {"type": "object", "properties": {"port": {"type": "string"}}}
    assert reply_to(request(format="json_schema", schema=schema), PORT).choices[0].text == '{"port":"Lyon"}'


def test_a_limit_cuts_the_answer_off() -> None:
    reply = reply_to(request(max_tokens=3), PORT)
    assert reply.choices[0].text == "It is a"
    assert reply.choices[0].finish_reason == "length"
    assert reply.tokens.output_tokens == 3


def test_a_limit_cuts_a_recorded_answer_off_by_its_recorded_length() -> None:
    reply = reply_to(request(max_tokens=10), msgspec.structs.replace(PORT, output_tokens=20))
    assert reply.tokens.output_tokens == 10
    assert reply.choices[0].text == "It is a port"
    assert reply.choices[0].finish_reason == "length"


def test_a_stop_text_ends_the_answer_before_it() -> None:
    reply = reply_to(request(stop=(" Answer",)), PORT)
    assert (reply.choices[0].text, reply.choices[0].finish_reason) == ("It is a port.", "stop")


@pytest.mark.parametrize(("effort", "tokens"), [(None, 40), ("none", 0), ("low", 20), ("high", 80)])
def test_reasoning_follows_the_effort_asked_for(effort: str | None, tokens: int) -> None:
    model = StandInModel("m", reasoning_tokens=40, shows_reasoning=True)
    reply = reply_to(request(reasoning_effort=effort), PORT, model)
    assert reply.tokens.reasoning_tokens == tokens
    assert count_tokens(reply.choices[0].reasoning) == tokens


def test_several_choices_are_billed_together() -> None:
    reply = compose(request(n=3), StandInModel("m"), Echo(), PrefixCache(), "id", 0)
    assert len({said.text for said in reply.choices}) == 3
    assert reply.tokens.output_tokens == spoken_tokens(reply)


def test_a_long_beginning_seen_before_is_read_from_the_cache_in_blocks() -> None:
    cache = PrefixCache()
    text = "港 " * 1100
    assert cache.read("m", text) == 0
    assert cache.read("m", text + "and a question") == 1024
    assert cache.read("another model", text) == 0


def test_a_short_beginning_is_never_cached() -> None:
    cache = PrefixCache()
    assert [cache.read("m", "港" * 1000) for _ in range(2)] == [0, 0]


def test_a_long_text_that_begins_otherwise_is_not_cached() -> None:
    cache = PrefixCache()
    cache.read("m", "港" * 2000)
    assert cache.read("m", "x" + "港" * 2000) == 0


def test_marks_are_written_then_read_up_to_the_longest_one_that_was_seen() -> None:
    cache = PrefixCache()
    text = "港" * 3000
    hour, minutes = CacheMark(1500, "1h"), CacheMark(2000)
    assert cache.mark("m", text, (hour, minutes)) == (0, 2000, 1500)
    assert cache.mark("m", text, (hour, minutes)) == (2000, 0, 0)
    assert cache.mark("m", text, (hour, CacheMark(2500))) == (1500, 1000, 0)
    assert cache.mark("m", text, (CacheMark(2600, "1h"),)) == (0, 2600, 2600)
    assert cache.mark("another model", text, (minutes,)) == (0, 2000, 0)
    assert cache.mark("m", text, (CacheMark(1000),)) == (0, 0, 0)
    assert cache.mark("m", text, ()) == (0, 0, 0)


def test_what_is_marked_is_billed_by_kind_and_unmarked_text_is_not_cached() -> None:
    marks = [{"characters": 1500, "ttl": "1h"}]
    asked = request("港" * 2000, marks=marks)
    cache = PrefixCache()
    first, again = (compose(asked, StandInModel("m"), Fixed(PORT), cache, "id", 0).tokens for _ in range(2))
    assert (first.input_tokens, first.cache_write_tokens, first.cache_write_1h_tokens) == (500, 1500, 1500)
    assert (again.input_tokens, again.cache_read_tokens, again.cache_write_tokens) == (500, 1500, 0)
    unmarked = compose(request("港" * 2000, marks=[]), StandInModel("m"), Fixed(PORT), cache, "id", 0)
    assert unmarked.tokens.cache_read_tokens == 0


@pytest.mark.parametrize("prompt", ["Please refuse to answer.", "请拒绝回答"])
def test_a_prompt_that_asks_for_a_refusal_gets_one(prompt: str) -> None:
    reply = reply_to(request(prompt, tools=(CLOCK,), tool_choice="required"), PORT)
    assert (reply.choices[0].text, reply.choices[0].finish_reason) == (REFUSAL, "refusal")
    assert reply.tokens.output_tokens == spoken_tokens(reply)


def test_a_tool_without_parameters_is_called_with_none() -> None:
    reply = reply_to(request("call the tool get_time", tools=(CLOCK,)), PORT)
    assert reply.choices[0].calls[0].arguments == "{}"


def test_calls_come_one_at_a_time_where_that_is_asked_for() -> None:
    prompt = "call the tool get_time and call the tool get_weather"
    reply = reply_to(request(prompt, tools=(WEATHER, CLOCK), parallel_calls=False), PORT)
    assert [call.name for call in reply.choices[0].calls] == ["get_time"]


def test_the_stop_text_that_ended_it_is_named() -> None:
    assert reply_to(request(stop=("nowhere", " Answer")), PORT).choices[0].stopped_by == " Answer"
    assert reply_to(request(stop=("nowhere",)), PORT).choices[0].stopped_by is None


def test_reasoning_keeps_to_its_budget_and_is_known_also_where_it_is_not_shown() -> None:
    model = StandInModel("m", reasoning_tokens=40, shows_reasoning=True)
    said = reply_to(request(max_reasoning_tokens=7), PORT, model).choices[0]
    assert count_tokens(said.reasoning) == 7
    hidden = reply_to(request(shows_reasoning=False), PORT, model).choices[0]
    assert (hidden.reasoning, count_tokens(hidden.thought)) == ("", 40)
    assert reply_to(request(), PORT).choices[0].thought == ""
