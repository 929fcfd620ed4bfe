"""The product's own prompts, and tables of anybody's."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.corpora.prompts.read import Prompt, asking_for, chosen, read_prompts
from core.errors import CorpusError, SettingError
from core.language.identification import probabilities


def test_own_prompts_have_one_meaning_in_every_language() -> None:
    prompts = read_prompts()
    languages = tuple(dict.fromkeys(prompt.language for prompt in prompts))
    assert len(languages) >= 6
    by_id = {prompt.id: [p.language for p in prompts if p.id == prompt.id] for prompt in prompts}
    assert all(tuple(codes) == languages for codes in by_id.values())
    assert len({prompt.text for prompt in prompts}) == len(prompts)
    for code in languages:
        text = " ".join(prompt.text for prompt in chosen(prompts, [code]))
        assert next(iter(probabilities(text, languages))) == code


def test_some_are_chosen_by_language_and_number() -> None:
    some = chosen(read_prompts(), ["ja", "en"], 3)
    assert [prompt.language for prompt in some] == ["ja"] * 3 + ["en"] * 3
    assert [prompt.id for prompt in some[:3]] == [prompt.id for prompt in some[3:]]
    assert asking_for(some[3], "es").text == f"{some[3].text} Answer in Spanish."
    with pytest.raises(CorpusError, match="prompts in ko"):
        chosen(read_prompts(), ["ko"])


@pytest.mark.parametrize(("languages", "first"), [(None, 0), (None, -1), ([], 2)])
def test_a_choice_of_none_is_refused(languages: list[str] | None, first: int) -> None:
    with pytest.raises(SettingError, match="nothing to answer"):
        chosen(read_prompts(), languages, first)


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ("id\ten\nx\t\n", "line 2 has none in 'en'"),
        ("id\nx\n", "no prompts"),
        ("id\tnonsense!\nx\ty\n", "nonsense"),
        ("id\tes\tspa\nx\ty\tz\n", "'es' and 'spa' mean the same"),
        ("en\ten\nx\ty\n", "'en' and 'en' mean"),
    ],
)
def test_a_table_with_a_fault_is_refused(table: str, words: str, tmp_path: Path) -> None:
    path = tmp_path / "prompts.tsv"
    path.write_text(table, encoding="utf-8")
    with pytest.raises(CorpusError, match=words):
        read_prompts(path)


def test_a_column_of_ids_is_none_of_indonesian(tmp_path: Path) -> None:
    path = tmp_path / "prompts.tsv"
    path.write_text("ID\ten\tind\nx\tHello\tHalo\n", encoding="utf-8")
    assert read_prompts(path) == (Prompt("x", "en", "Hello"), Prompt("x", "id", "Halo"))
