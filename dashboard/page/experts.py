"""Which neurons are the experts?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from core.analyses import experts
from core.analyses.experts import ScoredNeurons
from core.experiment.settings import Experiment
from core.neurons.experts import by_site, histogram
from core.neurons.interventions import METHODS
from core.neurons.overlap import Ranking, ranking
from core.neurons.scores import SCORES
from core.pipeline.engine import Engine
from core.progress import Progress
from dashboard.charts import experts as charts
from dashboard.charts import present as drawing
from dashboard.charts import theme
from dashboard.page import waiting
from dashboard.state import page_state, session
from dashboard.text import summary
from dashboard.work import process

_COLOURS = {"experts": "count", "share": "share of the site"}
_STEPS = 160  # points of the drawn overlap curve
_PRECISE = {name: st.column_config.NumberColumn(format="%.4f") for name in ("score", "value", "mean")}
Overlaps = tuple[Ranking, pd.DataFrame]
_DRAWN = 6000  # sentences of one neuron; more would only lie on top of each other


@dataclass(frozen=True)
class ExpertView:
    """Everything on the experts, which takes the responses but neither space."""

    experiment: Experiment

    def known(self, engine: Engine) -> ScoredNeurons | None:
        """What is stored."""
        return engine.answer_known(self.experiment, experts.read)

    def estimate(self, engine: Engine) -> float:
        """Seconds to read the neurons and to rank them."""
        stages = engine.estimate(self.experiment)
        load = stages["load"] if stages["capture"] else 0.0
        return load + stages["capture"] + stages["expertise"]

    def run(self, engine: Engine, progress: Progress) -> ScoredNeurons:
        """Find the experts."""
        return engine.answer(self.experiment, experts.read, progress)


@dataclass(frozen=True)
class NeuronView:
    """One neuron's responses to the probe sentences."""

    experiment: Experiment
    neuron: int

    def known(self, engine: Engine) -> np.ndarray | None:
        """What is stored."""
        return engine.answer_known(self.experiment, lambda run: experts.responses(run, self.neuron))

    def estimate(self, engine: Engine) -> float:
        """Seconds to read the neurons again, guessed at the longest: that they were all removed."""
        return engine.estimate(self.experiment)["capture"]

    def run(self, engine: Engine, progress: Progress) -> np.ndarray:
        """Read the neurons again."""
        return engine.answer(self.experiment, lambda run: experts.responses(run, self.neuron), progress)


@dataclass
class _Again:
    """The setting whose removed responses this visitor asked to have read again."""

    experiment: Experiment | None = None


def draw() -> None:
    """Draw the page."""
    theme.quiet("Where they are, how well they tell the language, and what they share with other languages' experts.")
    found: ScoredNeurons | None = waiting.answer_or_wait(ExpertView(session.experiment()))
    if found is not None:
        _show(found)


def _show(found: ScoredNeurons) -> None:
    st.html('<div data-testid="result-ready"></div>')
    with st.container(border=True):
        st.markdown(_summary(found))
    left, right = st.columns(2, gap="large")
    with left:
        _sites(found)
    with right:
        _scores(found)
    _overlap(found)
    neuron = _table(found)
    _neuron(found, neuron)
    theme.quiet(_conditions(found))


@st.cache_data(show_spinner=False, max_entries=4)
def _overlaps(key: tuple[Any, ...], _found: ScoredNeurons) -> Overlaps:  # noqa: ARG001 - what it is kept under
    """Every language's ranking and their overlap at every k.

    Kept by the digest of the expertise and by which neurons are ranked, never by the arrays: Streamlit leaves out of
    its key what begins with an underscore.
    """
    plan = _found.plan
    ranked = ranking(_found.expertise, plan.experiment.selection, plan.outline.neurons)
    return ranked, ranked.curve()


def _summary(found: ScoredNeurons) -> str:
    target, scores = theme.name(found.plan.target), found.experts.scores
    return (
        f"The **{len(scores):,} experts** of {target} score **{scores.mean():.3f}** on average and at least "
        f"{scores.min():.3f} ({SCORES[found.plan.experiment.score].title}), of {found.plan.outline.neurons.total:,} "
        "neurons in all."
    )


