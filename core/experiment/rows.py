"""Which sentences an experiment reads: the probe's rows and languages, the target's companions, the evaluation's."""

from __future__ import annotations

from dataclasses import replace

from core.corpora.corpus import Corpus, ParallelSet
from core.corpora.file_memory import Memory
from core.corpora.validation import same_text
from core.errors import SettingError
from core.experiment.settings import PAPER_LANGUAGES, Experiment
from core.language import families
from core.language.codes import canonical
from core.neurons.methods import METHODS


def targets(experiment: Experiment, corpus: Corpus, target: str) -> tuple[str, ...]:
    """Name the languages whose experts are held together, the target first; none where it is alone."""
    if experiment.targets is None or corpus.probe is None:
        return ()
    available, named = corpus.probe.languages, [target]
    for name in experiment.targets:
        found = meant(name, available)
        if not found:
            raise SettingError(
                f"experts of the languages in {name}",
                f"the probe sentences of {corpus.spec} have none of them: {', '.join(available)}",
                "Name languages, another family, or another --probe-corpus.",
            )
        named += found
    targets = tuple(dict.fromkeys(named))
    if len(targets) < 2:
        return ()
    if missing := [code for code in targets if code not in available]:
        raise SettingError(
            f"experts of {', '.join(missing)}",
            f"the probe sentences of {corpus.spec} are in {', '.join(available)}",
            "Choose among these, or another --probe-corpus.",
        )
    method = METHODS[experiment.method]
    if experiment.experts_from is not None or method.by_source is not None:
        other = "--experts-from" if experiment.experts_from is not None else f"--method {method.name}"
        raise SettingError(
            f"experts of {', '.join(targets)} together with {other}",
            "a file names its experts itself" if experiment.experts_from else "it moves every sentence to one language",
            f"Leave one of the two out: --targets or {other}.",
        )
    return targets


def meant(name: str, available: tuple[str, ...]) -> tuple[str, ...]:
    """Languages that a name among targets means: of the available ones all, or a family's; else the one it names.

    >>> meant("all", ("en", "es")), meant("romance", ("en", "es")), meant("fra", ("en", "es"))
    (('en', 'es'), ('es',), ('fr',))
    """
    if name.casefold() == "all":
        return available
    if name.casefold() in families.NAMES:
        return families.members(name, available)
    return (canonical(name),)


def refuse_no_others(experiment: Experiment, probe: ParallelSet, targets: tuple[str, ...]) -> None:
    """Refuse methods that compare with other languages where all of the probe's are targets."""
    method = METHODS[experiment.method]
    if targets and method.against_others and set(targets) >= set(probe.languages):
        raise SettingError(
            f"the method {method.name} on the experts of all probe languages together",
            "it compares the targets with the other languages of the probe, and none is left",
            "Name fewer --targets, more --probe-languages, or use --method set-mean.",
        )


def probe_rows(experiment: Experiment, corpus: Corpus, target: str, targets: tuple[str, ...]) -> ParallelSet:
    """Select the probe's sentences, in the target's and the other probe languages.

    Raises
    ------
    SettingError
        For a corpus without probe rows, a target that it lacks, or fewer than two languages.
    """
    if corpus.probe is None:
        raise SettingError(
            f"probe sentences from {corpus.spec}",
            "it has none: it is a corpus of separate language pairs, or every row of it is for evaluation",
            "Name another corpus for the probe: --probe-corpus embedded.",
        )
    available = corpus.probe.languages
    if target not in available:
        raise SettingError(
            f"experts of {target!r}",
            f"the probe sentences of {corpus.spec} are in {', '.join(available)}",
            "Choose one of these as the target, or another --probe-corpus.",
        )
    if experiment.probe_languages is not None:
        requested = {canonical(code) for code in experiment.probe_languages} | {target, *targets}
    else:
        requested = {target, *targets} | default_probe_languages(corpus)
    if len(requested) < 2:
        raise SettingError(
            f"probe languages {', '.join(sorted(requested))}",
            "an expert tells one language from others, so at least two are needed",
            f"Add some of {', '.join(code for code in available if code not in requested)}.",
        )
    # In one fixed order, so that the same probe languages give the same artefact.
    codes = tuple(sorted(requested))
    return _readable(corpus.probe, codes, experiment.probe_languages is not None, target, experiment.probe_sentences)


