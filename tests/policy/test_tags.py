from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from entrepot.policy.tags import fold_tag


@given(st.text())
def test_folding_twice_changes_nothing_more(tag: str) -> None:
    assert fold_tag(fold_tag(tag)) == fold_tag(tag)


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_letters_in_capitals_are_the_same_tag(tag: str) -> None:
    assert fold_tag(f" {tag}\t") == fold_tag(tag)
    assert fold_tag("ＡＢ") == fold_tag("ab") == "ab"
