"""A model with an intervention in its weights: equal to the hooks, read by transformers alone and by the product."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

import core
from core.cli.main import main
from core.errors import AskError, ModelError, SettingError
from core.experiment.imported import Imported
from core.experiment.plan import plan
from core.experiment.settings import Experiment
from core.export import model_files, readme, writing
from core.export.forms import FOLDER, PATCH, Form
from core.export.outcome import WrittenWeights
from core.inference.encoding import Encoding
from core.models import sentence_encoder, weight_patch
from core.models.loaded_model import LoadedModel
from core.models.spec import ResolvedModel
from core.neurons.interventions import Intervention
from core.pipeline.engine import Engine
from core.pipeline.run import Run
from core.store.store import Store
from tests.helpers import families
from tests.helpers.passes import set_value
from tests.helpers.results import make_plan
from tests.helpers.sentence_folder import save_encoder
from tests.helpers.sentence_folder import write as save_json
from tests.helpers.tiny import sentences, write_table

# Whose maps all have biases, or can be given them by the config; every other family takes a shift as a patch alone.
WITH_BIASES = {"bloom", "gpt2", "gpt_neox", "xglm", "opt", "xlm-roberta", "bert", "bart", "marian", "llama", "falcon"}
TEXTS = {"en": sentences("en", 3), "ja": sentences("ja", 3)}


def test_every_family_equals_plain_hooks_bit_for_bit(tiny: families.Tiny, tmp_path: Path) -> None:
    """What is written is read by transformers alone, and passed one sentence at a time beside hooks of the test's."""
    sites = [site for site in tiny.neurons.sites if site.kind == "mlp" and site.name != "experts"]
    if not sites:  # all of Mixtral's are experts
        with pytest.raises(ModelError, match="not a linear map"):
            write(tiny, tiny.neurons.sites[1].start, tmp_path)
        return
    neurons = np.array([site.start + 3 for site in sites])
    written = write(tiny, neurons, tmp_path)
    assert written.difference.exact, written.difference
    assert written.form.name == (FOLDER if tiny.family.kind in WITH_BIASES else PATCH)
    assert written.form.switches == {"llama": ("mlp_bias",), "falcon": written.form.switches}.get(tiny.family.kind, ())
    texts = [text for part in TEXTS.values() for text in part]
    with tiny.plain.holding(3, lambda z: torch.full_like(z, 0.75), [site.path for site in sites]):
        _, expected = tiny.plain.run(texts, [], families.mean)
    _, found = read_plainly(tmp_path, tiny.family).run(texts, [], families.mean)
    np.testing.assert_array_equal(found, expected)


def write(tiny: families.Tiny, neurons: np.ndarray, folder: Path) -> writing.WrittenWeights:
    neurons = np.atleast_1d(neurons)
    one = set_value(neurons, np.full(len(neurons), 0.75), 1.0)
    return writing.write(folder, tiny.model, Store(folder.parent / "store"), one, tiny.neurons, TEXTS)


def read_plainly(folder: Path, family: families.Family) -> families.Reference:
    """What was written, by the class that the model was saved by, or by the loader in the folder."""
    if not (folder / weight_patch.SETTINGS).exists():
        return families.Reference.read(folder, family)
    model, tokenizer = weight_patch.load(folder)
    assert type(model).__name__.removesuffix("EncoderModel") in family.saved_as
    base = model.get_encoder() if model.config.is_encoder_decoder else model.base_model
    return families.Reference(base, tokenizer, family)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> str:
    return write_table(tmp_path_factory.mktemp("corpus") / "sentences.tsv")


Asked = Callable[..., Experiment]


@pytest.fixture
def tiny_experiment(corpus: str, tiny_folders: Mapping[str, Path]) -> Asked:
    def make(family: str, **settings: Any) -> Experiment:
        given = {"dtype": "float32", "device": "cpu", "target": "ja", "experts": 30, **settings}
        return Experiment(model=str(tiny_folders[family]), corpus=corpus, **given)

    return make


def export(engine: Engine, asked: Experiment, folder: Path) -> writing.ExportedModel:
    return engine.answer(asked, lambda run: writing.export(run, folder))