def _readable(rows: ParallelSet, codes: tuple[str, ...], named: bool, target: str, first: int | None) -> ParallelSet:
    """Select languages of a set: all of ``codes`` if the user named them, else those of them that can be used."""
    if named:
        return rows.select(codes, first)
    if target in codes:
        rows.select([target])  # raises, with the reason, if the target cannot be used
    return rows.usable(codes).select(first=first)


def default_probe_languages(corpus: Corpus) -> set[str]:
    """Return the probe languages besides the target if the user names none.

    For the embedded corpus all its languages; for others the paper's six, or all if the corpus has fewer than two of
    these.
    """
    available = set(corpus.probe_languages)
    paper = available & set(PAPER_LANGUAGES)
    return available if corpus.kind == "embedded" or len(paper) < 2 else paper


def used_rows(corpus: Corpus, probe: ParallelSet | None, groups: tuple[ParallelSet, ...]) -> Corpus:
    """Reduce a corpus that is read by language to the rows and languages that the plan uses; others stay whole."""
    return replace(corpus, probe=probe, evaluation=groups, notes=()) if corpus.is_read_by_language else corpus


def evaluation_groups(experiment: Experiment, corpus: Corpus, target: str) -> tuple[ParallelSet, ...]:
    """Select the evaluation's sentences: one set, or one for each pair of languages of the corpus.

    Raises
    ------
    SettingError
        For languages or a number of rows that the corpus lacks, or where nothing is paired with the target.
    """
    if experiment.languages is None:
        requested = set(corpus.languages)
    else:
        requested = {canonical(code) for code in experiment.languages} | {target}
        unknown = sorted(requested - set(corpus.languages))
        if unknown:
            if unreadable := next((code for code in unknown if code in corpus.left_out), None):
                raise SettingError(
                    f"evaluate on {unreadable}", corpus.left_out[unreadable], "Leave it out, or get its files again."
                )
            raise SettingError(
                f"evaluate on {', '.join(unknown)}",
                f"{corpus.spec} has {', '.join(corpus.languages)}",
                "Choose among these.",
            )
    if target not in corpus.languages:
        raise SettingError(
            f"evaluate with {target!r} as the query",
            f"{corpus.spec} has {', '.join(corpus.languages)}",
            "Choose one of these as the target.",
        )
    n_rows = max(len(group) for group in corpus.evaluation)
    if experiment.eval_sentences is not None and experiment.eval_sentences > n_rows:
        raise SettingError(
            f"{experiment.eval_sentences:,} evaluation sentences",
            f"{corpus.spec} has {n_rows:,} rows to evaluate on",
            f"Ask for {n_rows:,} or fewer.",
        )
    groups = []
    for group in corpus.evaluation:
        codes = tuple(code for code in group.languages if code in requested)
        if len(codes) >= 2:
            first = None if experiment.eval_sentences is None else min(experiment.eval_sentences, len(group))
            chosen = _readable(group, codes, experiment.languages is not None, target, first)
            if len(chosen.languages) >= 2:
                groups.append(chosen)
    if not any(target in group.languages for group in groups):
        raise SettingError(
            f"evaluate on {', '.join(sorted(requested))}",
            f"no other language among them is paired with {target!r}",
            f"Add some of {', '.join(code for code in corpus.languages if code not in requested) or 'the others'}.",
        )
    return tuple(groups)


def overlap(probe: ParallelSet, groups: tuple[ParallelSet, ...]) -> tuple[str, ...]:
    """Count the evaluation sentences that are also in the probe; refuse if they are more than half."""
    shared = total = 0
    for group in groups:
        for code in group.languages:
            if code in probe.languages:
                shared += _in_both(probe, group, code)
                total += len(group)
    if total and shared > total / 2:
        raise SettingError(
            "evaluate on the probe sentences",
            f"{shared:,} of {total:,} evaluation sentences were used to find the experts",
            "Use another corpus for one of the two.",
        )
    return (f"{shared:,} of {total:,} evaluation sentences also stand in the probe.",) if shared else ()


_shared_counts: Memory[int] = Memory(most=10_000)  # pairs of sentence lists, by their digests


def _in_both(probe: ParallelSet, group: ParallelSet, code: str) -> int:
    """Count a language's evaluation sentences that are also in the probe; counted once, since pages plan often."""
    key = probe.digest(code), group.digest(code)
    count = _shared_counts.find(key)
    if count is None:
        probe_texts = set(map(same_text, probe.texts[code]))
        count = sum(same_text(text) in probe_texts for text in group.texts[code])
        _shared_counts.keep(key, count, 1)
    return count
