"""Which neurons are the experts?"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import streamlit as st

from core import access
from core.analyses import experts
from core.analyses.experts import ScoredNeurons
from core.analyses.top_sentences import TopSentence
from core.experiment.settings import Experiment
from core.neurons.experts import by_site, expert_table, histogram
from core.neurons.methods import METHODS
from core.neurons.overlap import Ranking, ranking
from core.neurons.scores import SCORES
from core.neurons.selection import CONTROLS
from core.pipeline.engine import Engine
from core.progress import Progress
from core.stats.units import counted, listed
from dashboard.charts import experts as charts
from dashboard.charts import present as drawing
from dashboard.charts import theme
from dashboard.page import earlier, held_neuron, waiting
from dashboard.state import page_state, session
from dashboard.text import summary
from dashboard.text.tokens import coloured
from dashboard.work import process
from dashboard.work.questions import TopSentencesQuestion

_COLOURS = {"experts": "count", "share": "share of the site"}
_STEPS = 160  # points of the drawn overlap curve
_PRECISE = {name: st.column_config.NumberColumn(format="%.4f") for name in ("score", "value", "mean")}
_LOCATED = _PRECISE | {"layer": st.column_config.NumberColumn("block", help="Of the model, counted from 0.")}
Overlaps = tuple[Ranking, pd.DataFrame]
_DRAWN = 6000  # sentences of one neuron; more would only overlap


@dataclass(frozen=True)
class ExpertView:
    """Asks for the experts and all scores; needs the responses, but no embeddings."""

    asks: ClassVar[str] = "The experts"
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

    asks: ClassVar[str] = "One neuron's responses"
    experiment: Experiment
    neuron: int

    def known(self, engine: Engine) -> np.ndarray | None:
        """What is stored."""
        return engine.answer_known(self.experiment, lambda run: experts.responses(run, self.neuron))

    def estimate(self, engine: Engine) -> float:
        """Seconds to read the neurons again, in the worst case: that all responses were removed."""
        return engine.estimate(self.experiment)["capture"]

    def run(self, engine: Engine, progress: Progress) -> np.ndarray:
        """Read the neurons again."""
        return engine.answer(self.experiment, lambda run: experts.responses(run, self.neuron), progress)


@dataclass
class _ReadAgain:
    """The setting whose removed responses this visitor asked to have read again."""

    experiment: Experiment | None = None


def draw() -> None:
    """Draw the page."""
    theme.quiet("Where they are, how well they tell the language, and what they share with other languages' experts.")
    scored: ScoredNeurons | None = waiting.answer_or_wait(ExpertView(session.experiment()))
    if scored is None:
        earlier.show()
    else:
        _show(scored)


def _show(scored: ScoredNeurons) -> None:
    theme.ready()
    with st.container(border=True):
        st.markdown(_summary(scored))
    left, right = st.columns(2, gap="large")
    with left:
        _sites(scored)
    with right:
        _scores(scored)
    _overlap(scored)
    neuron = _table(scored)
    _neuron(scored, neuron)
    theme.quiet(_conditions(scored))


@st.cache_data(show_spinner=False, max_entries=4)
def _overlaps(key: tuple[Any, ...], _scored: ScoredNeurons) -> Overlaps:  # noqa: ARG001 - the cache key
    """Every language's ranking and their overlap at every k.

    The cache key is the digest of the expertise and the selection of neurons, never the arrays: Streamlit leaves
    parameters whose names begin with an underscore out of the key.
    """
    plan = _scored.plan
    ranked = ranking(_scored.expertise, plan.experiment.selection, plan.outline.neurons)
    return ranked, ranked.curve()


def _summary(scored: ScoredNeurons) -> str:
    plan, scores = scored.plan, scored.experts.scores
    target = listed(map(theme.name, plan.targets or (plan.target,)))
    own = ", each for its own language" if plan.targets else ""
    return (
        f"The **{counted(len(scores), 'expert')}** of {target} score{'s' * (len(scores) == 1)} "
        f"**{scores.mean():.3f}** on average and at least "
        f"{scores.min():.3f} ({SCORES[plan.experiment.score].title}{own}), of {scored.plan.outline.neurons.total:,} "
        "neurons in all."
    )


def _sites(scored: ScoredNeurons) -> None:
    st.header("Where are they?", anchor=False)
    column = page_state.choice("Colour", list(_COLOURS), "colour", lambda name: _COLOURS[name])
    rows = by_site(scored.plan.outline.neurons, scored.experts.neurons).rename(columns={"layer": "block"})
    chart = charts.sites(rows, column)
    alt = "Number of experts in every block of the model, by the part of it that they are outputs of."
    drawing.chart(chart, key="experts-by-site", alt=alt, data=rows)
    earlier.keep(_summary(scored), chart, alt)
    theme.quiet(
        f"{', '.join(dict.fromkeys(rows['site']))}: the parts of a block whose outputs are the neurons. Blocks "
        "are counted from 0; hover for counts and shares. A neuron of block L changes layer L + 1 on."
    )


def _scores(scored: ScoredNeurons) -> None:
    st.header("How well do they tell the language?", anchor=False)
    all_scores = scored.expertise.scores[scored.expertise.languages.index(scored.plan.target)]
    rows, best = histogram(all_scores, scored.experts.neurons), scored.experts.scores
    score = SCORES[scored.plan.experiment.score]
    several = bool(scored.plan.targets)  # an expert of another language may score anything for this one
    drawing.chart(
        charts.scores(rows, None if several else float(best.min()), score.title),
        key="scores",
        alt=f"Number of neurons by {score.title}{'' if several else ', with the lowest score of an expert marked'}.",
        data=rows,
    )
    if several:
        theme.quiet(
            f"Scores of all neurons for {theme.name(scored.plan.target)}, where experts of another language may lie "
            f"anywhere. {score.reading}"
        )
        return
    theme.quiet(
        f"k = {len(best):,}, lowest {best.min():.4f} (dashed), mean {best.mean():.4f}, of {len(all_scores):,} neurons. "
        f"{score.reading}"
    )


def _overlap(scored: ScoredNeurons) -> None:
    st.header("Do languages share experts?", anchor=False)
    selection = scored.plan.experiment.selection
    ranked, curve = _overlaps((scored.key, selection.over, selection.layers, selection.sites), scored)
    k = _chosen_k(selection.k, ranked.most)
    rows = overlap_frame(ranked, k)
    at_k = curve.iloc[k - 1]
    closest = rows.iloc[int(rows["share"].to_numpy().argmax())]
    st.text(
        f"At k = {k:,}, two languages share {summary.percent(at_k['mean'])} of their experts on average "
        f"({summary.percent(at_k['chance'])} would be chance). The most: {closest['other']} and {closest['one']}, "
        f"{summary.percent(closest['share'])}."
    )
    left, right = st.columns(2, gap="large")
    with left:
        drawing.chart(
            charts.overlap_matrix(rows, [theme.name(code) for code in scored.plan.probe.languages]),
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
    scope = "in each layer" if len(ranked.sizes) > 1 else "over the model"
    theme.quiet(
        f"The k best {scope} for every probe language, ties to the lower index; a lowest score is not regarded here. "
        f"The curve is drawn at {len(steps):,} of {ranked.most:,} values of k, the shade from the least to the most of "
        "all pairs; the saved table has every k, exactly."
    )


def _chosen_k(selected: int, most: int) -> int:
    default = min(selected, most)
    start = page_state.whole("overlap", default, 1, most)
    grid = {m * 10**e for e in range(8) for m in (1, 2, 5) if m * 10**e <= most}
    k: int = st.select_slider(
        "Experts of each language (k)",
        sorted(grid | {most, default, start}),
        start,
        format_func=lambda number: f"{number:,}",
        key=f"{page_state.key('overlap')}-{default}",
    )
    page_state.put("overlap", str(k), str(default))
    return k


def _table(scored: ScoredNeurons) -> int:
    """Draw the ranking and return the chosen neuron."""
    st.header("The experts, best first", anchor=False)
    rows = ranking_frame(scored)
    best, total = int(rows["neuron"].iloc[0]), scored.plan.outline.neurons.total
    # A tick is of a row by its number: it means nothing in the table of another target or selection.
    listed = sha256(rows["neuron"].to_numpy().tobytes()).hexdigest()[:12]
    key, table = f"{page_state.key('neuron')}-{best}", f"{page_state.key('ranking')}-{listed}"

    def pick() -> None:
        picked: Any = st.session_state[table]
        if picked["selection"]["rows"]:
            st.session_state[key] = int(rows["neuron"].iloc[picked["selection"]["rows"][0]])

    drawing.table(
        rows.drop(columns="model"),  # one for all of them: of use in a file alone
        key=table,
        saved=rows,
        height=280,
        on_select=pick,
        selection_mode="single-row",
        column_config=_LOCATED,
    )
    st.session_state.setdefault(key, page_state.whole("neuron", best, 0, total - 1))
    neuron = int(st.number_input("Neuron (click a row above, or type a number)", 0, total - 1, key=key))
    page_state.put("neuron", str(neuron), str(best))
    return neuron


def _neuron(scored: ScoredNeurons, neuron: int) -> None:
    plan = scored.plan
    where = {column: values[0] for column, values in plan.outline.neurons.named(np.array([neuron])).items()}
    theme.heading(f"Neuron {neuron:,}: block {where['layer']}, {where['site']}, unit {where['unit']:,}")
    if process.engine().origin(scored) is not None:
        theme.quiet("What a neuron responds to each sentence is not in a pack.")
        return
    question, again = NeuronView(plan.experiment, neuron), session.visitor().part(_ReadAgain)
    if question.known(process.engine()) is None and again.experiment != plan.experiment:
        st.text("The scores are stored, but the responses that they were computed from were removed from the cache.")
        if access.reads_only():
            theme.quiet("This server shows what is known, and does not read the neurons again.")
        elif st.button("Read the neurons again", type="primary"):
            again.experiment = plan.experiment
            st.rerun()
        return
    answer: np.ndarray | None = waiting.answer_or_wait(question)
    if answer is None:
        return
    rows, by_language = responses_frame(scored, answer), neuron_frame(scored, neuron)
    of_target = scored.expertise.languages.index(plan.target)
    value, target = float(scored.expertise.means[of_target, neuron]), theme.name(plan.target)
    drawn = rows if len(rows) <= _DRAWN else rows.iloc[:: 1 + len(rows) // _DRAWN]
    left, right = st.columns([3, 2], gap="large")
    with left:
        drawing.chart(
            charts.responses(drawn, list(by_language["language"]), target, value),
            key="responses",
            alt=f"Responses of neuron {neuron} to every probe sentence, by language.",
            data=rows,
        )
    with right:
        drawing.table(by_language, key="neuron-by-language", column_config=_PRECISE)
    held_at = (
        "the value that it is held at"
        if _is_held_at(scored, neuron, value)
        else f"its mean on {target}; it is not held there under this setting"
    )
    thinned = f" {len(drawn):,} of {len(rows):,} sentences are drawn." if len(drawn) < len(rows) else ""
    theme.quiet(
        f"Each line is one probe sentence ({len(plan.probe):,} a language, {plan.experiment.pooling} over its tokens), "
        f"{target} blue, points are medians; hover to read one. Dashed: {value:.4g}, {held_at}.{thinned}"
    )
    _strongest(scored, neuron)
    held_neuron.draw(scored, neuron, value)


def _is_held_at(scored: ScoredNeurons, neuron: int, value: float) -> bool:
    """Whether a neuron is held at a value: a file, other targets or a control may say otherwise than its mean."""
    experiment, experts = scored.plan.experiment, scored.experts
    if not METHODS[experiment.method].sets_mean or CONTROLS[experiment.control].draw is not None:
        return False
    return experiment.strength == 1 and bool(np.isclose(experts.values[experts.neurons == neuron], value).any())


def _strongest(scored: ScoredNeurons, neuron: int) -> None:
    """Draw the sentences that the neuron responds to most, with their tokens coloured, when they are asked for."""
    asked = TopSentencesQuestion(scored.plan.experiment, neuron)
    if access.reads_only() and asked.known(process.engine()) is None:
        return
    if not page_state.switch("Its strongest sentences, token by token", "top"):
        return
    found: tuple[TopSentence, ...] | None = waiting.answer_or_wait(asked)
    if found is None:
        return
    full = max((float(np.abs(one.outputs).max()) for one in found if len(one.outputs)), default=1.0)
    for one in found:
        st.html(coloured(one.tokens, one.outputs, full))
        theme.quiet(f"{theme.name(one.language)}, response {one.response:.4g}")
    theme.quiet(
        f"The {len(found)} probe sentences of all languages with the largest response. Blue: the neuron's output at a "
        f"token is above zero, orange: below; full at {full:.3g}, the largest here. In the unmodified model."
    )


def ranking_frame(scored: ScoredNeurons) -> pd.DataFrame:
    """The table of `core.neurons.experts.expert_table`, as the command line writes it."""
    return expert_table(scored.experts, scored.plan.outline.neurons, scored.plan.resolved.digest)


def overlap_frame(ranked: Ranking, k: int) -> pd.DataFrame:
    """``one, other, neurons, share``, one row an ordered pair of two languages."""
    shared_ones, names = ranked.shared(k), [theme.name(code) for code in ranked.languages]
    first, second = np.nonzero(~np.eye(len(names), dtype=bool))
    count = shared_ones[first, second]
    return pd.DataFrame(
        {
            "one": [names[n] for n in first],
            "other": [names[n] for n in second],
            "neurons": count,
            "share": count / int(ranked.size(k)),
        }
    )


def responses_frame(scored: ScoredNeurons, answer: np.ndarray) -> pd.DataFrame:
    """``language, name, row, response, text``, one row a probe sentence."""
    probe = scored.plan.probe
    return pd.concat(
        [
            pd.DataFrame(
                {
                    "language": code,
                    "name": theme.name(code),
                    "row": probe.ids,
                    "response": values,
                    "text": probe.texts[code],
                }
            )
            for code, values in zip(probe.languages, answer, strict=True)
        ],
        ignore_index=True,
    )


def neuron_frame(scored: ScoredNeurons, neuron: int) -> pd.DataFrame:
    """``language, score, mean``: how well the neuron tells each language; the target first, then the best."""
    rows = pd.DataFrame(
        {
            "language": [theme.name(code) for code in scored.expertise.languages],
            "score": scored.expertise.scores[:, neuron],
            "mean": scored.expertise.means[:, neuron],
        }
    )
    first = np.array(scored.expertise.languages) == scored.plan.target
    order = np.lexsort((-rows["score"].to_numpy(), ~first))
    return rows.iloc[order].reset_index(drop=True)


def _conditions(scored: ScoredNeurons) -> str:
    plan, experiment = scored.plan, scored.plan.experiment
    return (
        f"{experiment.model}, revision {plan.resolved.revision}, {plan.resolved.dtype} on {plan.resolved.device}; "
        f"{summary.kinds(experiment.neurons)} neurons, {summary.among(experiment)}{SCORES[experiment.score].title} on "
        f"{len(plan.probe):,} probe rows in {len(plan.probe.languages)} languages of "
        f"{access.titled(plan.probe_corpus.spec)} "
        f"({plan.probe_corpus.digest[:10]}), {experiment.pooling} pooling."
    )
