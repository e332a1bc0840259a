"""The departures from this dialect that a provider may declare, and what each changes."""

from __future__ import annotations

from collections.abc import Mapping

QUIRKS: Mapping[str, str] = {
    "least_16_output_tokens": "a limit below 16 tokens is refused: 16 is sent",
    "no_json_schema": "json_schema is refused: it is sent as json_object, with the schema in the instructions",
    "no_parallel_tool_calls": "parallel_tool_calls is refused",
    "no_sampling": "temperature and top_p are refused",
    "no_store": "store and include are refused; nothing is kept",
    "prefixed_item_ids": "ids of another form than msg_…, fc_…, rs_… and ctc_… are refused: such an item is sent without",
    "reasoning_effort": "reasoning.effort is taken, and sealed reasoning is given where it is asked for",
    "replay_reasoning": "the text of the provider's own reasoning is wanted back on the next turn",
    "tool_choice_auto_only": "a tool cannot be forced: tool_choice is sent as auto",
}
