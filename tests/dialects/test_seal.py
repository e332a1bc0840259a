from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from entrepot.dialects.seal import is_ours, seal, seal_call, unseal, unseal_call

OWN = "anthropic-messages"
others = st.none() | st.sampled_from(["gemini-generate", "openai-chat"])
signatures = st.text(min_size=1).filter(lambda text: not is_ours(text))


@given(st.none() | signatures, others)
def test_what_another_dialect_sealed_comes_back_and_is_known_as_ours(
    signature: str | None, bound_to: str | None
) -> None:
    kept = seal(signature, bound_to, OWN)
    assert is_ours(kept)
    assert unseal(kept, OWN) == (signature, bound_to)


@given(signatures)
def test_a_providers_own_signature_is_left_as_it_is(signature: str) -> None:
    assert seal(signature, OWN, OWN) == signature
    assert unseal(signature, OWN) == (signature, OWN)
    assert unseal_call(signature) is None


@given(st.text(), others)
def test_a_calls_signature_comes_back(signature: str, bound_to: str | None) -> None:
    kept = seal_call(signature, bound_to)
    assert is_ours(kept)
    assert unseal_call(kept) == (signature, bound_to)
