"""The OpenAI responses wire, inward: the items of `input`, checked as OpenAI's API checks them for a client that stores nothing.

Source: OpenAI's API reference (Responses), its guide to reasoning ("Encrypted reasoning items"), and the error texts that its
users quote. Rules of this file: these stand-ins keep no answers, so an item that is only named is not found, whatever `store`
said. A reasoning item may come back without its id, as OpenAI's own agent sends it, but not with another's.
"""

from __future__ import annotations

from typing import Any

import msgspec

from entrepot.simulator.heard import WireError
from entrepot.simulator.signatures import opened
from entrepot.simulator.wire_openai_fields import check_length, check_name, image_line, invalid, missing, wrong_type

WIRE = "openai-responses"
_MAX_CALL_ID = 64
_INPUT_PARTS = frozenset({"input_text", "input_image", "input_file", "input_audio"})
_OUTPUT_PARTS = frozenset({"output_text", "refusal"})
_PREFIXES = {"message": "msg", "function_call": "fc", "reasoning": "rs"}

Item = dict[str, Any]


class Items:
    """What an input says, gathered as it is checked."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.prompt = ""
        self.system: list[str] = []
        self.results: tuple[str, ...] = ()
        self.replayed: list[str] = []
        self._ids: set[str] = set()
        self._unanswered: list[str] = []

    def read_input(self, given: object) -> None:
        """`input`: a text, or items. Raises WireError."""
        if given is None:
            raise missing("input")
        items = [{"role": "user", "content": given}] if isinstance(given, str) else given
        if not isinstance(items, list):
            raise wrong_type("input", "one of a string or array of objects", given)
        if not items:
            raise invalid("Invalid 'input': empty array. Expected at least 1.", "input", "empty_array")
        alone: str | None = None
        results: list[str] = []
        for index, item in enumerate(items):
            at = f"input[{index}]"
            if not isinstance(item, dict):
                raise wrong_type(at, "an object", item)
            kind = item.get("type", "message")
            self._check_id(item, kind, at)
            if kind == "function_call_output":
                results.append(self._output(item, at))
            else:
                results = []
            alone = self._read(item, kind, at, alone)
        if alone is not None:
            raise _alone(alone)
        if self._unanswered:
            raise invalid(f"No tool output found for function call {self._unanswered[0]}.", "input")
        self.results = tuple(results)

    def _read(self, item: Item, kind: str, at: str, alone: str | None) -> str | None:
        """Read an item; the id of a reasoning item that waits for what it led to."""
        match kind:
            case "message":
                self._message(item, at)
                role = item["role"]
            case "function_call":
                self._call(item, at)
                role = "assistant"
            case "function_call_output":
                role = "tool"
            case "reasoning":
                self._reasoning(item, at)
                return str(item.get("id"))
            case "item_reference":
                raise _not_found(str(item.get("id")))
            case _:
                raise invalid(f"Invalid value: '{kind}'.", f"{at}.type")
        if alone is not None and role != "assistant":
            raise _alone(alone)
        return None

    def _check_id(self, item: Item, kind: str, at: str) -> None:
        id = item.get("id")
        if id is None or kind not in _PREFIXES:
            return
        if not isinstance(id, str) or not id.startswith(_PREFIXES[kind]):
            message = f"Invalid '{at}.id': '{id}'. Expected an ID that begins with '{_PREFIXES[kind]}'."
            raise invalid(message, f"{at}.id")
        if id in self._ids:
            raise invalid(
                f"Duplicate item found with id {id}. Remove duplicate items from your input and try again.", "input"
            )
        self._ids.add(id)

    def _message(self, item: Item, at: str) -> None:
        role = item.get("role")
        if role not in ("user", "assistant", "system", "developer"):
            raise invalid(f"Invalid value: {role!r}.", f"{at}.role")
        content = item.get("content")
        if isinstance(content, str):
            text = content
        elif isinstance(content, list):
            allowed = _OUTPUT_PARTS if role == "assistant" else _INPUT_PARTS
            text = "\n".join(_part(part, allowed, f"{at}.content[{i}]") for i, part in enumerate(content))
        else:
            raise missing(f"{at}.content")
        self.texts.append(text)
        if role == "user":
            self.prompt = text
        elif role != "assistant":
            self.system.append(text)

    def _call(self, item: Item, at: str) -> None:
        for name in ("call_id", "name", "arguments"):
            if not isinstance(item.get(name), str):
                raise missing(f"{at}.{name}")
        check_length(item["call_id"], _MAX_CALL_ID, f"{at}.call_id")
        check_name(item["name"], f"{at}.name")
        self._unanswered.append(item["call_id"])
        self.texts.append(f"{item['name']} {item['arguments']}")

    def _output(self, item: Item, at: str) -> str:
        id = item.get("call_id")
        if id not in self._unanswered:
            raise invalid(f"No tool call found for function call output with call_id {id}.", "input")
        self._unanswered.remove(id)
        output = item.get("output")
        if isinstance(output, list):
            text = "\n".join(_part(part, _INPUT_PARTS, f"{at}.output[{i}]") for i, part in enumerate(output))
        elif isinstance(output, str):
            text = output
        else:
            raise missing(f"{at}.output")
        self.texts.append(text)
        return text

    def _reasoning(self, item: Item, at: str) -> None:
        given = item.get("id")
        if not isinstance(item.get("summary"), list):
            raise missing(f"{at}.summary")
        sealed = item.get("encrypted_content")
        if sealed is None:
            raise _not_found(str(given))
        text = opened(WIRE, str(sealed))
        id, reasoning = (None, "") if text is None else msgspec.json.decode(text)
        if text is None or given not in (None, id):
            reason = "could not be decrypted or parsed" if text is None else "item_id did not match the target item id"
            message = (
                f"The encrypted content for item {given} could not be verified. Reason: Encrypted content {reason}."
            )
            raise WireError(400, message, code="invalid_encrypted_content")
        self.replayed.append(reasoning)
        self.texts.append(reasoning)


def _part(part: object, allowed: frozenset[str], at: str) -> str:
    kind = part.get("type") if isinstance(part, dict) else None
    if not isinstance(part, dict) or kind not in allowed:
        raise invalid(f"Invalid value: '{kind}'. Supported values are: {', '.join(sorted(allowed))}.", f"{at}.type")
    if kind == "input_image":
        if part.get("file_id") is not None:
            return f"[file {part['file_id']}]"
        return image_line(part.get("image_url"), f"{at}.image_url")
    if kind in ("input_file", "input_audio"):
        return f"[{kind}]"
    name = "refusal" if kind == "refusal" else "text"
    if not isinstance(part.get(name), str):
        raise missing(f"{at}.{name}")
    return str(part[name])


def _not_found(id: str) -> WireError:
    message = f"Item with id '{id}' not found. Items are not persisted when `store` is set to false."
    return WireError(404, message, param="input")


def _alone(id: str) -> WireError:
    return invalid(f"Item '{id}' of type 'reasoning' was provided without its required following item.", "input")
