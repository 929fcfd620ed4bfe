"""Items: retrieval between English and one language at a time, on Tatoeba and on BUCC."""

from __future__ import annotations

import pandas as pd

from core.experiment.settings import Experiment
from core.pipeline.run import Run
from core.reproduction import measures
from core.reproduction.charts.english import with_english
from core.reproduction.item import Item
from core.reproduction.steps import Step
from core.reproduction.study import Study


def corpus_item(name: str, title: str) -> Item:
    """The item of one corpus of pairs.

    Parameters
    ----------
    name : str
        Of the corpus among the settings, and of the table.
    title : str
        What the corpus is called.
    """

    def tables(study: Study) -> dict[str, pd.DataFrame]:
        return {name: study.table(_experiments(study, name), _both_directions)}

    def steps(study: Study) -> list[Step]:
        return [
            study.step(
                name,
                experiment.target,
                experiment,
                _both_directions,
                study.expected(experiment, "embed_pre", "embed_post", "measure"),
            )
            for experiment in _experiments(study, name)
        ]

    def why_not(study: Study) -> str:
        return "" if getattr(study.settings, name) is not None else f"Not asked for (--{name} DIR)."

    return Item(name, f"{title} with English", tables, with_english(name, title), steps, why_not, ("pair_sentences",))


def _experiments(study: Study, name: str) -> list[Experiment]:
    return [study.settings.with_english(language, name) for language in study.settings.paired(name)]


def _both_directions(run: Run) -> pd.DataFrame:
    """Both directions of the only pair, in both spaces."""
    return measures.retrieval_tables(run)[0]


TATOEBA = corpus_item("tatoeba", "Tatoeba")
BUCC = corpus_item("bucc", "BUCC")
