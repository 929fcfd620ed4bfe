"""Item: zero-shot transfer of a task, before, after and with what is free, and which languages profit."""

from __future__ import annotations

from functools import partial
from typing import Any

import pandas as pd

from core.analyses import profit, transfer_table
from core.analyses.transfer import PROBE_SECONDS, SIDES, Settings, transfer
from core.analyses.transfer_rows import task
from core.errors import SettingError
from core.experiment.plan import plan
from core.experiment.settings import Experiment
from core.pipeline.run import Run
from core.reproduction.charts import transfer as charts
from core.reproduction.item import Item
from core.reproduction.steps import Step
from core.reproduction.study import Study
from core.spaces.rivals import RIVALS


def settings() -> Settings:
    """English and the target are trained on; all that is free stands beside the intervention."""
    return Settings(rivals=tuple(rival.name for rival in RIVALS.values() if not rival.supervised))


def figures_of(run: Run) -> pd.DataFrame:
    """The table of `core.analyses.transfer_table.table`."""
    return transfer_table.table(transfer(run, settings()))


def means_of(run: Run) -> pd.DataFrame:
    """The table of `core.analyses.transfer_table.means`, and in ``majority`` the share of the most frequent class."""
    found = transfer(run, settings())
    return transfer_table.means(found).assign(majority=transfer_table.majority(found).value)


def lessons_of(run: Run) -> pd.DataFrame:
    """What to take from it, a row for each language trained on.

    Returns
    -------
    DataFrame
        ``train, layer, languages, n, before, after, gain, gain_low, gain_high``: of the intervention. ``free, accuracy,
        lead, lead_low, lead_high, lead_p``: the best free map that needs no more than the intervention (of all where
        none is such a one), and by how much it is above it; missing where nothing free was measured. ``sentence``: all
        of it in words.
    """
    found = transfer(run, settings())
    said = [transfer_table.lesson(found, train, run.plan.layer) for train in found.train_languages]
    return pd.DataFrame([_row(each) for each in said if each is not None])


def _row(said: transfer_table.Lesson) -> dict[str, Any]:
    row: dict[str, Any] = {name: getattr(said, name) for name in ("train", "layer", "languages", "n")}
    row |= {"before": said.before.value, "after": said.after.value}
    row |= {"gain": said.gain.value, "gain_low": said.gain.low, "gain_high": said.gain.high}
    free = said.fair or said.best
    if free is not None:
        row |= {"free": free.rival.name, "accuracy": free.mean.value, "lead": free.lead.value}
        row |= {"lead_low": free.lead.low, "lead_high": free.lead.high, "lead_p": free.p}
    return row | {"sentence": transfer_table.sentence(said)}


def profit_of(run: Run) -> pd.DataFrame:
    """The correlations of `core.analyses.profit.Profit`."""
    return profit.profit(run, settings()).correlations


def _tables(study: Study) -> dict[str, pd.DataFrame]:
    """``transfer`` and its means, sentences and correlations."""
    experiments = _experiments(study)
    questions = {
        "transfer": figures_of,
        "transfer_means": means_of,
        "transfer_lessons": lessons_of,
        "transfer_profit": profit_of,
    }
    return {name: study.table(experiments, question) for name, question in questions.items()}


def _steps(study: Study) -> list[Step]:
    seconds = PROBE_SECONDS * 2 * len(SIDES) * (1 + len(settings().rivals))
    question = partial(transfer, asked=settings())
    return [
        study.step(
            "transfer",
            experiment.target,
            experiment,
            question,
            study.expected(experiment, "embed_pre", "embed_post") + seconds,
        )
        for experiment in _experiments(study)
    ]


def _experiments(study: Study) -> list[Experiment]:
    return [study.settings.transfer(target) for target in study.targets]


def _why_not(study: Study) -> str:
    try:
        task(study.plan if study.settings.transfer_corpus is None else plan(_experiments(study)[0]))
    except SettingError as error:
        return f"{error.why[0].upper()}{error.why[1:]}. {error.instead}"
    return ""


TRANSFER = Item("transfer", "Does it help a task?", _tables, charts.transfer, _steps, _why_not, ("transfer_corpus",))
