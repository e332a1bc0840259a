"""What OpenAI's two wires share inward: checks of single fields and of schemas, with the errors that OpenAI's API gives.

Source: OpenAI's API reference, its guide to structured outputs, and the error texts that its users quote.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

from entrepot.simulator.heard import WireError
from entrepot.simulator.media import line_of_data_url

_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")


def decoded_body(body: bytes) -> dict[str, Any]:
    """A request's body: a JSON object with a model."""
    try:
        given = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise WireError(400, f"We could not parse the JSON body of your request. ({error})") from error
    if not isinstance(given, dict):
        raise WireError(400, "The body of a request must be a JSON object.")
    model = given.get("model")
    if not isinstance(model, str) or not model:
        raise WireError(400, "you must provide a model parameter", param="model")
    return given


def missing(param: str) -> WireError:
    """The error for a field that must be there."""
    return WireError(400, f"Missing required parameter: '{param}'.", code="missing_required_parameter", param=param)


def invalid(message: str, param: str, code: str = "invalid_value") -> WireError:
    """The error for a value that is not taken."""
    return WireError(400, message, code=code, param=param)


def check_name(name: str, param: str) -> None:
    """The name of a function."""
    if not _NAME.fullmatch(name):
        message = (
            f"Invalid '{param}': string does not match pattern. Expected a string that matches '^[a-zA-Z0-9_-]+$'."
        )
        raise invalid(message, param)


def check_length(text: str, most: int, param: str) -> None:
    """A string that may only be so long."""
    if len(text) > most:
        message = (
            f"Invalid '{param}': string too long. Expected a string with maximum length {most}, but got {len(text)}."
        )
        raise invalid(message, param, "string_above_max_length")


def image_line(url: object, param: str) -> str:
    """What stands in the prompt for an image by its address, which may be a `data:` URL."""
    line = line_of_data_url(url) if isinstance(url, str) else None
    if line is None:
        raise invalid(f"Invalid '{param}': the URL does not appear to contain a valid image.", param)
    return line


def check_strict(schema: Any, param: str, at: str = "()") -> None:  # noqa: ANN401 - a JSON Schema is any JSON
    """A schema that is to be kept strictly: every object closed, every property required."""
    if isinstance(schema, list):
        for inner in schema:
            check_strict(inner, param, at)
    if not isinstance(schema, dict):
        return
    if schema.get("type") == "object":
        if schema.get("additionalProperties") is not False:
            message = f"In context={at}, 'additionalProperties' is required to be supplied and to be false."
            raise invalid(f"Invalid schema: {message}", param, "invalid_json_schema")
        if absent := sorted((schema.get("properties") or {}).keys() - set(schema.get("required") or ())):
            message = (
                f"In context={at}, 'required' is required to include every key in properties. Missing '{absent[0]}'."
            )
            raise invalid(f"Invalid schema: {message}", param, "invalid_json_schema")
    for holder in ("properties", "$defs", "definitions"):
        for name, inner in (schema.get(holder) or {}).items():
            check_strict(inner, param, f"('{holder}', '{name}')")
    for name in ("items", "anyOf", "allOf"):
        check_strict(schema.get(name), param, at)


def boolean(given: dict[str, Any], name: str) -> bool:
    """A setting that is true or false; false where it is not given."""
    value = given.get(name)
    if value is None:
        return False
    if not isinstance(value, bool):
        raise wrong_type(name, "a boolean", value)
    return value


def integer(given: dict[str, Any], name: str, least: int) -> int | None:
    """A whole number of at least `least`."""
    value = given.get(name)
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool):
        raise wrong_type(name, "an integer", value)
    if value < least:
        raise WireError(
            400,
            f"Invalid '{name}': integer below minimum value. Expected a value >= {least}, but got {value} instead.",
            code="integer_below_min_value",
            param=name,
        )
    return value


def number(given: dict[str, Any], name: str, least: float, most: float) -> None:
    """Checks a number between two others."""
    value = given.get(name)
    if value is None:
        return
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise wrong_type(name, "a decimal", value)
    if not least <= value <= most:
        raise WireError(
            400,
            f"Invalid '{name}': expected a value between {least} and {most}, but got {value} instead.",
            code="decimal_out_of_range",
            param=name,
        )


def wrong_type(param: str, wanted: str, got: object) -> WireError:
    """The error for a value of another type than the API takes."""
    message = f"Invalid type for '{param}': expected {wanted}, but got {_JSON_TYPES.get(type(got), 'null')} instead."
    return WireError(400, message, code="invalid_type", param=param)


_JSON_TYPES: dict[type, str] = {
    str: "a string",
    int: "an integer",
    float: "a decimal",
    bool: "a boolean",
    list: "an array",
    dict: "an object",
}
