"""A patch without its model: what is in it, and that it does in the model what the hooks do."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.torch import save_file

from core.errors import ModelError, SettingError
from core.experiment.plan import plan
from core.experiment.settings import Experiment
from core.export import patches
from core.inference.batching import tokenise
from core.inference.forward import forward
from core.models import weight_patch
from core.pipeline.engine import Engine
from core.pipeline.run import Run
from core.progress import Progress
from core.store.store import Store
from tests.helpers.tiny import sentences


@pytest.mark.parametrize("family", ["llama", "gpt2"])
def test_a_patch_is_made_without_the_model_and_fits_it(
    family: str, asked: Experiment, tiny_folders: Mapping[str, Path], store: Store, tmp_path: Path
) -> None:
    asked = replace(asked, model=str(tiny_folders[family]), strength=1.0)
    engine = Engine(store)
    engine.experts(asked)
    packed = engine.answer_known(asked, patches.zipped)
    assert packed is not None
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        assert set(archive.namelist()) == {
            "README.md",
            "loader.py",
            "patch.json",
            "patch.safetensors",
            patches.PROVENANCE,
        }
        archive.extractall(tmp_path / "patch")
    assert len(packed) < 40_000
    with pytest.raises(ValueError, match="say where it is"):
        weight_patch.load(tmp_path / "patch")
    with pytest.raises(ModelError, match="neither in it nor on the hub"):
        engine.run(replace(asked, model=str(tmp_path / "patch")))

    def hooked(run: patches.Run) -> np.ndarray:
        model = run.model()
        tokens = tokenise(model, sentences("en", 1))
        one = run.stages.intervention(run.experts())
        embeddings = forward(model, tokens, embeddings=True, intervention=one).embeddings
        assert embeddings is not None
        return embeddings[-1, 0]

    changed, tokenizer = weight_patch.load(tmp_path / "patch", model=asked.model)
    encoded = tokenizer(sentences("en", 1)[0], return_tensors="pt", return_special_tokens_mask=True)
    counted = ~encoded["special_tokens_mask"][0].bool()
    states = changed.base_model(input_ids=encoded["input_ids"]).last_hidden_state[0, counted]
    np.testing.assert_allclose(states.detach().mean(0), engine.answer(asked, hooked), rtol=1e-4, atol=1e-5)


def test_what_weights_cannot_do_has_no_patch(asked: Experiment, engine: Engine) -> None:
    with pytest.raises(SettingError, match="weights are the same at every token"):
        engine.answer(replace(asked, tokens="last"), patches.zipped)


@pytest.mark.parametrize("question", [patches.zipped, patches.form])
def test_weights_that_are_not_the_models_own_have_no_patch(
    question: Callable[[Run], object], asked: Experiment, engine: Engine, tmp_path: Path
) -> None:
    adapter, patch = tmp_path / "adapter", tmp_path / "patch"
    for folder in (adapter, patch):
        folder.mkdir()
    (adapter / "adapter_config.json").write_text('{"peft_type": "LORA"}', encoding="utf-8")
    save_file({}, adapter / "adapter_model.safetensors")
    (patch / weight_patch.SETTINGS).write_text('{"model": null, "revision": null}', encoding="utf-8")
    save_file({}, patch / weight_patch.VALUES)
    (patch / weight_patch.INCLUDED).symlink_to(asked.model)
    for changes, words in (({"adapter": str(adapter)}, "with an adapter"), ({"model": str(patch)}, "a patch itself")):
        with pytest.raises(ModelError, match=words):
            engine.answer(replace(asked, **changes), question)  # type: ignore[arg-type]
    bound = plan(asked)
    for placed in ({"dtype": "int4"}, {"dtype": "int8"}, {"device": "sharded"}):
        elsewhere = replace(bound, resolved=replace(bound.resolved, **placed))
        with pytest.raises(ModelError, match="its weights are packed, or spread over devices"):
            question(Run(elsewhere, engine.models, Progress()))
    assert engine.store.entries() == []  # refused before any work
