from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from entrepot.dialects.gemini_generate.seal import canonical_signature, is_sealed, wire_signature


@given(st.none() | st.text(min_size=1), st.sampled_from(["anthropic-messages", "openai-responses"]))
def test_another_dialects_signature_survives_googles_client(signature: str | None, dialect: str) -> None:
    wire = wire_signature(signature, dialect)
    assert is_sealed(wire)
    # Google's client keeps bytes and writes them in one alphabet, other clients in the other.
    again = base64.b64encode(base64.urlsafe_b64decode(wire)).decode()
    assert canonical_signature(wire) == canonical_signature(again) == (signature, dialect)


def test_googles_own_signature_is_carried_as_it_is() -> None:
    assert wire_signature("c2ln", "gemini-generate") == "c2ln"
    assert canonical_signature("c2ln") == ("c2ln", "gemini-generate")
    assert not is_sealed("c2ln")


@pytest.mark.parametrize("wire", ["ZW50cmVwb3Q6!", "ZW50cmVwb3Q6/w=="])
def test_what_only_looks_sealed_is_taken_for_googles(wire: str) -> None:
    assert canonical_signature(wire) == (wire, "gemini-generate")
