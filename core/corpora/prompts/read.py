"""Reads prompts from a table: one column a language, one meaning a row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from core.corpora.table_files import read_rows
from core.errors import CorpusError, SettingError
from core.language.codes import canonical, describe

PROMPTS = Path(__file__).with_name("prompts.tsv")
"""Those that come with the product."""


@dataclass(frozen=True)
class Prompt:
    """A prompt in one language; ``id`` is the same in all languages."""

    id: str
    language: str
    text: str


@lru_cache(maxsize=8)
def read_prompts(path: Path = PROMPTS) -> tuple[Prompt, ...]:
    """Read every prompt of a table, row by row.

    Raises
    ------
    CorpusError
        If the table cannot be read, a column is no language, two are the same one, or a cell is blank.
    """
    what = f"prompts from {path}"
    rows = read_rows(what, path)
    ids, codes = _columns(what, rows.columns)
    if not codes or not rows.cells:
        raise CorpusError(what, "it has no prompts", "Write a column for each language, named by its code.")
    prompts = []
    for number, (cells, place) in enumerate(zip(rows.cells, rows.places, strict=True)):
        for code, column in codes.items():
            if not str(cells[column] or "").strip():
                name = rows.columns[column]
                raise CorpusError(what, f"{place} has none in {name!r}", "Write every prompt in every language.")
            prompts.append(Prompt(str(number if ids is None else cells[ids]), code, str(cells[column])))
    return tuple(prompts)


def _columns(what: str, names: Sequence[str]) -> tuple[int | None, dict[str, int]]:
    """Positions of the column of ids, in whatever case, and of each language; raises `CorpusError` for one twice."""
    columns: dict[str, int] = {}
    for position, name in enumerate(names):
        key = "" if name.lower() == "id" else canonical(name)  # Indonesian is 'ind' here
        if key in columns:
            why = f"its columns {names[columns[key]]!r} and {name!r} mean the same"
            raise CorpusError(what, why, "Keep one of them, or name them apart (a script or region: 'pt-BR', 'pt-PT').")
        columns[key] = position
    return columns.pop("", None), columns


def chosen(prompts: Sequence[Prompt], languages: Sequence[str] | None = None, first: int | None = None) -> list[Prompt]:
    """Choose prompts in some languages, and of each language the first so many.

    Raises
    ------
    CorpusError
        If there is none in a language.
    SettingError
        If no language is named, or no number of prompts.
    """
    if first is not None and first < 1:
        raise SettingError(f"{first:,} prompts in each language", "there is nothing to answer", "Ask for 1 or more.")
    if languages is not None and not languages:
        raise SettingError(
            "prompts in no language", "there is nothing to answer", "Name one, or leave the languages out for all."
        )
    available = dict.fromkeys(prompt.language for prompt in prompts)
    wanted = list(available) if languages is None else [canonical(code) for code in languages]
    if missing := [code for code in wanted if code not in available]:
        raise CorpusError(
            f"prompts in {', '.join(missing)}",
            f"the table has {', '.join(available)}",
            "Choose among these, or name a table of your own: --prompts FILE.",
        )
    return [prompt for code in wanted for prompt in [p for p in prompts if p.language == code][:first]]


def asking_for(prompt: Prompt, language: str) -> Prompt:
    """The prompt with a request, in English, to answer in a language: what costs nothing."""
    return Prompt(prompt.id, prompt.language, f"{prompt.text} Answer in {describe(language).english}.")
