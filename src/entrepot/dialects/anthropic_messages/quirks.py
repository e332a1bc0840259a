"""The departures from this dialect that a provider may declare, and what each changes."""

from __future__ import annotations

from collections.abc import Mapping

QUIRKS: Mapping[str, str] = {
    "thinking_budget": "knows thinking with a budget, not adaptive thinking with an effort",
    "no_sampling": "refuses temperature, top_p and top_k",
    "no_image_urls": "takes images as data only",
    "vertex": "Google Vertex AI: the model is in the address, the version in the body",
    "no_output_format": "schemas are asked for in words",
}
