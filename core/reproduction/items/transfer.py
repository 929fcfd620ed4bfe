"""Item: zero-shot transfer of a task, before, after and with what is free, and which languages profit."""

from __future__ import annotations

from functools import partial

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
    """What to take from it: ``train, layer, sentence``, a row for each language trained on."""
    found = transfer(run, settings())
    said = [transfer_table.lesson(found, train, run.plan.layer) for train in found.train_languages]
    rows = [(each.train, each.layer, transfer_table.sentence(each)) for each in said if each is not None]
    return pd.DataFrame(rows, columns=["train", "layer", "sentence"])


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
