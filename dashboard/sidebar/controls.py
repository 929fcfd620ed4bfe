"""The sidebar: what to look at. Reads and writes the link, offers what the model and the corpus have."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import TypeVar

import streamlit as st

from core.corpora.corpus import Corpus
from core.corpora.load import load_corpus
from core.errors import AskError
from core.experiment.settings import Experiment
from core.language.codes import label
from core.models.load import Outline, outline
from core.models.resolve import resolve
from core.models.spec import CATALOGUE, ModelSpec
from core.neurons.interventions import METHODS
from core.neurons.responses import NEURONS, POOLINGS
from core.neurons.scores import SCORES
from dashboard.sidebar import saving, uploads
from dashboard.state import link, page_state, presentation, session

T = TypeVar("T")

_TITLES = {offer.name: f"{offer.title} · {offer.note}" for offer in CATALOGUE.values()}
_GRID = [round(m * 10**e) for e in range(1, 7) for m in (1, 2, 5)]
# The paper's largest k is 5,000 of a million neurons; beyond a quarter of a model there is little left of it.
_LARGEST_SHARE = 0.25

_SCORES = {score.name: score.title for score in SCORES.values()}
_ABOUT_SCORES = "Higher is more of an expert. " + " ".join(f"{s.title}: {s.about}." for s in SCORES.values())
_SELECTIONS = {"model": "the best of the model", "layer": "the best of each layer"}
_TOKENS = {"all": "all tokens", "no-bos": "all but the first (BOS)", "last": "the last token"}
_KINDS = {"mlp": "the MLP's linear maps", "attention": "the attention", "residual": "the blocks (residual stream)"}


def sidebar() -> Experiment:
    """Draw the controls and return what is chosen; the link follows."""
    wanted = _from_link()
    with st.sidebar:
        model = _pick("Model", wanted.model, _TITLES, "model", "A hub id (owner/name) or a folder can be typed in.")
        corpus = _pick(
            "Sentences",
            wanted.corpus,
            {"embedded": "Embedded · 400 rows"},
            "corpus",
            "Or type flores:DIR, tatoeba:DIR, bucc:DIR or table:FILE (CSV, TSV, JSONL, Parquet: a column a language).",
        )
        uploads.draw(wanted)
        shape = _outline(ModelSpec(model, wanted.revision, wanted.dtype, wanted.device), _kinds(wanted))
        sentences = _corpus(corpus)
        target = _target(wanted, sentences, corpus)
        experts = _experts(wanted, shape)
        method = _choice("Intervention", wanted.method, {m.name: m.title for m in METHODS.values()}, "method")
        strength = _strength(wanted, method)
        layer = _layer(wanted, shape)
        chosen = replace(
            wanted,
            model=model,
            corpus=corpus,
            target=target,
            experts=experts,
            method=method,
            strength=strength,
            layer=layer,
        )
        with st.expander("Which neurons"):
            chosen = _which(chosen, shape)
        with st.expander("More settings"):
            chosen = _more(chosen, sentences)
        saving.draw(chosen)
        _foot(model)
    _to_link(chosen)
    return chosen


def presenting() -> bool:
    """Whether the link, or the visitor since, asks for presenter mode; may be asked before the page is known."""
    query = st.query_params.to_dict()
    if query and query != session.visitor().link:
        return query.get(presentation.PREFIX + "present") == "1"
    return presentation.presenting()


def unchanged() -> Experiment:
    """What is chosen, without the controls to change it; the link follows."""
    chosen = _from_link()
    _to_link(chosen)
    return chosen


def _from_link() -> Experiment:
    """The settings in force: the link's, if the visitor just came by one or went back in history."""
    query = st.query_params.to_dict()
    # Streamlit empties the query when a visitor goes to another page: that is no link, and the setting goes along.
    visitor = session.visitor()
    moved = not query and visitor.drawn not in (None, visitor.page) and visitor.experiment is not None
    visitor.drawn = visitor.page
    if query != visitor.link and not moved:
        rest = presentation.take(query)
        settings = {name: value for name, value in rest.items() if not name.startswith(page_state.PREFIX)}
        experiment, problems = link.from_query(settings)
        page_state.from_query(query)
        visitor.follow(experiment, problems, query)
    return session.experiment()


