"""The texts that a cache has of a setting, whatever was asked for: what was written on both sides, and from what."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass, fields
from typing import Any, TypeAlias

from core.analyses.text_perplexity import own_perplexity
from core.analyses.texts import as_message, written, written_spec
from core.errors import AskError
from core.inference.perplexity import Perplexity
from core.inference.writing import Writing
from core.pipeline.run import Run
from core.store.files import digest
from core.store.stage import STAGES, NotCached
from core.store.store import Store

Listed: TypeAlias = Mapping[Writing, Set[str]]
"""By what was asked for, the digests of the texts that a store has."""


@dataclass(frozen=True)
class BothSides:
    """Texts without and with the intervention.

    Attributes
    ----------
    writing : Writing
        What was asked for.
    as_message : bool
        Whether the prompt was put to the model in its chat template.
    pre, post : tuple of str, (n_samples,)
    perplexities : pair of Perplexity or None
        Of both sides' texts under the unmodified model; None where it was not measured.
    """

    writing: Writing
    as_message: bool
    pre: tuple[str, ...]
    post: tuple[str, ...]
    perplexities: tuple[Perplexity | None, Perplexity | None]


@dataclass(frozen=True)
class KeptTexts:
    """All texts of a setting that are kept on both sides.

    Attributes
    ----------
    target : str
    languages : tuple of str
        Of the corpus: among which the language of a text is told.
    texts : tuple of BothSides
        In the order of their prompts.
    """

    target: str
    languages: tuple[str, ...]
    texts: tuple[BothSides, ...]


def listed(store: Store) -> Listed:
    """List all texts of a store, of whatever setting: reads the manifest of each once."""
    found: dict[Writing, set[str]] = {}
    for entry in store.entries("written"):
        if (writing := _writing(entry.spec.get("writing"))) is not None:
            found.setdefault(writing, set()).add(entry.digest)
    return found


def kept(run: Run, among: Listed | None = None) -> KeptTexts:
    """Read the texts of a setting; writes none.

    Parameters
    ----------
    among : Listed, optional
        What the store has, as `listed` gives it: for whoever asks of many settings.

    Raises
    ------
    NotCached
        If there are none, or the neurons of the setting are not known.
    """
    among = listed(run.stages.store) if among is None else among
    found = [_both(run, writing) for writing in _writings(run, among)]
    if not found:
        raise NotCached(STAGES["written"].name)
    in_order = sorted(found, key=lambda both: tuple(vars(both.writing).values()))
    return KeptTexts(run.plan.target, run.plan.corpus.languages, tuple(in_order))


def _both(run: Run, writing: Writing) -> BothSides:
    pre, post = (written(run, writing, side) for side in (None, run.intervention()))
    perplexities = own_perplexity(run, pre), own_perplexity(run, post)
    return BothSides(writing, as_message(run.plan, writing), pre, post, perplexities)


def _writings(run: Run, among: Listed) -> Iterator[Writing]:
    """What was written of this setting on both sides."""
    store, intervention = run.stages.store, run.intervention()
    for writing, digests in among.items():
        if digest(written_spec(run, writing, intervention)) not in digests:
            continue
        if store.find("written", written_spec(run, writing, None)) is not None:  # also where it lies in a shared store
            yield writing


def _writing(values: Any) -> Writing | None:
    """What was asked for, as a spec has it; None where this version asks for other things."""
    if not isinstance(values, Mapping) or set(values) != {field.name for field in fields(Writing)}:
        return None
    writing = Writing(**values)
    try:
        writing.check()
    except (AskError, TypeError):
        return None
    return writing
