"""The departures from this dialect that a provider may declare, and what each changes."""

from __future__ import annotations

from collections.abc import Mapping

QUIRKS: Mapping[str, str] = {
    "thinking_levels": "thinks in levels (low, medium, high) whatever its model's name, not on or off",
    "no_thinking": "is never told whether to think: servers refuse it for models that cannot",
    "think_tags": "reasoning stands in the content, between <think> and </think>",
    "think_unopened": "so does it, and the first <think> may be missing",
    "own_context": "its context is set on the server and large enough: no num_ctx is sent, so the model is not loaded again",
}