def _to_link(chosen: Experiment) -> None:
    query = link.to_query(chosen) | page_state.to_query() | presentation.to_query()
    visitor = session.visitor()
    visitor.experiment, visitor.link = chosen, query
    if st.query_params.to_dict() != query:
        st.query_params.from_dict(query)


def _key(name: str) -> str:
    return f"{name}-{session.visitor().generation}"


def _with(options: Sequence[T], value: T) -> list[T]:
    """The options, and a value that a link asks for though it is none of them: core says why it cannot be."""
    return list(options) if value in options else [*options, value]


def _pick(title: str, value: str, titles: dict[str, str], name: str, hint: str) -> str:
    options = _with(list(titles), value)
    picked = st.selectbox(
        title,
        options,
        index=options.index(value),
        format_func=lambda option: titles.get(option, option),
        accept_new_options=True,
        key=_key(name),
        help=hint,
    )
    return (picked or value).strip()


def _choice(title: str, value: str, titles: dict[str, str], name: str, hint: str | None = None) -> str:
    options = list(titles)
    return st.selectbox(title, options, options.index(value), format_func=titles.__getitem__, key=_key(name), help=hint)


def _target(wanted: Experiment, corpus: Corpus | None, spec: str) -> str:
    options = _with(corpus.languages if corpus else (), wanted.target)
    picked = st.selectbox(
        "Target language",
        options,
        index=options.index(wanted.target),
        format_func=_label,
        key=_key(f"target-{spec}"),
        help="Whose expert neurons are found and held.",
    )
    return picked or wanted.target


def _kinds(wanted: Experiment) -> tuple[str, ...]:
    """The kinds of neurons in force: their control stands below those that count them, and may just have changed."""
    chosen = st.session_state.get(_key("kinds"), wanted.neurons)
    return tuple(kind for kind in NEURONS if kind in chosen) or ("mlp",)


def _experts(wanted: Experiment, shape: Outline | None) -> int:
    most = shape.neurons.total * _LARGEST_SHARE if shape else 5000
    options = sorted(_with([k for k in _GRID if k <= most] or [1], wanted.experts))
    chosen: int = st.select_slider(
        "Expert neurons",
        options,
        value=wanted.experts,
        format_func=lambda k: f"{k:,}",
        key=_key(f"k-{most}"),
        help=f"How many of the model's {shape.neurons.total:,} neurons are held: outputs of "
        f"{', '.join(_KINDS[kind] for kind in _kinds(wanted))}."
        if shape
        else None,
    )
    return chosen


def _strength(wanted: Experiment, method: str) -> float:
    return float(
        st.slider(
            "Strength",
            min(0.0, wanted.strength),
            max(2.0, wanted.strength),
            wanted.strength,
            0.05,
            key=_key("strength"),
            help=f"0: the model as it is. 1: all of the intervention. Above: beyond it. {METHODS[method].formula}",
        )
    )


def _layer(wanted: Experiment, shape: Outline | None) -> str | int:
    options: list[str | int] = ["last", *range(shape.n_layers if shape else 0)]
    options = _with(options, wanted.layer)
    chosen = st.selectbox(
        "Layer",
        options,
        index=options.index(wanted.layer),
        format_func=lambda o: {"last": "last, after the final norm", 0: "0, the embeddings"}.get(o, str(o)),
        key=_key(f"layer-{shape.n_layers if shape else 0}"),
        help="The hidden state that sentences are compared in.",
    )
    return "last" if chosen is None else chosen


