"""The departures from this dialect that a provider may declare, and what each changes."""

from __future__ import annotations

from collections.abc import Mapping

QUIRKS: Mapping[str, str] = {
    "max_completion_tokens": "the limit is called max_completion_tokens; elsewhere it is sent as max_tokens",
    "no_stream_options": "stream_options is refused; usage is reported unasked",
    "no_developer_role": "the role developer is refused: it is sent as system",
    "one_system_message": "instructions are taken in one message at the beginning only: they are joined there",
    "flat_text": "a content of nothing but texts is taken as one text only",
    "no_user": "user is refused: it is left out",
    "random_seed": "seed is called random_seed",
    "temperature_to_1": "temperature is at most 1",
    "no_sampling": "temperature, top_p and penalties are refused: they are left out",
    "reasoning_effort": "reasoning_effort is taken",
    "coarse_effort": "reasoning_effort is low, high or max: the others become the next higher",
    "enable_thinking": "reasoning is switched by enable_thinking and thinking_budget",
    "thinking_type": "reasoning is switched by thinking.type",
    "template_thinking": "reasoning is switched by chat_template_kwargs.enable_thinking",
    "thinking_streams_only": "reasons in a stream only: a whole answer that shall be reasoned for is asked as a stream",
    "replay_reasoning": "every turn of the assistant must bring its reasoning_content back",
    "replay_think_tags": "reasoning is wanted back in the content, between think tags",
    "no_reasoning_replay": "reasoning in the history is refused: it is left out",
    "think_tags": "reasoning stands in the content of answers, between think tags",
    "think_unopened": "as think_tags, and the first tag is missing",
    "cache_control": "cache_control marks are taken",
    "tool_choice_auto_only": "a tool can be neither forced nor forbidden: auto is sent, or no tools",
    "no_required_tool_choice": "some tool cannot be demanded: the only one is named, or auto is sent",
    "functions_only": "tools other than functions are refused: so is the request, by the tool's name",
    "no_strict_tools": "strict and additionalProperties of tools are refused: they are left out",
    "no_json_schema": "json_schema is refused: it is sent as json_object, with the schema in the instructions",
    "no_parallel_tool_calls": "parallel_tool_calls is refused",
}
