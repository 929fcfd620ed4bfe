"""Sentences that translate nothing, as candidates in mining, against the same mined by hand."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from core.analyses.distractors import Distractors
from core.analyses.rival_spaces import POST, RivalSpaces, compare
from core.corpora.corpus import ParallelSet
from core.errors import SettingError
from core.experiment.settings import Experiment
from core.pipeline.engine import Engine
from core.pipeline.run import Run
from core.spaces.measured_space import measured
from core.spaces.rivals import RIVALS
from core.spaces.sentence_tables import SentenceTables
from tests.helpers.tiny import sentences


def test_distractors_of_bucc_are_embedded_and_mined_among(asked: Experiment, engine: Engine, tmp_path: Path) -> None:
    folder = tmp_path / "bucc"
    folder.mkdir()
    for code, start in (("de", 20), ("en", 20)):  # twelve translations, then eight that have none
        texts = [*sentences(code, 12, start), *sentences(code, 8, 40 if code == "de" else 50)]
        lines = "".join(f"{code}-{number}\t{text}\n" for number, text in enumerate(texts))
        (folder / f"de-en.training.{code}").write_text(lines, encoding="utf-8")
    gold = "".join(f"de-{number}\ten-{number}\n" for number in range(12))
    (folder / "de-en.training.gold").write_text(gold, encoding="utf-8")
    pairs = replace(asked, corpus=f"bucc:{folder}", probe_corpus=asked.corpus, target="en", layer=1)

    rivals = ("own-means", "whitening")

    def compared(run: Run, distractors: Distractors | None) -> RivalSpaces:
        return compare(run, rivals, ("mining_f1",), (1,), distractors=distractors)

    def value(spaces: RivalSpaces, rival: str, measure: str = "mining_f1") -> float:
        found = spaces.find(rival, POST)
        assert found is not None
        return found.measured.value(measure).value

    alone, among, whole = (engine.answer(pairs, lambda run, n=n: compared(run, n)) for n in (None, 8, "all"))

    def by_hand(run: Run) -> dict[str, float]:
        _, intervention = run.spaces()
        probe = run.probe_spaces({"after": intervention}).embeddings(0, intervention, 1)
        groups = tuple(
            ParallelSet(tuple(map(str, range(8))), {code: sentences(code, 8, start)})
            for code, start in (("en", 50), ("de", 40))
        )
        stages = run.beside(groups, {"after": intervention})
        texts = np.concatenate(
            [
                run.stages.embeddings(0, intervention, 1),
                np.concatenate([stages.embeddings(number, intervention, 1) for number in (0, 1)]),
            ],
            axis=1,
        )
        found = {}
        for name in rivals:
            text = RIVALS[name].fit(probe, ("en", "de"), "en").space(texts, ("en", "de"))
            tables = SentenceTables(text[:, :12], ("en", "de"), among=lambda text=text: list(text))
            found[name] = measured([tables], ["mining_f1"]).value("mining_f1").value
        return found

    for name, expected in engine.answer(pairs, by_hand).items():
        assert value(among, name) == value(whole, name) == pytest.approx(expected)
        assert value(among, name) < value(alone, name)
        assert value(among, name, "top1") == value(alone, name, "top1")
    assert among.notes == whole.notes == (among.notes[0],)
    assert among.notes[0].endswith("as candidates: en 8, de 8.")
    with pytest.raises(SettingError, match=r"8 distractors from .* Leave them out"):
        engine.answer(asked, lambda run: compared(run, 8))
    with pytest.raises(SettingError, match=r"0 distractors.*for all, or leave it out"):
        engine.answer(pairs, lambda run: compared(run, 0))
