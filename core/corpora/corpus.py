"""A corpus in memory, whatever its file format: rows that mean the same in every language, and their source."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from core import notebook_html
from core.corpora.file_memory import Memory, bytes_of
from core.corpora.published import PublishedTexts
from core.errors import CorpusError
from core.language.codes import canonical
from core.stats.units import counted

_CODES_SHOWN, _ROWS_SHOWN = 12, 30  # of languages, in a line and in a notebook's table


@dataclass(frozen=True)
class ParallelSet:
    """Sentences that say the same thing in several languages: row i of every language is one meaning.

    Attributes
    ----------
    ids : tuple of str
        Stable names of the rows, length n_sentences.
    texts : mapping of str to tuple of str
        Canonical language code -> its sentences, each of length n_sentences. Of a published corpus each language is
        read when it is first asked for.
    notes : tuple of str
        What is odd in the sentences, in words; for a published corpus only a selection has them.
    labels : tuple of str, optional
        The class of each row (its topic, ...), length n_sentences; ``""`` for a row without one. None where the source
        has no labels. They are no sentences: no digest depends on them.
    """

    ids: tuple[str, ...]
    texts: Mapping[str, tuple[str, ...]]
    notes: tuple[str, ...] = field(default=(), compare=False)
    labels: tuple[str, ...] | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        if self.labels is not None and len(self.labels) != len(self.ids):
            raise CorpusError(
                "a parallel set with labels",
                f"it has {len(self.labels)} labels for {len(self.ids)} rows",
                "Give every row one label, blank where it has none.",
            )
        if isinstance(self.texts, PublishedTexts):
            return  # `PublishedTexts` checks each language when it is read
        for language, sentences in self.texts.items():
            if len(sentences) != len(self.ids):
                raise CorpusError(
                    f"a parallel set with language {language!r}",
                    f"it has {len(sentences)} sentences for {len(self.ids)} rows",
                    "Give every language exactly one sentence a row.",
                )

    def __len__(self) -> int:
        return len(self.ids)

    def __repr__(self) -> str:
        return f"ParallelSet({len(self):,} rows in {_listed(self.languages)})"

    @property
    def languages(self) -> tuple[str, ...]:
        """Canonical codes, in the order of the source."""
        return tuple(self.texts)

    def select(self, languages: Sequence[str] | None = None, first: int | None = None) -> ParallelSet:
        """Take some of the languages, some of the rows, or both.

        Parameters
        ----------
        languages : sequence of str, optional
            Codes in any standard; the result has them in this order. All, if left out.
        first : int, optional
            How many rows to take from the top. All, if left out.

        Returns
        -------
        ParallelSet

        Raises
        ------
        CorpusError
            Where a language or that many rows are not there; it says what is.
        """
        rows = len(self) if first is None else first
        if not 1 <= rows <= len(self):
            raise CorpusError(
                f"the first {rows} sentences",
                f"there are {len(self)} sentences a language",
                f"Ask for 1 to {len(self)}.",
            )
        selected = self.languages if languages is None else tuple(dict.fromkeys(canonical(code) for code in languages))
        if not selected:
            raise CorpusError("a selection of no languages", "nothing would be left", f"Choose from: {self._codes()}.")
        for code in selected:
            if code not in self.texts:
                raise CorpusError(f"language {code!r}", "it is not in this corpus", f"Choose from: {self._codes()}.")
        notes = self.texts.notes(selected) if isinstance(self.texts, PublishedTexts) else ()
        texts = {code: self.texts[code][:rows] for code in selected}
        labels = None if self.labels is None else self.labels[:rows]
        return ParallelSet(self.ids[:rows], texts, (*self.notes, *notes), labels)

    def usable(self, languages: Sequence[str] | None = None) -> ParallelSet:
        """Select those of the languages (all by default) whose sentences can be used; the others are noted.

        Raises
        ------
        CorpusError
            Where none can be used.
        """
        requested = self.languages if languages is None else languages
        readable, notes = [], []
        refusal: CorpusError | None = None
        for code in requested:
            try:
                self.texts[code]
            except CorpusError as error:
                refusal = refusal or error
                notes.append(f"{code} is left out: {error.why}.")
            else:
                readable.append(code)
        if not readable and refusal is not None:
            raise refusal
        chosen = self.select(readable)
        return replace(chosen, notes=(*chosen.notes, *notes))

    def digest(self, language: str) -> str:
        """Give the SHA-256 (hex) of a language's sentences in order: of the text alone, not of ids, code or source.

        Raises
        ------
        CorpusError
            Where the language is not there.
        """
        (code,) = self.select([language]).languages
        return _sha256_of(self.texts[code])

    def _codes(self) -> str:
        return ", ".join(self.languages)


@dataclass(frozen=True)
class Corpus:
    """The sentences of an experiment: those that find neurons (probe) and those that measure (evaluation).

    Attributes
    ----------
    spec : str
        As it was asked for: ``"embedded"``, ``"flores:/dir"``, ...
    kind : str
        ``"embedded"``, ``"flores"``, ``"tatoeba"``, ``"bucc"`` or ``"table"``.
    title, licence, source : str
        To show beside every result.
    probe : ParallelSet or None
        None for a corpus of pairs: it needs another corpus to find neurons with.
    evaluation : tuple of ParallelSet
        One set; for Tatoeba and BUCC one a language pair, each with an English side of its own.
    notes : tuple of str
        Decisions that a reader of results must know, whichever of the sets these use: what was left out, how a file
        was read.
    left_out : mapping of str to str
        Canonical codes of languages that cannot be used, and why.
    """

    spec: str
    kind: str
    title: str
    licence: str
    source: str
    probe: ParallelSet | None
    evaluation: tuple[ParallelSet, ...]
    notes: tuple[str, ...]
    left_out: Mapping[str, str] = field(default_factory=dict, compare=False)

    def __repr__(self) -> str:
        probe = f"{len(self.probe):,} probe rows" if self.probe else "no probe rows"
        rows = sum(map(len, self.evaluation))
        return f"Corpus({self.spec!r}: {probe}, {rows:,} evaluation rows in {_listed(self.languages)})"

    def _repr_html_(self) -> str:
        counts = [
            (
                code,
                len(self.probe) if self.probe and code in self.probe.languages else 0,
                sum(len(rows) for rows in self.evaluation if code in rows.languages),
            )
            for code in dict.fromkeys((*self.languages, *self.probe_languages))
        ]
        more = (f"and {len(counts) - _ROWS_SHOWN:,} more languages",) if len(counts) > _ROWS_SHOWN else ()
        below = (*more, f"Source: {self.source}. Licence: {self.licence}.", *self.every_note)
        return notebook_html.table(
            f"{self.title} ({self.spec})", ("language", "probe rows", "evaluation rows"), counts[:_ROWS_SHOWN], below
        )

    @property
    def every_note(self) -> tuple[str, ...]:
        """What is noted of the corpus and of each of its sets, of which a result may use one alone."""
        notes = (*self.notes, *(note for rows in (self.probe, *self.evaluation) if rows for note in rows.notes))
        return tuple(dict.fromkeys(notes))

    @property
    def languages(self) -> tuple[str, ...]:
        """Canonical codes of all evaluation sets, in the order of their first appearance."""
        return tuple(dict.fromkeys(code for rows in self.evaluation for code in rows.languages))

    @property
    def probe_languages(self) -> tuple[str, ...]:
        """Canonical codes of the probe set; empty if there is none."""
        return () if self.probe is None else self.probe.languages

    @property
    def is_read_by_language(self) -> bool:
        """Whether each language is read only when it is needed, as in a published corpus of many languages."""
        return any(rows and isinstance(rows.texts, PublishedTexts) for rows in (self.probe, *self.evaluation))

    @cached_property
    def digest(self) -> str:
        """SHA-256 (hex) of every row id, language and sentence, with its role; the files' place is not part of it.

        For a corpus that is read by language, this reads all languages; a plan's corpus holds only those it uses.
        """
        return _sha256(part for rows in (self.probe, *self.evaluation) for part in _parts(rows))

    def with_digest(self, digest: str) -> Corpus:
        """The same by a digest that is known: that of the whole, where not all of its rows are here."""
        known = replace(self)
        vars(known)["digest"] = digest  # in the place of the cached property
        return known


def taken_from(role: str, part: str, n: int) -> str:
    """Say which part of a corpus one role's rows are of; how many of them a result uses, the result says.

    >>> taken_from("probe", "dev", 1997)
    'Probe rows are of dev, which has 1,997 sentences.'
    """
    return f"{role.capitalize()} rows are of {part}, which has {counted(n, 'sentence')}."


def _listed(languages: Sequence[str]) -> str:
    more = len(languages) - _CODES_SHOWN
    return ", ".join(languages[:_CODES_SHOWN]) + (f" and {counted(more, 'more language')}" if more > 0 else "")


def _parts(rows: ParallelSet | None) -> tuple[str, ...]:
    if rows is None:
        return ("",)
    return (_sha256(rows.ids), *(part for code in rows.languages for part in (code, rows.digest(code))), "")


# Every look-up in the store needs the digest of every language's sentences. Bytes, which are held meanwhile.
_digests: Memory[str] = Memory(most=128 << 20)


def _sha256_of(sentences: tuple[str, ...]) -> str:
    known = _digests.find(sentences)
    if known is None:
        known = _sha256(sentences)
        _digests.keep(sentences, known, bytes_of(sentences))
    return known


def _sha256(parts: Iterable[str]) -> str:
    digest = hashlib.sha256()
    for part in parts:
        data = part.encode()
        # The length comes first; without it, ["ab", "c"] and ["a", "bc"] would have one digest.
        digest.update(len(data).to_bytes(8, "big") + data)
    return digest.hexdigest()
