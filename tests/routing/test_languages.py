from __future__ import annotations

import pytest

from entrepot.routing.languages import LANGUAGES, language_of, languages_of

LATIN = frozenset({"en", "de", "fr", "es", "it", "pt", "nl"})


@pytest.mark.parametrize(
    ("text", "languages"),
    [
        ("请把这份合同翻译成通俗易懂的语言。", {"zh"}),
        ("この契約書を分かりやすく説明してください", {"ja"}),
        ("이 계약서를 설명해 주세요", {"ko"}),
        ("Объясните этот договор простыми словами", {"ru"}),
        ("Explain to me what this contract is for and what it says about the notice that you have", {"en"}),
        ("Erklären Sie mir bitte, was der Vertrag ist und wie das mit den Fristen für die Kündigung sind", {"de"}),
        ("Expliquez-moi ce que le contrat dit des délais et qui est dans une situation pour la rupture", {"fr"}),
        ("请把 the contract is for you and what it says about the notice 翻译成中文，谢谢", {"zh", "en"}),
        ("", set()),
        ("12345 + 67 = ?", set()),
    ],
)
def test_a_text_is_in_the_languages_of_its_scripts_and_little_words(text: str, languages: set[str]) -> None:
    assert languages_of(text) == languages


def test_latin_text_that_cannot_be_told_may_be_in_any_of_them() -> None:
    assert languages_of("Lorem ipsum dolor") == LATIN


def test_a_quoted_name_is_no_text_in_its_language() -> None:
    assert "zh" not in languages_of(
        "The reply of Mr. 张 to the letter that you have from the ministry is in this file. " * 3
    )


def test_all_that_is_told_is_listed() -> None:
    assert set(LANGUAGES) >= LATIN
    assert len(set(LANGUAGES)) == len(LANGUAGES)


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("请把这份合同翻译成通俗易懂的语言。", "zh"),
        ("この契約書を分かりやすく説明してください", "ja"),
        ("이 계약서를 설명해 주세요", "ko"),
        ("Объясните этот договор простыми словами", "ru"),
        ("Explain to me what this contract is for", "en"),
        ("Erklären Sie mir bitte, was der Vertrag ist und wie das mit den Fristen ist", "de"),
        ("Expliquez-moi ce que le contrat dit des délais dans une situation pour la rupture", "fr"),
        (
            "You are a helpful assistant. " * 20 + "请总结这份报告，并列出三个要点。谢谢你的帮助，我们明天要用。" * 5,
            "zh",
        ),
        ("请解释 def main(): print(hello) 这段代码的意思和用法。", "zh"),
        ("What does the word 张 mean in this letter that you have?", "en"),
        ("Lorem ipsum dolor", None),
        ("12345 + 67 = ?", None),
        ("", None),
    ],
)
def test_one_language_is_told_for_counting(text: str, language: str | None) -> None:
    assert language_of(text) == language


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("请42 总结7 合同1 the contract with its date", "en"),
        ("请42 总结7 合同1 the date", "zh"),
        ("この契約書を、分かりやすく説明", "ja"),
        ("Привет, это договор о hotel", "ru"),
        ("договор 合同合同合同合同", "zh"),
        ("договордоговор 合同", "ru"),
    ],
)
def test_signs_of_several_scripts_are_counted_each(text: str, language: str) -> None:
    assert language_of(text) == language
