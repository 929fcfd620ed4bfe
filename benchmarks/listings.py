"""Lists of what the product offers, made from the tables that it reads itself, for README and docs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from core.corpora.download.catalogue import catalogue
from core.corpora.formats import FORMATS
from core.experiment.entry import Setting
from core.experiment.names import SETTINGS
from core.export.architectures import KINDS, shifted
from core.export.forms import FOLDER, Form
from core.neurons.methods import METHODS
from core.neurons.scores import SCORES
from core.pipeline.measure_table import MEASURES
from core.spaces.retrieval import RANK_MEASURES
from core.spaces.rivals import RIVALS
from core.spaces.similarity import COMPARISONS
from core.spaces.space_measures import SPACE_MEASURES


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Write a table in Markdown."""
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _settings() -> str:
    return table(
        ("option", "what it is", "default"),
        (
            (f"`{setting.option}`", f"{setting.help}{_choices(setting)}", _default(setting))
            for setting in SETTINGS.values()
        ),
    )


def _choices(setting: Setting) -> str:
    names = [f"`{name}`" for name in setting.kind.choices or ()]
    return f": {', '.join(names)}" if names and len(names) < len(METHODS) else ""


def _default(setting: Setting) -> str:
    value = setting.default
    if value is None:
        return setting.unset
    return f"`{','.join(value) if isinstance(value, tuple) else value}`"


def _scores() -> str:
    rows = ((f"`{score.name}`", score.title, score.about, score.reading) for score in SCORES.values())
    return table(("score (`--score`)", "title", "what it measures", "how to read it"), rows)


def _methods() -> str:
    rows = ((f"`{method.name}`", method.title, f"`{method.formula}`") for method in METHODS.values())
    return table(("intervention (`--method`)", "title", "what an output `z` becomes, at strength `s`"), rows)


def _measures() -> str:
    rows = (
        (
            f"`{measure.name}`",
            measure.titled(),
            f"`{'.'.join(measure.json_place)}`",
            "higher" if measure.higher_is_better else "lower",
            measure.explained(),
        )
        for measure in MEASURES.values()
    )
    return table(("measure", "title", "in the JSON", "better", "what it says"), rows)


def _space_measures() -> str:
    rows = (
        (
            f"`{measure.name}`",
            measure.title,
            ", ".join(f"`{key}`" for key in measure.keys),
            {True: "higher", False: "lower", None: ""}[measure.higher_is_better],
            measure.about,
        )
        for measure in SPACE_MEASURES.values()
    )
    return table(("measure (`--measures`)", "title", "in the JSON", "better", "what it says"), rows)


def _rivals() -> str:
    rows = (
        (f"`{rival.name}`", rival.title, rival.about, rival.at_fitting.format(n="N"), rival.when_applied)
        for rival in RIVALS.values()
    )
    return table(("rival (`--rivals`)", "title", "what it does", "needs, to be fitted", "when applied"), rows)


def _rank_measures() -> str:
    rows = ((f"`{measure.name}`", measure.title, measure.about) for measure in RANK_MEASURES.values())
    return table(("measure", "title", "what it says"), rows)


def _comparisons() -> str:
    rows = (
        (f"`{comparison.name}`", comparison.title, comparison.about, comparison.needs)
        for comparison in COMPARISONS.values()
    )
    return table(("way", "title", "what is done", "what it needs"), rows)


def _corpora() -> str:
    rows = ((f"`{form.name}`", f"`{form.form}`", form.about) for form in FORMATS.values())
    return table(("corpus", "written as", "what it is"), rows)


def _datasets() -> str:
    rows = ((f"`{data.name}`", data.title, data.about, data.licence) for data in catalogue().values())
    return table(("data set", "title", "what it is", "licence"), rows)


def _export_forms() -> str:
    rows = []
    for kind, (title, llama_cpp) in KINDS.items():
        form = shifted(kind)
        whole = form.name == FOLDER
        how = f"a plain folder{_switches(form)}" if whole else "a patch"
        rows.append((f"`{kind}`", title, how, "yes" if llama_cpp and whole else "no"))
    return table(("kind of config", "model", "form", "llama.cpp's converter takes it"), rows)


def _switches(form: Form) -> str:
    return f", with {', '.join(f'`{name}: true`' for name in form.switches)}" if form.switches else ""


TABLES: Mapping[str, Callable[[], str]] = {
    "settings": _settings,
    "scores": _scores,
    "methods": _methods,
    "measures": _measures,
    "space-measures": _space_measures,
    "rivals": _rivals,
    "rank-measures": _rank_measures,
    "comparisons": _comparisons,
    "corpora": _corpora,
    "datasets": _datasets,
    "export-forms": _export_forms,
}