def _sites(found: ScoredNeurons) -> None:
    st.subheader("Where are they?", anchor=False)
    by = page_state.choice("Colour", list(_COLOURS), "colour", lambda name: _COLOURS[name])
    rows = by_site(found.plan.outline.neurons, found.experts.neurons).rename(columns={"layer": "block"})
    drawing.chart(
        charts.sites(rows, by),
        key="experts-by-site",
        alt="Number of experts in every block of the model, by the linear map that they are outputs of.",
        data=rows,
    )
    theme.quiet(
        f"{', '.join(dict.fromkeys(rows['site']))}: the linear maps of a block whose outputs are the neurons. Blocks "
        "are counted from 0; hover for counts and shares. A neuron of block L changes layer L + 1 on."
    )


def _scores(found: ScoredNeurons) -> None:
    st.subheader("How well do they tell the language?", anchor=False)
    everyone = found.expertise.scores[found.expertise.languages.index(found.plan.target)]
    rows, best = histogram(everyone, found.experts.neurons), found.experts.scores
    score = SCORES[found.plan.experiment.score]
    drawing.chart(
        charts.scores(rows, float(best.min()), score.title),
        key="scores",
        alt=f"Number of neurons by {score.title}, with the lowest score of an expert marked.",
        data=rows,
    )
    theme.quiet(
        f"k = {len(best):,}, lowest {best.min():.4f} (dashed), mean {best.mean():.4f}, of {len(everyone):,} neurons. "
        f"{score.reading}"
    )


def _overlap(found: ScoredNeurons) -> None:
    st.subheader("Do languages share experts?", anchor=False)
    chosen = found.plan.experiment.selection
    ranked, curve = _overlaps((found.key, chosen.over, chosen.layers, chosen.sites), found)
    k = _chosen_k(chosen.k, ranked.most)
    rows = overlap_frame(ranked, k)
    at = curve.iloc[k - 1]
    closest = rows.iloc[int(rows["share"].to_numpy().argmax())]
    st.text(
        f"At k = {k:,}, two languages share {summary.percent(at['mean'])} of their experts on average "
        f"({summary.percent(at['chance'])} would be chance). The most: {closest['other']} and {closest['one']}, "
        f"{summary.percent(closest['share'])}."
    )
    left, right = st.columns(2, gap="large")
    with left:
        drawing.chart(
            charts.overlap_matrix(rows, [theme.name(code) for code in found.plan.probe.languages]),
            key="overlap",
            alt=f"Share of their {k:,} best neurons that each two probe languages have in common.",
            data=rows,
        )
    with right:
        steps = np.unique(np.geomspace(1, ranked.most, _STEPS).round().astype(int)) - 1
        drawing.chart(
            charts.overlap_curve(curve.iloc[steps], k),
            key="overlap-by-k",
            alt="Mean share of common experts of two languages against k, beside what chance gives.",
            data=curve,
        )
    each = "in each layer" if len(ranked.sizes) > 1 else "over the model"
    theme.quiet(
        f"The k best {each} for every probe language, ties to the lower index; a lowest score is not regarded here. "
        f"The curve is drawn at {len(steps):,} of {ranked.most:,} values of k, the shade from the least to the most of "
        "all pairs; the saved table has every k, exactly."
    )


def _chosen_k(asked: int, most: int) -> int:
    default = min(asked, most)
    wanted = page_state.whole("overlap", default, 1, most)
    grid = {m * 10**e for e in range(8) for m in (1, 2, 5) if m * 10**e <= most}
    k: int = st.select_slider(
        "Experts of each language (k)",
        sorted(grid | {most, default, wanted}),
        wanted,
        format_func=lambda number: f"{number:,}",
        key=f"{page_state.key('overlap')}-{default}",
    )
    page_state.put("overlap", str(k), str(default))
    return k


def _table(found: ScoredNeurons) -> int:
    """The ranking; returns the neuron that is chosen."""
    st.subheader("The experts, best first", anchor=False)
    rows = ranking_frame(found)
    best, total = int(rows["neuron"].iloc[0]), found.plan.outline.neurons.total
    key, table = f"{page_state.key('neuron')}-{best}", f"{page_state.key('ranking')}"

    def pick() -> None:
        picked: Any = st.session_state[table]
        if picked["selection"]["rows"]:
            st.session_state[key] = int(rows["neuron"].iloc[picked["selection"]["rows"][0]])

    drawing.table(rows, key=table, height=280, on_select=pick, selection_mode="single-row", column_config=_PRECISE)
    st.session_state.setdefault(key, page_state.whole("neuron", best, 0, total - 1))
    neuron = int(st.number_input("Neuron (click a row above, or type a number)", 0, total - 1, key=key))
    page_state.put("neuron", str(neuron), str(best))
    return neuron


