"""The Gemini wire's messages: which fields each has, read as protocol buffers' JSON is read.

Source: the Gemini API reference (v1beta) and google-genai's types. Rules of this file: a name may be written in camelCase or in
snake_case; one that the message does not have is a 400, as protocol buffers' JSON has it. Text, not a number, is taken for a
64-bit number.
"""

from __future__ import annotations

import re
from typing import Any

from entrepot.simulator.heard import WireError

REQUEST = (
    "contents systemInstruction tools toolConfig safetySettings generationConfig cachedContent labels serviceTier store"
)
COUNT_REQUEST = "contents generateContentRequest"
CONTENT = "role parts"
PART = (
    "text thought thoughtSignature inlineData fileData functionCall functionResponse executableCode codeExecutionResult "
    "videoMetadata mediaResolution toolCall toolResponse partMetadata"
)
BLOB = "mimeType data displayName"
FILE = "mimeType fileUri displayName"
CALL = "id name args"
RESPONSE = "id name response parts scheduling willContinue"
TOOL = (
    "functionDeclarations googleSearch googleSearchRetrieval codeExecution urlContext googleMaps fileSearch computerUse"
)
DECLARATION = "name description parameters parametersJsonSchema response responseJsonSchema behavior"
TOOL_CONFIG = "functionCallingConfig retrievalConfig includeServerSideToolInvocations"
CALLING = "mode allowedFunctionNames"
GENERATION = (
    "stopSequences responseMimeType responseSchema responseJsonSchema responseModalities candidateCount maxOutputTokens "
    "temperature topP topK seed presencePenalty frequencyPenalty responseLogprobs logprobs enableEnhancedCivicAnswers "
    "speechConfig thinkingConfig imageConfig mediaResolution"
)
THINKING = "includeThoughts thinkingBudget thinkingLevel"
SCHEMA = (
    "type format title description nullable enum maxItems minItems properties required minProperties maxProperties minLength "
    "maxLength pattern example anyOf propertyOrdering default items minimum maximum"
)


def invalid(message: str) -> WireError:
    """A 400 of this wire."""
    return WireError(400, message, code="INVALID_ARGUMENT")


def fields(value: object, names: str, at: str) -> dict[str, Any]:
    """The fields of a message by their camelCase names. Raises WireError for one that it does not have."""
    if not isinstance(value, dict):
        raise invalid(f"Invalid value at '{at or 'request'}' (type.googleapis.com/Message), {value!r}")
    known = names.split()
    read: dict[str, Any] = {}
    for name, inner in value.items():
        camel = re.sub(r"_([a-z0-9])", lambda found: found[1].upper(), name)
        if camel not in known:
            where = f" at '{at}'" if at else ""
            raise invalid(f'Invalid JSON payload received. Unknown name "{name}"{where}: Cannot find field.')
        if inner is not None:
            read[camel] = inner
    return read


def listed(value: object, at: str) -> list[Any]:
    """A repeated field."""
    if not isinstance(value, list):
        raise invalid(f"Invalid value at '{at}', {value!r}: expected an array")
    return value


def whole_number(value: object, at: str) -> int:
    """An integer field."""
    if isinstance(value, str) and value.lstrip("-").isdecimal():
        return int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        raise invalid(f"Invalid value at '{at}' (TYPE_INT32), {value!r}")
    return value


def plain_schema(schema: object, at: str) -> dict[str, Any]:
    """The API's own schema, checked, as JSON Schema with lower-case types."""
    read = fields(schema, SCHEMA, at)
    kind = str(read.get("type", "")).upper()
    if kind not in _TYPES:
        raise invalid(
            f"Invalid value at '{at}.type' (type.googleapis.com/google.ai.generativelanguage.v1beta.Type), {kind!r}"
        )
    if read.get("enum") and kind != "STRING":
        raise invalid(f"{at}.enum: only allowed for STRING type")
    if kind == "OBJECT" and "properties" in read and not read["properties"]:
        raise invalid(f"{at}.properties: should be non-empty for OBJECT type")
    if kind == "ARRAY" and "items" not in read:
        raise invalid(f"{at}.items: missing field.")
    for name in read.get("required", ()):
        if name not in (read.get("properties") or {}):
            raise invalid(f"{at}.required: property is not defined: {name}")
    plain = {**read, "type": kind.lower()} if kind and kind != "TYPE_UNSPECIFIED" else read
    if "properties" in plain:
        plain["properties"] = {
            name: plain_schema(inner, f"{at}.properties[{name}]") for name, inner in plain["properties"].items()
        }
    if "items" in plain:
        plain["items"] = plain_schema(plain["items"], f"{at}.items")
    if "anyOf" in plain:
        plain["anyOf"] = [plain_schema(inner, f"{at}.any_of") for inner in plain["anyOf"]]
    return plain


_TYPES = frozenset({"", "TYPE_UNSPECIFIED", "STRING", "NUMBER", "INTEGER", "BOOLEAN", "ARRAY", "OBJECT", "NULL"})
