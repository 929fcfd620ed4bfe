"""Rivals' spaces in an experiment against plain loops over its embeddings."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from core.analyses.rival_spaces import POST, PRE, RivalSpaces, compare
from core.experiment.settings import Experiment
from core.pipeline.engine import Engine
from core.pipeline.run import Run
from core.spaces.retrieval import top1
from core.spaces.rivals import RAW, RIVALS
from core.spaces.space_measures import SPACE_MEASURES
from core.store.store import Store
from tests.helpers.tiny import LANGUAGES, N_LAYERS, write_pairs, write_table

MEASURES = ("mexa", "anisotropy")


@pytest.fixture
def filled_engine(filled: Store) -> Engine:
    """An engine over a store in which the experiment has been run."""
    return Engine(filled)


def embedded(run: Run) -> dict[tuple[str, str], list[np.ndarray]]:
    """Evaluation and probe rows before and after, by layer."""
    _, intervention = run.spaces()
    probe = run.probe_spaces({"before": None, "after": intervention})
    return {
        (rows, space): [stages.embeddings(0, applied, layer) for layer in range(N_LAYERS + 1)]
        for rows, stages in (("evaluation", run.stages), ("probe", probe))
        for space, applied in ((PRE, None), (POST, intervention))
    }


def test_every_rival_is_fitted_on_probe_rows_and_measured_on_the_others(
    asked: Experiment, filled_engine: Engine
) -> None:
    experiment = replace(asked, layer=2)
    found = filled_engine.answer(experiment, lambda run: compare(run, measures=MEASURES))
    space_of = filled_engine.answer(experiment, embedded)
    assert found.n_probe == 10
    assert found.notes == ()
    at = LANGUAGES.index("ja")
    off = ~np.eye(len(LANGUAGES), dtype=bool)
    for rival in (RAW, *RIVALS.values()):
        rates = []
        for rows in space_of["probe", PRE]:
            half = rival.fit(rows[:, ::2], LANGUAGES, "ja")
            rates.append(top1(half.space(rows[:, 1::2], LANGUAGES))[off].mean())
        best = int(np.argmax(rates))
        layers = {space.layer: space.chosen for space in found.spaces if space.rival is rival}
        assert layers == {2: best == 2, best: True}
        for layer in layers:
            for name in (PRE, POST):
                fitted = rival.fit(space_of["probe", name][layer], LANGUAGES, "ja")
                expected = top1(fitted.space(space_of["evaluation", name][layer], LANGUAGES))
                space = found.find(rival.name, name, layer)
                assert space is not None
                assert space.measured.names == ("top1", *MEASURES)
                assert space.measured.value("top1", "ja").value == pytest.approx(np.delete(expected[at], at).mean())
                assert space.measured.value("top1").value == pytest.approx(expected[off].mean())
    result = filled_engine.run(experiment)
    intervention, before = found.find("raw", POST), found.find("raw", PRE)
    assert intervention is not None
    assert before is not None
    assert intervention.measured.value("top1", "ja").value == pytest.approx(result.target_top1.post)
    assert before.measured.value("top1").value == pytest.approx(result.all_top1.pre)


def test_what_was_measured_is_not_measured_again_and_layers_can_be_named(
    asked: Experiment, filled_engine: Engine
) -> None:
    def ask(run: Run) -> RivalSpaces:
        return compare(run, ("whitening", "ridge"), (), (0, 1))

    assert filled_engine.answer_known(asked, ask) is None
    found = filled_engine.answer(asked, ask)
    assert {(s.rival.name, s.layer) for s in found.spaces} == {
        (name, layer) for name in ("raw", "whitening", "ridge") for layer in (0, 1, N_LAYERS)
    }
    again = filled_engine.answer_known(asked, ask)
    assert again is not None
    for first, second in zip(found.spaces, again.spaces, strict=True):
        assert first.measured.values.equals(second.measured.values)
    # unsupervised rivals do not depend on the target, so that the unmodified space is measured once for all targets
    stored = [entry for entry in filled_engine.store.entries() if entry.stage == "rival-measures"]
    other = filled_engine.answer(replace(asked, target="es"), ask)
    added = [entry for entry in filled_engine.store.entries() if entry.stage == "rival-measures"][len(stored) :]
    unmodified = {entry.spec["rival"] for entry in added if entry.spec["space"] in [e.spec["space"] for e in stored]}
    assert unmodified == {"ridge"}
    pre, of_other = (s.find("whitening", PRE) for s in (found, other))
    assert pre is not None
    assert of_other is not None
    assert pre.measured.values.equals(of_other.measured.values)


def test_further_measures_are_added_to_those_that_are_stored(asked: Experiment, filled_engine: Engine) -> None:
    def ask(run: Run, measures: tuple[str, ...], apart: tuple[tuple[str, ...], ...]) -> RivalSpaces:
        return compare(run, ("overall-mean",), measures, (1,), apart=apart)

    def stored() -> list[list[str]]:
        entries = filled_engine.store.entries()
        return [entry.spec["measures"] for entry in entries if entry.stage == "rival-measures"]

    first = filled_engine.answer(asked, lambda run: ask(run, MEASURES, ()))
    known = stored()
    apart = (("distance", "effective_rank"), ("cka",))
    asked_for = (*MEASURES, *apart[0], *apart[1])
    both = filled_engine.answer(asked, lambda run: ask(run, asked_for, apart))
    added = stored()[len(known) :]
    assert added == [list(part) for _ in first.spaces for part in apart]
    whole = filled_engine.answer(asked, lambda run: ask(run, asked_for, ()))
    for joined, at_once in zip(both.spaces, whole.spaces, strict=True):
        assert joined.measured.values.equals(at_once.measured.values)
        assert joined.measured.pairs.equals(at_once.measured.pairs)
        assert set(joined.measured.sentences) == set(at_once.measured.sentences) == {"top1", "mexa", "distance"}


def test_rivals_that_need_the_mean_of_a_language_without_probe_rows_are_left_out_by_name(
    asked: Experiment, engine: Engine, tmp_path: Path
) -> None:
    fewer = write_table(tmp_path / "fewer.tsv", 10, 7, ["ja", "de", "en", "es"])
    found = engine.answer(replace(asked, probe_corpus=fewer), lambda run: compare(run, measures=SPACE_MEASURES))
    names = {space.rival.name for space in found.spaces}
    assert names == {"raw", *(name for name, rival in RIVALS.items() if not rival.by_language)}
    (note,) = found.notes
    for word in ("probe-means, whitening, ridge, procrustes need", "none in ru", "Evaluate without"):
        assert word in note
    for space in found.spaces:
        assert set(space.measured.names) == set(SPACE_MEASURES)
        assert 0 <= space.measured.value("language_id").value <= 1


def test_pairs_of_languages_with_rows_of_their_own(asked: Experiment, engine: Engine, tmp_path: Path) -> None:
    corpus = write_pairs(tmp_path / "tatoeba")
    pairs = replace(asked, corpus=corpus, probe_corpus=asked.corpus, target="en", layer=1)
    found = engine.answer(pairs, lambda run: compare(run, measures=SPACE_MEASURES))
    assert found.notes == ()
    result = engine.run(pairs)
    intervention = found.find("raw", POST)
    assert intervention is not None
    assert intervention.measured.value("top1", "en").value == pytest.approx(result.target_top1.post)
    assert intervention.measured.value("top1", "en").n == 13
    assert set(intervention.measured.pairs["group"]) == {0, 1}
