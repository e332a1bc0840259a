"""Every wire that a stand-in can speak, by the name that the catalog calls its dialect."""

from __future__ import annotations

from entrepot.errors import SettingsError
from entrepot.simulator.wire import Wire
from entrepot.simulator.wire_anthropic import AnthropicMessagesWire
from entrepot.simulator.wire_bedrock import BedrockConverseWire
from entrepot.simulator.wire_gemini import GeminiGenerateWire
from entrepot.simulator.wire_ollama import OllamaChatWire
from entrepot.simulator.wire_openai import OpenAIChatWire
from entrepot.simulator.wire_responses import OpenAIResponsesWire

WIRES: dict[str, Wire] = {
    "openai-chat": OpenAIChatWire(),
    "anthropic-messages": AnthropicMessagesWire(),
    "gemini-generate": GeminiGenerateWire(),
    "bedrock-converse": BedrockConverseWire(),
    "ollama-chat": OllamaChatWire(),
    "openai-responses": OpenAIResponsesWire(),
}


def wire_of(dialect: str) -> Wire:
    """The wire of a dialect. Raises SettingsError if no stand-in speaks it."""
    if dialect not in WIRES:
        raise SettingsError(f"no stand-in speaks the dialect '{dialect}'; there are {', '.join(sorted(WIRES))}")
    return WIRES[dialect]
