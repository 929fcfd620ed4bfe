"""The settings of one experiment (model, corpus, language, k, strength, ...) as a frozen object."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from core.models.spec import ModelSpec
from core.neurons.methods import METHODS, Learning
from core.neurons.selection import Selection

PAPER_LANGUAGES = ("en", "de", "fr", "es", "ja", "zh")
"""Languages of the paper's probe: its five targets, and Chinese."""


@dataclass(frozen=True)
class Experiment:
    """Everything that a person chooses. Hashable, serialisable; None means "the default for this corpus".

    Attributes
    ----------
    model, revision, dtype, device, adapter
        See `core.models.spec.ModelSpec`.
    sentence_pooling : str
        How the hidden states of a sentence become its embedding, a name in
        `core.models.sentence_pooling.SENTENCE_POOLINGS`; ``auto`` is what the model's folder says in its modules.json,
        and the mean where it has none.
    prompt : str, optional
        Put before every sentence: a name in the model's config_sentence_transformers.json, or a text.
    chat_template : bool
        Whether every sentence is wrapped in the model's chat template, as a user's message.
    corpus : str
        A spec, as `core.corpora.formats.FORMATS` lists them.
    probe_corpus : str, optional
        Takes the probe sentences from another corpus.
    target : str
        Language whose experts are found, any code that names it.
    targets : tuple of str, optional
        Languages whose experts are held together: codes, families or branches by name, ``all``; the target is always
        among them.
    combine, held_at : str
        Which of their experts, a name in `core.neurons.selection.EXPERT_SETS`, and at what, one in ``HELD_AT``.
    neurons : tuple of {"mlp", "attention", "residual"}
        Whose outputs count as neurons: the MLP's linear maps, the attention's output map, the blocks themselves.
    score : str
        What an expert is, a name in `core.neurons.scores.SCORES`.
    experts : int
        How many (k); with ``select="layer"`` of each layer.
    select, expert_layers, expert_sites, min_score
        See `core.neurons.selection.Selection`.
    experts_from : str, optional
        A file that names the experts, instead of the best by their score; see `core.experiment.imported`.
    method : str
        What is written to them, a name in `core.neurons.methods.METHODS`.
    strength : float
        0 leaves the model as it is, 1 is the method itself (set-mean: held at their mean on the target language).
    learning_sentences, learning_steps : int
        Probe sentences of other languages, at most, on which a learned method is fitted, and passes forward and back
        over them; others have no use for these.
    learning_penalty : float
        Of a learned method, the weight of the group lasso that leaves units as they are; others have no use for it.
    tokens : {"all", "no-bos", "last"}
        Where it is written.
    languages : tuple of str, optional
        To evaluate on; the target is always among them.
    probe_languages : tuple of str, optional
        Positive and negative languages of the probe.
    probe_sentences, eval_sentences : int, optional
        Use the first N rows.
    layer : str or int
        ``last`` (after the final norm), or a hidden state from 0 (the embeddings).
    pooling : {"mean", "max"}
        Over a sentence's tokens, for a neuron's response.
    control : {"none", "random", "random-layers"}
        ``random`` puts what is written to the experts on as many neurons drawn at random over the whole model,
        ``random-layers`` on as many in each layer as there are experts.
    seed : int
        Of every draw: the random control, the projection, the sentences that LinEAS learns from, texts, the order of a
        search, resamples.
    """

    model: str = "embedded"
    revision: str | None = None
    dtype: str = "auto"
    device: str = "auto"
    adapter: str | None = None
    sentence_pooling: str = "auto"
    prompt: str | None = None
    chat_template: bool = False
    corpus: str = "embedded"
    probe_corpus: str | None = None
    target: str = "ja"
    targets: tuple[str, ...] | None = None
    combine: str = "union"
    held_at: str = "own"
    neurons: tuple[str, ...] = ("mlp",)
    score: str = "auroc"
    experts: int = 2000
    select: str = "model"
    expert_layers: str | None = None
    expert_sites: tuple[str, ...] | None = None
    min_score: float | None = None
    experts_from: str | None = None
    method: str = "set-mean"
    strength: float = 1.0
    learning_sentences: int = Learning.sentences
    learning_steps: int = Learning.steps
    learning_penalty: float = Learning.penalty
    tokens: str = "all"
    languages: tuple[str, ...] | None = None
    probe_languages: tuple[str, ...] | None = None
    probe_sentences: int | None = None
    eval_sentences: int | None = None
    layer: str | int = "last"
    pooling: str = "mean"
    control: str = "none"
    seed: int = 0

    def __post_init__(self) -> None:
        # Python and JSON write 2 for 2.0, which are equal here and not to what draws a setting or writes it down.
        for name in ("min_score", "strength", "learning_penalty"):
            value = getattr(self, name)
            if type(value) is int:
                object.__setattr__(self, name, _as_float(value))

    def to_dict(self) -> dict[str, Any]:
        """Return the settings as JSON values."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Experiment:
        """Make an experiment from the values of `to_dict`; unknown keys (a result's provenance) are ignored."""
        names = {field.name for field in fields(cls)}
        settings: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in values.items() if k in names}
        return cls(**settings)

    @property
    def k_counts(self) -> bool:
        """Whether ``experts`` says how many neurons are held: not where a file names them or all are chosen."""
        return self.experts_from is None and self.select != "all"

    @property
    def model_spec(self) -> ModelSpec:
        """Which model."""
        return ModelSpec(self.model, self.revision, self.dtype, self.device, self.adapter)

    @property
    def learns(self) -> bool:
        """Whether the method is learned by gradient; the settings of learning say nothing of others."""
        return self.method in METHODS and METHODS[self.method].learned

    @property
    def learning(self) -> Learning:
        """How a method that is learned is learned."""
        return Learning(self.learning_sentences, self.learning_steps, penalty=float(self.learning_penalty))

    @property
    def selection(self) -> Selection:
        """How the experts are chosen."""
        return Selection(self.experts, self.select, self.expert_layers, self.expert_sites, self.min_score)


def _as_float(number: int) -> float:
    """The number as a float; infinity for one that is too large, which the check of each setting refuses in words."""
    try:
        return float(number)
    except OverflowError:
        return math.inf if number > 0 else -math.inf
