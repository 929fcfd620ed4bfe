"""A GGUF file is a model by its path: converted once, with the weights that it holds."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaForCausalLM

from core.experiment.plan import plan
from core.experiment.settings import Experiment
from core.inference.batching import tokenise
from core.inference.encoding import PLAIN
from core.models import gguf_file, pretrained
from core.models.load import load, outline
from core.models.resolve import resolve
from core.models.spec import ModelSpec, ResolvedModel
from core.store.store import Store
from tests.helpers.gguf_model import HIDDEN, LAYERS, write_gguf
from tests.helpers.passes import TEXTS, run
from tests.helpers.refusals import refusal
from tests.helpers.tiny import make_tokenizer


def resolved(path: Path) -> ResolvedModel:
    return resolve(ModelSpec(str(path), dtype="float32", device="cpu"))


def test_the_model_is_the_files(tmp_path: Path, store: Store) -> None:
    path = tmp_path / "tiny.gguf"
    written = write_gguf(path, "{{ messages[0].content }}")
    found = resolved(path)
    shape = outline(found)
    assert (shape.architecture, shape.n_layers, shape.hidden_size) == ("LlamaForCausalLM", LAYERS, HIDDEN)
    assert shape.chat
    model = load(found, store)
    weights = model.lm.state_dict()
    for name, tensor in written.state_dict().items():
        torch.testing.assert_close(weights[name], tensor, rtol=0, atol=0)
    plain = make_tokenizer(False)
    assert [list(ids) for ids in tokenise(model, TEXTS).ids] == [plain(text)["input_ids"] for text in TEXTS]
    assert model.neurons == shape.neurons
    assert run(model).embeddings is not None
    whole = pretrained.read_config("tiny", path.parent, gguf_file=path.name)
    assert gguf_file.config(found).to_diff_dict() == whole.to_diff_dict()
    asked = Experiment(model=str(path), dtype="float32", device="cpu", target="es", experts=20)
    assert plan(asked).encoding == PLAIN
    # the converted folder is any folder's equal, and is found again
    (folder,) = store.root.glob("model/*")
    assert type(AutoModelForCausalLM.from_pretrained(folder)) is LlamaForCausalLM
    assert AutoTokenizer.from_pretrained(folder)(TEXTS[0])["input_ids"] == plain(TEXTS[0])["input_ids"]
    path.touch()
    assert resolved(path) == found


@pytest.mark.parametrize("name", ["tiny.gguf", "TINY.GGUF", "tiny.Gguf"])
def test_what_a_file_is_called_says_that_it_is_one_wherever_it_lies(name: str, tmp_path: Path) -> None:
    """The hub's cache keeps a file under its digest, and a link that has its name."""
    blob, link = tmp_path / "0123abcd", tmp_path / name
    blob.write_bytes(b"GGUF")
    link.symlink_to(blob)
    by_link = resolved(link)
    assert gguf_file.is_gguf(by_link)
    assert Path(by_link.location).read_bytes() == b"GGUF"
    link.unlink()
    (tmp_path / "other").write_bytes(b"GGUF, and more")
    link.symlink_to("other")
    assert resolved(link).identity != by_link.identity


@pytest.mark.parametrize(
    ("name", "why"),
    [("absent.gguf", "no such file"), ("absent.safetensors", "no such file"), ("other.safetensors", "is neither")],
)
def test_a_file_that_is_no_model_is_refused(name: str, why: str, tmp_path: Path) -> None:
    (tmp_path / "other.safetensors").write_bytes(b"")
    assert why in refusal(lambda: resolved(tmp_path / name)).why


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "broken.gguf"
    path.write_bytes(b"GGUF" + bytes(40))
    error = refusal(lambda: outline(resolved(path)))
    assert str(path) in error.what
    assert "Traceback" not in str(error)
    assert "\n" not in error.why


def test_a_folder_of_a_gguf_file_alone_says_how_to_name_it(tmp_path: Path) -> None:
    (tmp_path / "model.Q4_0.gguf").write_bytes(b"GGUF")
    error = refusal(lambda: resolved(tmp_path))
    assert "model.Q4_0.gguf" in error.why
    assert f"--model {tmp_path / 'model.Q4_0.gguf'}" in error.instead


def test_a_file_of_weights_is_its_folder(tiny_folders: dict[str, Path]) -> None:
    folder = tiny_folders["llama"]
    by_file, by_folder = resolved(folder / "model.safetensors"), resolved(folder)
    assert (by_file.location, by_file.identity) == (by_folder.location, by_folder.identity)
