"""One widget a setting, from the table of settings; what a model or a corpus fills has one of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import streamlit as st

from core import access
from core.corpora.corpus import Corpus
from core.corpora.formats import FORMATS
from core.corpora.load import load_corpus
from core.errors import AskError
from core.experiment.entry import Setting
from core.experiment.kinds import Codes, Flag, NameList, Number, OneOf, Verbatim, WholeNumber
from core.experiment.names import SETTINGS
from core.experiment.settings import Experiment
from core.language.codes import label
from core.models.embedded import MODELS
from core.models.load import Outline, outline
from core.models.resolve import resolve
from core.models.spec import CATALOGUE, ModelSpec
from core.neurons.methods import METHODS
from core.neurons.responses import NEURONS
from core.packs.contents import model_title
from dashboard.state import session
from dashboard.work import process

T = TypeVar("T")

_MODELS = {offer.name: f"{offer.title} · {offer.note}" for offer in CATALOGUE.values()}
_CORPORA = {"embedded": "Embedded · 400 rows"}
_GRID = [round(m * 10**e) for e in range(1, 7) for m in (1, 2, 5)]
# The paper's largest k is 5,000 of a million neurons; beyond a quarter of a model there is little left of it.
_LARGEST_SHARE = 0.25


class ModelAndCorpus:
    """The chosen model's outline and the chosen corpus, on which options depend; None where unknown."""

    def __init__(self) -> None:
        self._shapes: dict[tuple[ModelSpec, tuple[str, ...]], Outline | None] = {}
        self._corpora: dict[str, Corpus | None] = {}  # of this drawing: what is kept beyond it, the readers bound

    def shape(self, chosen: Experiment) -> Outline | None:
        """The outline of the model, with neurons of the kinds in force."""
        key = chosen.model_spec, kinds(chosen)
        if key not in self._shapes:
            self._shapes[key] = _quietly(lambda: outline(resolve(key[0]), key[1]))
        return self._shapes[key]

    def corpus(self, chosen: Experiment) -> Corpus | None:
        """The sentences."""
        if chosen.corpus not in self._corpora:
            self._corpora[chosen.corpus] = _quietly(lambda: load_corpus(chosen.corpus))
        return self._corpora[chosen.corpus]


def draw(setting: Setting, chosen: Experiment, around: ModelAndCorpus) -> Any:
    """Draw a setting's widget and return its value; ``chosen`` holds those drawn before it.

    A setting that says nothing beside those is not drawn, and has its default.
    """
    if not setting.applies(chosen):
        return setting.default
    value = getattr(chosen, setting.name)
    special = _OWN.get(setting.name)
    return special(setting, chosen, around) if special else _by_kind(setting, value, around.corpus(chosen))


def kinds(chosen: Experiment) -> tuple[str, ...]:
    """The selected kinds of neurons, read from their widget, which is drawn after those that need its value."""
    selected = st.session_state.get(_key("neurons"), chosen.neurons)
    return tuple(kind for kind in NEURONS if kind in selected) or SETTINGS["neurons"].default


def _by_kind(setting: Setting, value: Any, corpus: Corpus | None) -> Any:
    """Draw the widget for a setting's kind of value."""
    kind, key = setting.kind, _key(setting.name)
    if isinstance(kind, OneOf):
        titles = {name: entry.title for name, entry in kind.choices.items()}
        names = list(titles)
        return st.selectbox(
            setting.label, names, names.index(value), format_func=titles.__getitem__, key=key, help=_about(setting)
        )
    if isinstance(kind, Flag):
        return st.toggle(setting.label, value, key=key, help=_about(setting))
    if isinstance(kind, WholeNumber):
        number = st.number_input(
            setting.label, kind.low, kind.high, value, key=key, placeholder=setting.unset, help=_about(setting)
        )
        return setting.default if number is None else int(number)
    if isinstance(kind, Number):
        number = st.number_input(
            setting.label, kind.low, None, value, key=key, placeholder=setting.unset, help=_about(setting)
        )
        return setting.default if number is None else number
    if isinstance(kind, Codes):
        return _languages(setting, value, corpus.languages if corpus else ())
    if isinstance(kind, NameList) and kind.table is not None:
        names = list(kind.table)
        titles = {name: entry.title for name, entry in kind.table.items()}
        picked = st.multiselect(setting.label, names, value, key=key, format_func=titles.__getitem__)
        return tuple(name for name in names if name in picked) or setting.default
    return _text(setting, value)


