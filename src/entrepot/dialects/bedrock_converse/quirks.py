"""The departures from this dialect that a provider may declare, and what each changes."""

from __future__ import annotations

from collections.abc import Mapping

QUIRKS: Mapping[str, str] = {
    "thinking_budget": "a Claude that knows thinking with a budget only, whatever its version",
    "no_thinking": "is never told how much to reason",
    "no_sampling": "refuses temperature, topP and topK",
    "no_system": "takes no system instructions: they begin the first user turn",
    "no_output_format": "has no structured output: schemas are asked for in words, strict tools are not strict",
    "no_tool_choice": "cannot be made to call a tool: that is asked for in words",
    "no_result_status": "is not told that a tool's result is an error",
    "no_cache_points": "refuses cache markers",
    "maker_anthropic": "an id that does not say that its model is Anthropic's",
    "maker_amazon": "an id that does not say that its model is Amazon's",
    "maker_meta": "an id that does not say that its model is Meta's",
    "maker_mistral": "an id that does not say that its model is Mistral's",
    "maker_qwen": "an id that does not say that its model is Qwen's",
    "maker_openai": "an id that does not say that its model is OpenAI's",
    "maker_deepseek": "an id that does not say that its model is DeepSeek's",
}