def states(run: Run) -> tuple[np.ndarray, np.ndarray]:
    """Both spaces at every layer."""
    _, intervention = run.spaces()
    layers = range(run.plan.outline.n_layers + 1)
    pre, post = (np.stack([run.stages.embeddings(0, i, layer) for layer in layers]) for i in (None, intervention))
    return pre, post


_PLAINLY = """
import json, sys
import numpy as np, torch
assert "core" not in sys.modules
{load}
rows = []
for text in json.load(open("texts.json", encoding="utf-8")):
    ids = tokenizer(text, return_tensors="pt")["input_ids"]
    with torch.no_grad():
        states = model(input_ids=ids, output_hidden_states=True).hidden_states
    rows.append(states[-1][0, {bos}:].mean(0).float().numpy())
np.save("found.npy", np.array(rows))
"""
_FOLDER = """
from transformers import AutoModelForCausalLM, AutoTokenizer
model, tokenizer = AutoModelForCausalLM.from_pretrained("out").eval(), AutoTokenizer.from_pretrained("out")
"""
_LOADER = """
sys.path.insert(0, "out")
from loader import load
model, tokenizer = load()
"""


@pytest.mark.parametrize(("family", "form"), [("gpt2", FOLDER), ("gemma3", PATCH)])
def test_the_command_writes_what_transformers_and_the_product_read(
    family: str, form: str, tiny_experiment: Asked, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked, out = tiny_experiment(family), tmp_path / "out"
    options = ["--model", asked.model, "--corpus", asked.corpus, "--target", "ja", "--experts", "30"]
    options += ["--dtype", "float32", "--device", "cpu", "--cache", str(tmp_path / "cache"), "--out", str(out)]
    assert main(["export", *options]) == 0
    assert "equal to the hooks' bit for bit at every layer" in capsys.readouterr().out

    engine = Engine(Store(tmp_path / "cache"))
    _, after = engine.answer(asked, states)
    before, _ = engine.answer(replace(asked, model=str(out), strength=0.3), states)
    np.testing.assert_array_equal(before, after)

    bound = plan(asked)
    texts = [text for code in bound.groups[0].languages for text in bound.groups[0].texts[code]]
    (tmp_path / "texts.json").write_text(json.dumps(texts), encoding="utf-8")
    code = _PLAINLY.format(load=_FOLDER if form == FOLDER else _LOADER, bos=int(family == "gemma3"))
    subprocess.run([sys.executable, "-I", "-c", code], cwd=tmp_path, check=True, timeout=300)
    found = np.load(tmp_path / "found.npy")
    np.testing.assert_allclose(found, after[-1].reshape(found.shape), rtol=1e-4, atol=1e-4 * np.abs(found).max())

    stated = json.loads((out / writing.PROVENANCE).read_text(encoding="utf-8"))
    assert stated["form"] == form
    named = {"model": Path(asked.model).name, "corpus": "table:sentences.tsv"}  # not where they are
    assert stated["setting"] == bound.describe() | named
    assert stated["difference_from_hooks"]["exact"]
    described = (out / "README.md").read_text(encoding="utf-8")
    assert "30 neurons" in described
    assert "held at their Japanese average" in described
    assert "Licence of the model: not stated in its folder." in described
    modes = {file.stat().st_mode for file in out.rglob("*") if file.is_file()}
    assert modes == {(tmp_path / "texts.json").stat().st_mode}
    if form == PATCH:
        assert sum(file.stat().st_size for file in out.iterdir() if file.suffix == ".safetensors") < 20_000


def test_what_is_not_equal_is_stated_with_how_far_it_is(tiny_experiment: Asked, store: Store, tmp_path: Path) -> None:
    asked = tiny_experiment("bloom", strength=0.5, dtype="bfloat16")
    engine = Engine(store)
    exported = export(engine, asked, tmp_path / "out")
    _, after = engine.answer(asked, states)
    before, _ = engine.answer(replace(asked, model=str(tmp_path / "out")), states)
    apart = np.linalg.norm(before - after, axis=-1) / np.linalg.norm(after, axis=-1)
    assert 0 < apart.max() < 0.05
    assert not exported.difference.exact
    assert exported.difference.by_layer[0] == 0  # the embeddings, before any neuron
    assert apart.max() / 3 < exported.difference.largest < apart.max() * 3  # on other sentences
    assert f"by at most {exported.difference.largest:.2g} of their length" in (tmp_path / "out/README.md").read_text()


def test_what_needs_no_bias_is_a_plain_folder_of_any_family(
    tiny_experiment: Asked, store: Store, tmp_path: Path
) -> None:
    exported = export(Engine(store), tiny_experiment("gemma3", method="zero"), tmp_path / "out")
    assert exported.written.form.name == FOLDER
    assert exported.difference.exact


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"strength": 0.0}, "it changes nothing"),
        ({"tokens": "last"}, "weights are the same at every token"),
        ({"tokens": "no-bos"}, "weights are the same at every token"),
        ({"neurons": ("residual",)}, "a sum, not that of one linear map"),
    ],
)
def test_what_weights_cannot_do_is_refused(
    settings: dict[str, Any], words: str, tiny_experiment: Asked, store: Store, tmp_path: Path
) -> None:
    with pytest.raises(SettingError, match=words):
        export(Engine(store), tiny_experiment("llama", **settings), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_folder_is_written_whole_or_not_at_all(
    tiny_experiment: Asked, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "notes.txt").write_text("mine")
    (tmp_path / "empty").mkdir()
    asked = tiny_experiment("llama")
    for folder in (tmp_path / "full", tmp_path / "full" / "notes.txt"):
        with pytest.raises(SettingError, match="Name a folder that is empty"):
            core.Session(store.root, progress=False).export(folder, asked)

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(writing, "compare", stop)
        with pytest.raises(KeyboardInterrupt):
            export(Engine(store), asked, tmp_path / "empty")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["empty", "full", "store"]
    assert not list((tmp_path / "empty").iterdir())
    core.Session(store.root, progress=False).export(tmp_path / "empty", asked)
    assert (tmp_path / "empty" / "config.json").is_file()


def test_a_patch_that_fits_no_model_is_refused(tiny_experiment: Asked, store: Store, tmp_path: Path) -> None:
    out, engine = tmp_path / "out", Engine(store)
    exported = export(engine, tiny_experiment("gemma3"), out)
    with pytest.raises(ModelError, match="it is a patch itself"):
        export(engine, replace(tiny_experiment("gemma3"), model=str(exported.folder)), tmp_path / "again")
    changes = weight_patch.read(out)
    (out / weight_patch.VALUES).unlink()
    with pytest.raises(AskError, match=r"patch\.safetensors"):
        engine.run(replace(tiny_experiment("gemma3"), model=str(out)))
    changes[0].units[0] = 10_000
    save_file(weight_patch.tensors_of(changes), out / weight_patch.VALUES)
    with pytest.raises(ModelError, match="no linear map with the units"):
        engine.run(replace(tiny_experiment("gemma3"), model=str(out)))


def test_a_sentence_encoder_stays_one_where_its_transformer_had_a_folder_of_its_own(
    corpus: str, store: Store, tmp_path: Path
) -> None:
    own = {"max_seq_length": 7}
    encoder = save_encoder(tmp_path / "encoder", {"pooling_mode": "cls"}, ["Dense", "Normalize"], own=own)
    (encoder / "sentence_bert_config.json").rename(encoder / "sentence_roberta_config.json")  # as some call it
    inner = encoder / "0_Transformer"
    inner.mkdir()
    listed = json.loads((encoder / "modules.json").read_text(encoding="utf-8"))
    for path in [path for path in encoder.iterdir() if path.is_file() and path.name != "modules.json"]:
        path.rename(inner / path.name)
    save_json(encoder / "modules.json", [{**step, "path": step["path"] or inner.name} for step in listed])
    settings: dict[str, Any] = {"corpus": corpus, "dtype": "float32", "device": "cpu", "method": "zero"}
    asked = Experiment(model=str(encoder), target="ja", experts=30, **settings)
    export(Engine(store), asked, tmp_path / "out")
    assert plan(replace(asked, model=str(tmp_path / "out"))).encoding == plan(asked).encoding
    said = (tmp_path / "out" / "README.md").read_text(encoding="utf-8")
    assert "as the model's own folder says: first token of all tokens, a linear map to" in said
    assert "mean" not in said.partition("A sentence's embedding")[2].partition("\n")[0]


def test_what_the_hub_says_of_how_a_model_embeds_comes_along(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    there = save_encoder(tmp_path / "there", {"pooling_mode": "cls"}, ["Dense", "Normalize"], own={"max_seq_length": 9})
    found = {path.relative_to(there).as_posix(): str(path) for path in there.rglob("*") if path.is_file()}
    monkeypatch.setattr("core.models.pretrained.find_file", lambda _, file, __: found.get(file))
    monkeypatch.setattr("core.models.hub.loading_arguments", lambda *_: {})
    monkeypatch.setattr("core.models.hub.small_files", lambda *_: {})
    resolved = ResolvedModel("owner/name", "owner/name", "0" * 40, "0" * 40, "float32", "cpu")
    (out := tmp_path / "out").mkdir()
    tokenizer = SimpleNamespace(save_pretrained=lambda _: None)
    model_files.copy_beside(
        cast(LoadedModel, SimpleNamespace(resolved=resolved, tokenizer=tokenizer)), "owner/name", out
    )
    stated = sentence_encoder.read(resolved)
    monkeypatch.undo()
    assert stated is not None
    assert sentence_encoder.read(replace(resolved, name=str(out), location=str(out), revision="local")) == stated
    assert (out / "2_Dense" / "model.safetensors").is_file()


def test_the_readme_says_how_sentences_were_embedded() -> None:
    def said(encoding: Encoding) -> str:
        written = WrittenWeights(Form(PATCH), None, "AutoModel", "", "none")
        change = Intervention(np.arange(2), np.zeros(2, np.float32), np.ones(2, np.float32))
        text = readme.text(
            replace(make_plan(Experiment(model="made", corpus="made")), encoding=encoding), change, written
        )
        return text.partition("A sentence's embedding was ")[2].partition("\n")[0]

    assert said(Encoding()).endswith("over its tokens, without those that the tokenizer adds.")
    assert said(Encoding("last")).endswith(": the last token, special or not.")
    assert said(Encoding("max", "query: ", True)).endswith(
        "special ones left out. Every sentence was read behind the prompt 'query: '. "
        "Every sentence was wrapped in the model's chat template."
    )


def test_the_folder_names_no_place_of_this_machine() -> None:
    bound = make_plan(Experiment(model="made", corpus="made"))
    home = replace(
        bound.experiment, model="/home/anna/made", corpus="table:/home/anna/mine.csv", adapter="/home/anna/a"
    )
    bound = replace(bound, experiment=home, resolved=replace(bound.resolved, name="/home/anna/made"))
    written = WrittenWeights(Form(PATCH), None, "AutoModel", "", "none")
    change = Intervention(np.arange(2), np.zeros(2, np.float32), np.ones(2, np.float32))
    stated, text = readme.provenance(bound, change, written), readme.text(bound, change, written)
    assert "anna" not in stated + text
    setting = json.loads(stated)["setting"]
    assert [setting[name] for name in ("model", "corpus", "adapter")] == ["made", "table:mine.csv", "a"]
    assert "neurons of made," in text


def test_a_folder_in_use_is_found_under_its_short_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "out").mkdir()
    writing.check_folder(Path("~/out"))
    (tmp_path / "out" / "file").touch()
    with pytest.raises(SettingError, match="something in that folder"):
        writing.check_folder(Path("~/out"))


def test_the_readme_says_which_neurons_and_what_they_are_held_at() -> None:
    def heading(imported: Imported | None = None, **changes: str) -> str:
        bound = make_plan(Experiment(model="made", corpus="made", **changes))
        written = WrittenWeights(Form(PATCH), None, "AutoModel", "", "none")
        change = Intervention(np.arange(2), np.zeros(2, np.float32), np.ones(2, np.float32))
        return readme.text(replace(bound, imported=imported), change, written).split("# ")[1].split("\n")[0]

    named = {"experts_from": "/some/where/es.csv"}
    assert heading() == "2 neurons of made, held at their Japanese average"
    given = heading(Imported((1, 2), (0.5, 4.0)), **named)
    assert given == "2 neurons of made that es.csv names, held at the values given there"
    assert heading(Imported((1, 2)), **named).endswith("that es.csv names, held at their Japanese average")
    random = heading(control="random")
    assert random == (
        "2 random neurons (a control) of made, treated as the experts of Japanese would be: held at their Japanese "
        "average"
    )
