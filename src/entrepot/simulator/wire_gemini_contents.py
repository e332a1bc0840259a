"""The Gemini wire, inward: `contents`, checked as generateContent checks them.

Source: the Gemini API's pages on function calling and thought signatures, and the error texts that its users quote. Rules of this
file: a call's signature holds what it was made of, so one that came back on another call is refused like an altered one. What a
turn of the user began is one turn until the next text of the user: only its calls must be signed.
"""

from __future__ import annotations

import base64
from typing import Any

import msgspec

from entrepot.simulator.media import decoded_bytes_field, line_of, line_of_address, looks_like
from entrepot.simulator.signatures import opened, seal
from entrepot.simulator.wire_gemini_fields import BLOB, CALL, CONTENT, FILE, PART, RESPONSE, fields, invalid, listed

WIRE = "gemini-generate"
UNSIGNED = frozenset({"skip_thought_signature_validator", "context_engineering_is_the_way_to_go"})
"""What Google documents for histories whose signatures were lost."""
_DATA = frozenset(
    {"text", "inlineData", "fileData", "functionCall", "functionResponse", "executableCode", "codeExecutionResult"}
)
_MISSING = "Function call is missing a thought_signature in functionCall parts. Additional data, function call `{}`, position {}."
_CORRUPTED = "Corrupted thought signature."

Part = dict[str, Any]


def sign_call(name: str, args: object, reasoning: str) -> str:
    """The signature of a function call."""
    return seal(WIRE, msgspec.json.encode([name, args, reasoning], order="sorted").decode())


class Contents:
    """What a conversation says, gathered as it is checked. `signs`: the model demands signatures of its calls."""

    def __init__(self, *, signs: bool) -> None:
        self._signs = signs
        self.segments: list[str] = []
        self.prompt = ""
        self.system = ""
        self.results: tuple[str, ...] = ()
        self.replayed: list[str] = []

    @property
    def read(self) -> str:
        """Everything the model reads."""
        return "\n".join(self.segments)

    def read_system(self, given: object) -> None:
        """`systemInstruction`: text only."""
        if given is None:
            return
        texts = []
        for index, part in enumerate(_parts(given, "system_instruction")):
            if part.keys() != {"text"} or not isinstance(part["text"], str) or not part["text"]:
                raise invalid(f"system_instruction.parts[{index}]: system instruction only supports text")
            texts.append(part["text"])
        self.system = "\n".join(texts)
        self.segments.append(self.system)

    def read_contents(self, given: object) -> None:
        """`contents`, in turns."""
        turns = listed(given, "contents") if given is not None else []
        if not turns:
            raise invalid("* GenerateContentRequest.contents: contents is not specified\n")
        read = []
        for index, turn in enumerate(turns):
            at = f"contents[{index}]"
            role = fields(turn, CONTENT, at).get("role", "user")
            if role not in ("user", "model"):
                raise invalid("Please use a valid role: user, model.")
            read.append((role, _parts(turn, at)))
        if read[-1][0] != "user":
            raise invalid("Please ensure that multiturn requests end with a user role.")
        current = _current_turn(read)
        calls: list[Part] = []
        for index, (role, parts) in enumerate(read):
            at = f"contents[{index}]"
            if role == "model":
                if calls:
                    raise invalid(_UNANSWERED)
                calls = self._model(parts, at, must_sign=self._signs and index > current)
                if calls and (index == 0 or read[index - 1][0] == "model"):
                    raise invalid(
                        "Please ensure that function call turn comes immediately after a user turn or after a function "
                        "response turn."
                    )
            else:
                self._user(parts, calls, at)
                calls = []

    def _model(self, parts: list[Part], at: str, *, must_sign: bool) -> list[Part]:
        calls: list[Part] = []
        for index, part in enumerate(parts):
            here = f"{at}.parts[{index}]"
            signature = _signature(part)
            if "functionCall" in part:
                call = _call(part["functionCall"], here)
                if signature is not None:
                    self._check_call(call, signature)
                elif must_sign and not calls:
                    raise invalid(_MISSING.format(call["name"], index + 1))
                calls.append(call)
                self.segments.append(f"{call['name']} {msgspec.json.encode(call.get('args', {})).decode()}")
                continue
            if signature is not None:
                self._check_other(signature)
            self.segments.append(_text_of(part, here, signed=signature is not None))
        return calls

    def _check_call(self, call: Part, signature: str) -> None:
        if signature in UNSIGNED:
            return
        text = opened(WIRE, signature)
        if text is None or text.startswith('"'):
            raise invalid(_CORRUPTED)
        name, args, reasoning = msgspec.json.decode(text)
        if sign_call(call["name"], call.get("args", {}), reasoning) != sign_call(name, args, reasoning):
            raise invalid(_CORRUPTED)
        self.replayed.append(reasoning)

    def _check_other(self, signature: str) -> None:
        if signature in UNSIGNED:
            return
        text = opened(WIRE, signature)
        if text is None or not text.startswith('"'):
            raise invalid(_CORRUPTED)
        self.replayed.append(str(msgspec.json.decode(text)))

    def _user(self, parts: list[Part], calls: list[Part], at: str) -> None:
        responses, texts = [], []
        for index, part in enumerate(parts):
            here = f"{at}.parts[{index}]"
            if "functionCall" in part:
                raise invalid(f"{here}: a function call is a part of a model's turn")
            if "functionResponse" in part:
                responses.append(_response(part["functionResponse"], here))
                self.segments.append(responses[-1][1])
            else:
                texts.append(_text_of(part, here))
                self.segments.append(texts[-1])
        if responses and not calls:
            raise invalid("Please ensure that function response turn comes immediately after a function call turn.")
        _match(calls, [response for response, _ in responses], at)
        self.results = tuple(text for _, text in responses)
        self.prompt = "\n".join(texts) if texts else self.prompt


