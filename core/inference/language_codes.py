"""Tokenizers that put a token of the sentence's language beside it (NLLB, mBART): each sentence gets its own.

Such a tokenizer has a source language, English unless it is set, and codes for languages in writings of its own:
``spa_Latn``, ``es_XX``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

import langcodes

from core.errors import CorpusError, ModelError
from core.language.codes import canonical
from core.language.likely import usual_script
from core.models.loaded_model import LoadedModel

_CODE = re.compile(r"(?P<language>[a-z]{2,3})_(?:(?P<script>[A-Z][a-z]{3})|(?P<region>[A-Z]{2}))")


def is_coded(tokenizer: Any) -> bool:
    """Whether the tokenizer marks sentences with their language."""
    return hasattr(tokenizer, "src_lang")


def code_of(tokenizer: Any, language: str) -> str | None:
    """The tokenizer's own code of a language; None if it has none.

    A region or variety without a code of its own takes its language's, if the script is the same: ``pt-BR`` is
    ``pt_XX``, but ``zh-Hant`` is not ``zh_CN``.
    """
    codes = _codes(tuple(tokenizer.all_special_tokens))
    return codes.get(canonical(language)) or codes.get(_without_region(language))


def codes_of(tokenizer: Any) -> tuple[str, ...]:
    """The tokens that the tokenizer marks languages with, as far as this module reads them."""
    return tuple(_codes(tuple(tokenizer.all_special_tokens)).values())


def check_languages(model: LoadedModel, languages: Iterable[str]) -> None:
    """Refuse languages that the model's tokenizer has no code for.

    Raises
    ------
    ModelError
    """
    if not is_coded(model.tokenizer):
        return
    languages = list(dict.fromkeys(languages))
    missing = [language for language in languages if code_of(model.tokenizer, language) is None]
    if missing:
        rest = [language for language in languages if language not in missing]
        raise ModelError(
            f"sentences in {', '.join(missing)} under {model.name}",
            "its tokenizer marks every sentence with a code of its language, and has none for these",
            f"Leave them out: --languages {','.join(rest)} (and --probe-languages)."
            if rest
            else "Use another model, or languages that it has codes for.",
        )


@contextmanager
def marked(model: LoadedModel, language: str | None) -> Iterator[None]:
    """Have the model's tokenizer mark sentences with a language; one that marks none is left alone.

    Raises
    ------
    ModelError
        If it has no code for the language, or no language is given.
    """
    if not is_coded(model.tokenizer):
        yield
        return
    if language is None:
        raise ModelError(
            f"sentences of no stated language under {model.name}",
            "its tokenizer marks every sentence with a code of its language",
            "Say the language of the sentences.",
        )
    check_languages(model, [language])
    with model.lock:  # the tokenizer is shared, and the language is a state of it
        before = model.tokenizer.src_lang
        model.tokenizer.src_lang = code_of(model.tokenizer, language)
        try:
            yield
        finally:
            model.tokenizer.src_lang = before


@lru_cache(maxsize=8)
def _codes(tokens: tuple[str, ...]) -> dict[str, str]:
    """The codes among a tokenizer's special tokens, by the language's canonical code; the first where two mean one."""
    codes: dict[str, str] = {}
    for token in tokens:
        if parts := _CODE.fullmatch(token):
            # mBART's regions tell no varieties apart, but for the script of Chinese; XX is none.
            region = parts["region"] if parts["language"] == "zh" else None
            try:
                language = canonical("-".join(filter(None, (parts["language"], parts["script"], region))))
            except CorpusError:  # no language, whatever it looks like
                continue
            codes.setdefault(language, token)
    return codes


def _without_region(language: str) -> str:
    """A language in its script alone."""
    tag = langcodes.Language.get(canonical(language))
    script = tag.script or usual_script(str(tag.language), tag.territory)
    return canonical(langcodes.Language.make(language=tag.language, script=script).to_tag())
