"""A sentence encoder with or without an intervention, used as those of sentence-transformers and mteb are."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

import numpy as np
import torch

from core.errors import CorpusError
from core.inference.batching import tokenise
from core.inference.encoding import PLAIN, Encoding
from core.inference.forward import forward
from core.inference.sources import identified
from core.models.loaded_model import LoadedModel
from core.neurons.interventions import Intervention
from core.neurons.neuron_map import NeuronMap
from core.pipeline.run import Run
from core.spaces.similarity import normalise

_AT_ONCE = 1024  # sentences: all layers of these are in memory, of all others the one layer

Array: TypeAlias = "np.ndarray | torch.Tensor"


@dataclass(frozen=True, eq=False)
class Encoder:
    """Embeds sentences at one layer of a model, under an intervention or without one.

    It has the methods of a ``SentenceTransformer`` that embedding and evaluation need, and follows mteb's encoder
    protocol, so that ``mteb.evaluate(encoder, tasks)`` runs.

    Attributes
    ----------
    model : LoadedModel
    intervention : Intervention or None
        Written to every sentence; None for the unmodified model.
    neurons : NeuronMap
        What the intervention's indices count through.
    layer : int
        Hidden state that is pooled.
    name : str
        What reports call it.
    language : str, optional
        Of all sentences, for a tokenizer that marks them with their language and for an intervention that goes by it;
        for the latter, each sentence's is identified where it is not given.
    encoding : Encoding
        How sentences are put to the model and hidden states become embeddings.
    """

    model: LoadedModel
    intervention: Intervention | None
    neurons: NeuronMap
    layer: int
    name: str
    language: str | None = None
    encoding: Encoding = PLAIN
    prompts: Mapping[str, str] = field(default_factory=dict)

    similarity_fn_name = "cosine"

    def encode(
        self,
        sentences: str | Sequence[str] | Iterable[Mapping[str, Any]],
        *,
        prompt: str | None = None,
        convert_to_tensor: bool = False,
        normalize_embeddings: bool = False,
        language: str | None = None,
        advance: Callable[[int], None] = lambda _: None,
        **_: Any,
    ) -> Array:
        """Embed sentences.

        Parameters
        ----------
        sentences : str, sequence of str, or batches
            mteb's batches are mappings whose ``text`` is a list of sentences; a data set's rows, of one.
        prompt : str, optional
            Put before every sentence, in place of the encoding's; its tokens count as the encoding's do.
        convert_to_tensor : bool
            Return a tensor rather than an array.
        normalize_embeddings : bool
            Scale each to length 1.
        language : str, optional
            In place of the encoder's.
        advance : callable
            Called with the number of tokens after each batch.
        **_
            Other settings of ``SentenceTransformer.encode`` and of mteb are taken and change nothing: sentences are
            batched by their tokens, whatever ``batch_size`` says.

        Returns
        -------
        ndarray or tensor of float32, (n_sentences, hidden); of one sentence (hidden,)

        Raises
        ------
        CorpusError
            If a sentence has no token, or is no text.
        """
        texts = _texts(sentences)
        encoding = self.encoding if prompt is None else replace(self.encoding, prompt=prompt)
        parts = [
            self._embedded(texts[start : start + _AT_ONCE], language or self.language, encoding, advance)
            for start in range(0, len(texts), _AT_ONCE)
        ]
        embeddings = (
            np.concatenate(parts) if parts else np.empty((0, self.encoding.width(self.model.hidden_size)), np.float32)
        )
        if normalize_embeddings:
            embeddings = normalise(embeddings)
        if isinstance(sentences, str):
            embeddings = embeddings[0]
        return torch.from_numpy(embeddings) if convert_to_tensor else embeddings

    def encode_query(self, sentences: str | Sequence[str], **settings: Any) -> Array:
        """Embed queries: as `encode`, since there are no prompts for one side."""
        return self.encode(sentences, **settings)

    def encode_document(self, sentences: str | Sequence[str], **settings: Any) -> Array:
        """Embed documents: as `encode`."""
        return self.encode(sentences, **settings)

    def similarity(self, embeddings1: Array, embeddings2: Array) -> torch.Tensor:
        """Cosine of every embedding of the one with every embedding of the other: (n_1, n_2)."""
        return _unit(embeddings1) @ _unit(embeddings2).T

    def similarity_pairwise(self, embeddings1: Array, embeddings2: Array) -> torch.Tensor:
        """Cosine of each embedding of the one with its fellow of the other: (n,)."""
        return (_unit(embeddings1) * _unit(embeddings2)).sum(-1)

    def get_sentence_embedding_dimension(self) -> int:
        """Length of an embedding."""
        return self.encoding.width(self.model.hidden_size)

    get_embedding_dimension = get_sentence_embedding_dimension

    @property
    def max_seq_length(self) -> int:
        """Tokens beyond which a sentence is cut."""
        context, encoder = self.model.context, self.encoding.encoder
        return min(context, (encoder and encoder.max_length) or context)

    @property
    def device(self) -> torch.device:
        """Where token ids go."""
        return self.model.device

    @property
    def mteb_model_meta(self) -> Any:
        """What mteb writes beside its scores; needs mteb."""
        digests = (self.model.resolved.digest, self.intervention.digest if self.intervention else "")
        return importlib.import_module("mteb.models").ModelMeta.create_empty(
            overwrites={
                "name": f"language-neurons/{self.name}",
                "revision": "-".join(digest[:12] for digest in digests if digest),
                "embed_dim": self.encoding.width(self.model.hidden_size),
                "max_tokens": self.max_seq_length,
            }
        )

    def _embedded(
        self, texts: Sequence[str], language: str | None, encoding: Encoding, advance: Callable[[int], None]
    ) -> np.ndarray:
        tokens = tokenise(self.model, texts, language, encoding)
        if language is None:
            tokens = replace(tokens, languages=tuple(identified(text, self.intervention) for text in texts))
        result = forward(
            self.model,
            tokens,
            embeddings=True,
            encoding=encoding,
            intervention=self.intervention,
            neurons=self.neurons,
            advance=advance,
        )
        assert result.embeddings is not None
        embeddings: np.ndarray = result.embeddings[self.layer].copy()  # the other layers are let go
        return embeddings

    def __repr__(self) -> str:
        return (
            f"Encoder({self.name!r}, {self.encoding.width(self.model.hidden_size):,} dimensions at layer {self.layer})"
        )


def encoders(run: Run) -> tuple[Encoder, Encoder]:
    """Make the encoders of an experiment, before and after its intervention."""
    plan = run.plan
    experts = run.experts()
    intervention = run.stages.intervention(experts)
    model, kind = run.model(), plan.resolved.name.rsplit("/", 1)[-1]
    named = f"{kind}-{plan.target}-{plan.experiment.method}-{plan.experiment.strength:g}"
    return tuple(  # type: ignore[return-value]
        Encoder(model, changed_by, plan.outline.neurons, plan.layer, name, encoding=plan.encoding)
        for changed_by, name in ((None, kind), (intervention, named))
    )


def _texts(sentences: str | Sequence[str] | Iterable[Mapping[str, Any]]) -> list[str]:
    if isinstance(sentences, str):
        return [sentences]
    texts: list[Any] = []
    for part in sentences:
        batch = part["text"] if isinstance(part, Mapping) and "text" in part else [part]
        # a row of a data set has one sentence where a batch has a list of them
        texts += [batch] if isinstance(batch, str) or not isinstance(batch, Iterable) else batch
    for number, text in enumerate(texts, start=1):
        if not isinstance(text, str):
            raise CorpusError(
                f"embed sentence {number}", f"it is not text but {type(text).__name__}", "Give a list of sentences."
            )
    return texts


def _unit(embeddings: Array) -> torch.Tensor:
    tensor = torch.as_tensor(embeddings, dtype=torch.float32)
    return torch.nn.functional.normalize(tensor.reshape(-1, tensor.shape[-1]), dim=-1)