_UNANSWERED = "Please ensure that the number of function response parts is equal to the number of function call parts."


def _current_turn(read: list[tuple[str, list[Part]]]) -> int:
    """Where the turn that is under way begins: the latest turn of the user that is not made of responses."""
    plain = [
        index
        for index, (role, parts) in enumerate(read)
        if role == "user" and not any("functionResponse" in part for part in parts)
    ]
    return plain[-1] if plain else 0


def _parts(content: object, at: str) -> list[Part]:
    given = fields(content, CONTENT, at).get("parts") or []
    parts = [fields(part, PART, f"{at}.parts[{index}]") for index, part in enumerate(listed(given, f"{at}.parts"))]
    if not parts:
        raise invalid(f"* GenerateContentRequest.{at}.parts: contents.parts must not be empty.\n")
    for index, part in enumerate(parts):
        if len(part.keys() & _DATA) != 1:
            raise invalid(
                f"* GenerateContentRequest.{at}.parts[{index}].data: required oneof field 'data' must have one initialized "
                "field\n"
            )
    return parts


def _text_of(part: Part, at: str, *, signed: bool = False) -> str:
    if "text" in part:
        text = part["text"]
        if not isinstance(text, str):
            raise invalid(f"Invalid value at '{at}.text' (TYPE_STRING), {text!r}")
        if not text and not signed:
            raise invalid(
                f"Unable to submit request because it has an empty text parameter at {at}. Add a value to the parameter."
            )
        return text
    if "fileData" in part:
        file = fields(part["fileData"], FILE, f"{at}.file_data")
        return line_of_address(str(file.get("fileUri")))
    if "inlineData" in part:
        return _blob(part["inlineData"], f"{at}.inline_data")
    return msgspec.json.encode(part).decode()


def _blob(given: object, at: str) -> str:
    blob = fields(given, BLOB, at)
    media_type = blob.get("mimeType")
    if not isinstance(media_type, str) or "/" not in media_type:
        raise invalid(f"{at}.mime_type: mime type is not specified")
    data = decoded_bytes_field(str(blob.get("data", "")))
    if data is None:
        raise invalid(f"Invalid value at '{at}.data' (TYPE_BYTES), Base64 decoding failed")
    if not data or not looks_like(data, media_type):
        raise invalid(
            "Unable to process input image. Please retry or report in https://developers.generativeai.google/guide/"
        )
    return line_of(media_type, data)


def _signature(part: Part) -> str | None:
    """The signature in the alphabet in which it was made: the SDK sends it in the other one."""
    given = part.get("thoughtSignature")
    data = None if given is None or given in UNSIGNED else decoded_bytes_field(str(given))
    return given if data is None else base64.b64encode(data).decode()


def _call(given: object, at: str) -> Part:
    call = fields(given, CALL, f"{at}.function_call")
    if not isinstance(call.get("name"), str) or not call["name"]:
        raise invalid(f"* GenerateContentRequest.{at}.function_call.name: Name cannot be empty.\n")
    if not isinstance(call.get("args", {}), dict):
        raise invalid(f"Invalid value at '{at}.function_call.args' (type.googleapis.com/google.protobuf.Struct)")
    return call


def _response(given: object, at: str) -> tuple[Part, str]:
    response = fields(given, RESPONSE, f"{at}.function_response")
    if not isinstance(response.get("name"), str) or not response["name"]:
        raise invalid(f"* GenerateContentRequest.{at}.function_response.name: Name cannot be empty.\n")
    said = response.get("response", {})
    if not isinstance(said, dict):
        raise invalid(
            f"Invalid value at '{at}.function_response.response' (type.googleapis.com/google.protobuf.Struct)"
        )
    texts = [str(said["output"]) if said.keys() == {"output"} else msgspec.json.encode(said).decode()]
    for index, part in enumerate(listed(response.get("parts", []), f"{at}.function_response.parts")):
        here = f"{at}.function_response.parts[{index}]"
        texts.append(_blob(fields(part, "inlineData fileData", here).get("inlineData"), here))
    return response, "\n".join(texts)


def _match(calls: list[Part], responses: list[Part], at: str) -> None:
    if len(calls) != len(responses):
        raise invalid(_UNANSWERED)
    if sorted(call["name"] for call in calls) != sorted(response["name"] for response in responses):
        raise invalid(f"{at}: the names of function responses must be those of the function calls that they answer")
    ids = {call["id"]: call["name"] for call in calls if call.get("id")}
    for response in responses:
        id = response.get("id")
        if id and ids.get(id) != response["name"]:
            raise invalid(f"{at}: function response id {id!r} matches no function call of that name")
