"""The departures from this dialect that a provider may declare, and what each changes."""

from __future__ import annotations

from collections.abc import Mapping

QUIRKS: Mapping[str, str] = {
    "api_schema": "takes the API's own schema only, no JSON Schema",
    "no_call_ids": "refuses ids of function calls",
    "thinking_budget": "takes thinking budgets, no levels",
    "no_thinking": "does not think",
    "no_thought_signatures": "wants no stand-in for a missing thought signature",
}