def _text(setting: Setting, value: Any, hint: str | None = None) -> Any:
    """A line of text; empty is the default."""
    initial = ",".join(value) if isinstance(value, tuple) else str(value or "")
    text = st.text_input(
        setting.label, initial, key=_key(setting.name), placeholder=_placeholder(setting), help=hint or _about(setting)
    )
    text = text if isinstance(setting.kind, Verbatim) else text.strip()
    if not text:
        # An empty prompt that a link has is a prompt of its own, which says another thing than none.
        return "" if value == "" and isinstance(setting.kind, Verbatim) else setting.default
    return setting.kind.parse(text) or setting.default


def _languages(setting: Setting, value: Sequence[str] | None, available: Sequence[str]) -> tuple[str, ...] | None:
    available = available or tuple(value or ())  # of a pack whose corpus is not on this machine
    picked = st.multiselect(
        setting.label,
        available,
        [code for code in value or () if code in available],
        format_func=_label,
        key=_key(f"{setting.name}-{','.join(available)}"),
        placeholder=setting.unset,
        help=_about(setting),
    )
    return tuple(sorted(picked)) or None


def _pick(
    titled: Callable[[], Mapping[str, str]],
    offered: Callable[[access.Access], tuple[str, ...]],
    forms: Callable[[], str] = str,
) -> Callable[[Setting, Experiment, ModelAndCorpus], str]:
    """A widget that lists names, and also takes a name that is typed in; of a public server's only those offered.

    Parameters
    ----------
    forms : callable
        What can be typed in, in words.
    """

    def draw_list(setting: Setting, chosen: Experiment, _: ModelAndCorpus) -> str:
        value = getattr(chosen, setting.name)
        allowed, titles = access.current(), titled()
        options = _with(offered(allowed) if allowed.public else list(titles), value)
        others = "" if allowed.public else f" Others than those listed can be typed in. {forms()}".rstrip()
        # The browser answers with a title, and the old one of an upload that was brought again is no option any more.
        name = f"{setting.name}-{access.titled(value)}" if value.startswith(access.UPLOAD) else setting.name
        picked = st.selectbox(
            setting.label,
            options,
            index=options.index(value),
            format_func=lambda option: titles.get(option) or access.titled(option),
            accept_new_options=not allowed.public,
            key=_key(name),
            help=f"{_about(setting)}{others}",
        )
        return (picked or value).strip()

    return draw_list


def _forms_of_corpora() -> str:
    return " ".join(f"{form.form}: {form.about}." for form in FORMATS.values() if form.place)


def _models() -> dict[str, str]:
    """Models by name, with their titles; last those that only packs have."""
    names = dict.fromkeys(setting.model for setting in process.packs().settings())
    return _MODELS | {name: f"{model_title(name)}, from a pack" for name in names if name not in MODELS}


def _target(setting: Setting, chosen: Experiment, around: ModelAndCorpus) -> str:
    corpus = around.corpus(chosen)
    options = _with(corpus.languages if corpus else (), chosen.target)
    picked = st.selectbox(
        setting.label,
        options,
        index=options.index(chosen.target),
        format_func=_label,
        key=_key(f"target-{chosen.corpus}"),
        help=_about(setting),
    )
    return picked or chosen.target