def _which(chosen: Experiment, shape: Outline | None) -> Experiment:
    """What an expert is, and among which neurons."""
    score = _choice("Score", chosen.score, _SCORES, "score", _ABOUT_SCORES)
    least = st.number_input("Score at least", None, None, chosen.min_score, key=_key("least"), placeholder="any")
    select = _choice("Choose", chosen.select, _SELECTIONS, "select")
    layers = st.text_input("In layers", chosen.expert_layers or "", key=_key("in-layers"), placeholder="all, or 0-5,9")
    sites = st.text_input(
        "At sites",
        ",".join(chosen.expert_sites or ()),
        key=_key("in-sites"),
        placeholder="all",
        help=f"This model's: {', '.join(dict.fromkeys(s.name for s in shape.neurons.sites))}." if shape else None,
    )
    st.multiselect("Neurons are outputs of", NEURONS, chosen.neurons, key=_key("kinds"), format_func=_KINDS.__getitem__)
    tokens = _choice("Written at", chosen.tokens, _TOKENS, "tokens")
    return replace(
        chosen,
        score=score,
        min_score=least,
        select=select,
        expert_layers=layers.strip() or None,
        expert_sites=tuple(name.strip() for name in sites.split(",") if name.strip()) or None,
        neurons=_kinds(chosen),
        tokens=tokens,
    )


def _more(chosen: Experiment, corpus: Corpus | None) -> Experiment:
    languages = corpus.languages if corpus else ()
    picked = st.multiselect(
        "Languages",
        languages,
        [code for code in chosen.languages or () if code in languages],
        format_func=_label,
        key=_key(f"languages-{chosen.corpus}"),
        placeholder="all",
        help="To evaluate on; the target is always among them.",
    )
    probe = st.text_input("Probe corpus", chosen.probe_corpus or "", key=_key("probe"), placeholder="the same").strip()
    control = _choice(
        "Control",
        chosen.control,
        {"none": "none: the experts", "random": "random neurons", "random-layers": "random neurons, the same layers"},
        "control",
        "What would be written to the experts goes to neurons drawn at random instead.",
    )
    pooling = _choice("Pooling of a neuron", chosen.pooling, dict(zip(POOLINGS, POOLINGS, strict=True)), "pooling")
    rows = st.number_input("Evaluation rows", 2, None, chosen.eval_sentences, key=_key("rows"), placeholder="all")
    seed = st.number_input("Seed", 0, None, chosen.seed, key=_key("seed"))
    return replace(
        chosen,
        languages=tuple(sorted(picked)) or None,
        probe_corpus=probe or None,
        control=control,
        pooling=pooling,
        eval_sentences=rows,
        seed=int(seed or 0),
    )


def _foot(model: str) -> None:
    if st.button("Presenter mode", width="stretch", icon=":material/present_to_all:", help="Large type, no sidebar."):
        presentation.present(True)
        st.rerun()
    if st.button("Take the tour", width="stretch", icon=":material/tour:"):
        presentation.set_stop(1)
        session.switch("experts")
    if st.button("Back to the opening setting", width="stretch"):
        st.query_params.clear()
        st.rerun()
    if (offer := CATALOGUE.get(model)) and offer.licence:
        st.caption(f"{offer.licensed} is provided under and subject to the [{offer.licence}]({offer.licence_url}).")


def _label(code: str) -> str:
    try:
        return label(code)
    except AskError:
        return code


def _quietly(question: Callable[[], T]) -> T | None:
    """An answer for drawing the controls, which stand whatever is wrong; what it is, core explains on the page."""
    try:
        return question()
    except Exception:
        return None


def _outline(spec: ModelSpec, kinds: tuple[str, ...]) -> Outline | None:
    return _quietly(lambda: outline(resolve(spec), kinds))


def _corpus(spec: str) -> Corpus | None:
    return _quietly(lambda: _recent_corpus(spec, int(time.time() // 10)))


@lru_cache(maxsize=4)
def _recent_corpus(spec: str, _moment: int) -> Corpus:
    return load_corpus(spec)
