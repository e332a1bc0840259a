"""The departures from this dialect that a provider may declare, and what each changes."""

from __future__ import annotations

from collections.abc import Mapping

QUIRKS: Mapping[str, str] = {
    "max_completion_tokens": "the limit is called max_completion_tokens; max_tokens is refused",
    "no_stream_options": "stream_options is refused; usage is reported unasked",
    "no_developer_role": "the role developer is refused: it is sent as system",
    "reasoning_effort": "reasoning_effort is taken",
    "no_sampling": "temperature and top_p are refused",
    "replay_reasoning": "reasoning_content is wanted back on the next turn",
    "cache_control": "cache_control marks are taken",
    "tool_choice_auto_only": "a tool cannot be forced: tool_choice is sent as auto",
    "no_json_schema": "json_schema is refused: it is sent as json_object, with the schema in the instructions",
    "no_parallel_tool_calls": "parallel_tool_calls is refused",
}