def _neuron(found: ScoredNeurons, neuron: int) -> None:
    plan = found.plan
    where = {column: values[0] for column, values in plan.outline.neurons.named(np.array([neuron])).items()}
    st.subheader(f"Neuron {neuron:,}: block {where['layer']}, {where['site']}, unit {where['unit']:,}", anchor=False)
    question, again = NeuronView(plan.experiment, neuron), session.visitor().part(_Again)
    if question.known(process.engine()) is None and again.experiment != plan.experiment:
        st.text("The scores are stored, but the responses that they were computed from were removed from the cache.")
        if st.button("Read the neurons again", type="primary"):
            again.experiment = plan.experiment
            st.rerun()
        return
    answer: np.ndarray | None = waiting.answer_or_wait(question)
    if answer is None:
        return
    rows, by_language = responses_frame(found, answer), neuron_frame(found, neuron)
    of_target = found.expertise.languages.index(plan.target)
    value, target = float(found.expertise.means[of_target, neuron]), theme.name(plan.target)
    shown = rows if len(rows) <= _DRAWN else rows.iloc[:: 1 + len(rows) // _DRAWN]
    left, right = st.columns([3, 2], gap="large")
    with left:
        drawing.chart(
            charts.responses(shown, list(by_language["language"]), target, value),
            key="responses",
            alt=f"Responses of neuron {neuron} to every probe sentence, by language.",
            data=rows,
        )
    with right:
        drawing.table(by_language, key="neuron-by-language", column_config=_PRECISE)
    held = (
        "the value that it is held at"
        if neuron in found.experts.neurons and METHODS[plan.experiment.method].sets_mean
        else f"its mean on {target}; it is not held there under this setting"
    )
    thinned = f" {len(shown):,} of {len(rows):,} sentences are drawn." if len(shown) < len(rows) else ""
    theme.quiet(
        f"Each line is one probe sentence ({len(plan.probe):,} a language, {plan.experiment.pooling} over its tokens), "
        f"points are medians; hover to read one. Dashed: {value:.4g}, {held}.{thinned}"
    )


def ranking_frame(found: ScoredNeurons) -> pd.DataFrame:
    """``rank, neuron, layer, site, unit, score, value``, as the command line writes it."""
    rows = pd.DataFrame(found.plan.outline.neurons.named(found.experts.neurons))
    rows.insert(0, "rank", np.arange(1, len(rows) + 1))
    return rows.assign(score=found.experts.scores, value=found.experts.values)


def overlap_frame(ranked: Ranking, k: int) -> pd.DataFrame:
    """``one, other, neurons, share``, one row an ordered pair of two languages."""
    shared_ones, names = ranked.shared(k), [theme.name(code) for code in ranked.languages]
    one, other = np.nonzero(~np.eye(len(names), dtype=bool))
    count = shared_ones[one, other]
    return pd.DataFrame(
        {
            "one": [names[n] for n in one],
            "other": [names[n] for n in other],
            "neurons": count,
            "share": count / int(ranked.size(k)),
        }
    )


def responses_frame(found: ScoredNeurons, answer: np.ndarray) -> pd.DataFrame:
    """``language, name, row, response, text``, one row a probe sentence."""
    probe = found.plan.probe
    return pd.concat(
        [
            pd.DataFrame(
                {"language": c, "name": theme.name(c), "row": probe.ids, "response": values, "text": probe.texts[c]}
            )
            for c, values in zip(probe.languages, answer, strict=True)
        ],
        ignore_index=True,
    )


def neuron_frame(found: ScoredNeurons, neuron: int) -> pd.DataFrame:
    """``language, score, mean``: how well the neuron tells each language; the target first, then the best."""
    rows = pd.DataFrame(
        {
            "language": [theme.name(code) for code in found.expertise.languages],
            "score": found.expertise.scores[:, neuron],
            "mean": found.expertise.means[:, neuron],
        }
    )
    first = np.array(found.expertise.languages) == found.plan.target
    order = np.lexsort((-rows["score"].to_numpy(), ~first))
    return rows.iloc[order].reset_index(drop=True)


def _conditions(found: ScoredNeurons) -> str:
    plan, asked = found.plan, found.plan.experiment
    return (
        f"{asked.model}, revision {plan.resolved.revision}, {plan.resolved.dtype} on {plan.resolved.device}; "
        f"{summary.kinds(asked.neurons)} neurons, {summary.among(asked)}{SCORES[asked.score].title} on "
        f"{len(plan.probe):,} probe rows in {len(plan.probe.languages)} languages of {plan.probe_corpus.spec} "
        f"({plan.probe_corpus.digest[:10]}), {asked.pooling} pooling."
    )