def _experts(setting: Setting, chosen: Experiment, around: ModelAndCorpus) -> int:
    shape = around.shape(chosen)
    most = shape.neurons.total * _LARGEST_SHARE if shape else 5000
    options = sorted(_with([k for k in _GRID if k <= most] or [1], chosen.experts))
    titles = ", ".join(NEURONS[kind].title for kind in kinds(chosen))
    without = _without_count(chosen)
    about = f"How many of the model's {shape.neurons.total:,} neurons are held: outputs of {titles}." if shape else None
    picked: int = st.select_slider(
        setting.label,
        options,
        value=chosen.experts,
        format_func=lambda k: f"{k:,}",
        key=_key(f"experts-{most}"),
        help=without or about,
        disabled=bool(without),
    )
    return picked


def _without_count(chosen: Experiment) -> str:
    """Why the number of experts says nothing, in a sentence; empty where it does."""
    if chosen.experts_from is not None:
        return "A file names the experts, however many this says."
    # read from its widget, which is drawn after this one
    if st.session_state.get(_key("select"), chosen.select) == "all":
        return "All neurons of the chosen blocks and sites are held, however many this says."
    return ""


def _strength(setting: Setting, chosen: Experiment, _: ModelAndCorpus) -> float:
    return float(
        st.slider(
            setting.label,
            min(0.0, chosen.strength),
            max(2.0, chosen.strength),
            chosen.strength,
            0.05,
            key=_key(setting.name),
            help=f"{_about(setting)} {METHODS[chosen.method].formula}",
        )
    )


def _layer(setting: Setting, chosen: Experiment, around: ModelAndCorpus) -> str | int:
    shape = around.shape(chosen)
    options: list[str | int] = ["last", *range(shape.n_layers if shape else 0)]
    options = _with(options, chosen.layer)
    picked = st.selectbox(
        setting.label,
        options,
        index=options.index(chosen.layer),
        format_func=lambda o: {"last": "last, after the final norm", 0: "0, the embeddings"}.get(o, str(o)),
        key=_key(f"layer-{shape.n_layers if shape else 0}"),
        help=_about(setting),
    )
    return "last" if picked is None else picked


def _sites(setting: Setting, chosen: Experiment, around: ModelAndCorpus) -> tuple[str, ...] | None:
    shape = around.shape(chosen)
    hint = f"This model's: {', '.join(dict.fromkeys(site.name for site in shape.neurons.sites))}." if shape else None
    sites: tuple[str, ...] | None = _text(setting, chosen.expert_sites, hint)
    return sites


_OWN: dict[str, Callable[[Setting, Experiment, ModelAndCorpus], Any]] = {
    "model": _pick(_models, access.Access.offered_models),
    "corpus": _pick(lambda: _CORPORA, access.Access.offered_corpora, _forms_of_corpora),
    "target": _target,
    "experts": _experts,
    "strength": _strength,
    "layer": _layer,
    "expert_sites": _sites,
}


def _about(setting: Setting) -> str:
    """The setting in a sentence, and after it what each choice means."""
    entries = (setting.kind.choices or {}).values()
    choices = [f"{entry.title}: {entry.about}." for entry in entries if getattr(entry, "about", "")]
    return " ".join([f"{setting.help}.", *choices])


def _placeholder(setting: Setting) -> str:
    """What an empty line means, with an example where the text must have a certain form."""
    return f"{setting.unset}, or {setting.example}" if setting.name == "expert_layers" else setting.unset


def _key(name: str) -> str:
    return f"{name}-{session.visitor().generation}"


def _with(options: Sequence[T], value: T) -> list[T]:
    """The options, and a link's value that is none of them: the error of core says why it cannot be used."""
    return list(options) if value in options else [*options, value]


def _label(code: str) -> str:
    try:
        return label(code)
    except AskError:
        return code


def _quietly(question: Callable[[], T]) -> T | None:
    """The value of ``question()``, or None after an error: the page says what is wrong, and the controls are drawn."""
    try:
        return question()
    except Exception:
        return None
