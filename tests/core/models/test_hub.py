"""Models by hub id, against a real server on this machine: what is there loads, what is not is said in plain words."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from core.models.hub import explained
from core.models.load import outline
from core.models.resolve import resolve
from core.models.spec import ModelSpec
from tests.helpers.hub_server import COMMIT, Repository, serving, surroundings
from tests.helpers.refusals import refusal
from tests.helpers.sentence_folder import DENSE_WIDTH, after, save_encoder

# Asks for each (id, revision), all the way to a loaded model, and writes down how each went.
SCRIPT = """
import json, sys, tempfile
import numpy as np
from core.errors import ModelError
from core.models import sentence_encoder
from core.models.load import load, outline
from core.models.resolve import resolve
from core.models.spec import ModelSpec
from core.store.store import Store

answers = []
for name, revision in json.loads(sys.argv[1]):
    step = "resolve"
    try:
        found = resolve(ModelSpec(name, revision, dtype="float32", device="cpu"))
        step = "outline"
        neurons = outline(found).neurons.total
        step = "load"
        model = load(found, Store(tempfile.mkdtemp()))
        encoder = sentence_encoder.read(found)
        head = sentence_encoder.head(found, encoder) if encoder else ()
        steps = [step(np.ones((1, 32), np.float32)).tolist() for step in head]
        weights = sum(float(p.double().sum()) for p in model.lm.parameters())
        answers.append({"revision": found.revision, "digest": found.digest, "neurons": neurons, "weights": weights})
        answers[-1] |= {"encoder": str(encoder), "steps": steps} if encoder else {}
    except ModelError as error:
        answers.append({"step": step, "what": error.what, "why": error.why, "instead": error.instead})
print(json.dumps(answers))
"""

Answer = dict[str, object]


def ask(wanted: list[tuple[str, str | None]], home: Path, endpoint: str, offline: bool = False) -> list[Answer]:
    """Ask in a process of its own, since the hub's client reads its settings when it is imported."""
    environment = surroundings(home, endpoint, offline)
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, json.dumps(wanted)], env=environment, capture_output=True, text=True, cwd=home
    )
    assert done.returncode == 0, done.stderr[-3000:]
    answers: list[Answer] = json.loads(done.stdout.splitlines()[-1])
    assert len(answers) == len(wanted)
    return answers


@pytest.fixture(scope="module")
def answers(tiny_folders: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Answer]:
    """How each request went: against the server, then with the server gone, then offline."""
    home = tmp_path_factory.mktemp("home")
    headless = Path(shutil.copytree(tiny_folders["gpt2"], home / "headless"))
    (headless / "model.safetensors").unlink()
    adapter = home / "adapter"
    adapter.mkdir()
    config = {"peft_type": "LORA", "base_model_name_or_path": "tiny/llama"}
    (adapter / "adapter_config.json").write_text(json.dumps(config))
    beside = Path(shutil.copytree(tiny_folders["llama"], home / "beside"))
    (beside / "adapter_config.json").write_text(json.dumps(config))
    served = {
        "tiny/adapter": Repository(adapter),
        "tiny/beside": Repository(beside),
        "tiny/encoder": Repository(save_encoder(home / "encoder", {"pooling_mode": "max"}, ["Dense"])),
        "tiny/llama": Repository(tiny_folders["llama"], ("main", "v1", COMMIT)),
        "tiny/gated": Repository(tiny_folders["llama"], gated=True),
        "tiny/headless": Repository(headless),
        "tiny/broken": Repository(headless, broken=True),
    }
    requests: dict[str, tuple[str, str | None]] = {
        "by default": ("tiny/llama", None),
        "by tag": ("tiny/llama", "v1"),
        "by commit": ("tiny/llama", COMMIT),
        "no such model": ("tiny/nothing", None),
        "no such revision": ("tiny/llama", "v9"),
        "gated": ("tiny/gated", None),
        "no weights": ("tiny/headless", None),
        "hub ill": ("tiny/broken", None),
        "an adapter": ("tiny/adapter", None),
        "an adapter beside": ("tiny/beside", None),
        "an encoder": ("tiny/encoder", None),
    }
    later: list[tuple[str, str | None]] = [
        ("tiny/llama", None),
        ("tiny/llama", COMMIT),
        ("tiny/nothing", None),
        ("tiny/llama", "v9"),
    ]
    names = ("cached", "cached commit", "not cached", "revision not cached")
    with serving(served) as endpoint:
        found = dict(zip(requests, ask(list(requests.values()), home, endpoint), strict=True))
    found |= {f"{name}, hub gone": answer for name, answer in zip(names, ask(later, home, endpoint), strict=True)}
    offline = ask(later, home, endpoint, offline=True)
    return found | {f"{name}, offline": answer for name, answer in zip(names, offline, strict=True)}


@pytest.mark.parametrize(
    "request_",
    [
        "by default",
        "by tag",
        "by commit",
        "cached, hub gone",
        "cached commit, hub gone",
        "cached, offline",
        "cached commit, offline",
    ],
)
def test_a_model_by_its_id(request_: str, answers: dict[str, Answer], tiny_folders: dict[str, Path]) -> None:
    from safetensors.torch import load_file

    answer = answers[request_]
    assert "why" not in answer, answer
    assert answer["revision"] == answer["digest"] == COMMIT
    local = resolve(ModelSpec(str(tiny_folders["llama"]), dtype="float32", device="cpu"))
    assert answer["neurons"] == outline(local).neurons.total
    saved = load_file(tiny_folders["llama"] / "model.safetensors").values()
    assert answer["weights"] == pytest.approx(sum(float(tensor.double().sum()) for tensor in saved))


def test_no_such_model(answers: dict[str, Answer]) -> None:
    answer = answers["no such model"]
    assert answer["step"] == "resolve"
    assert answer["what"] == "load tiny/nothing"
    assert "no model of that name" in str(answer["why"])
    assert "spelling" in str(answer["instead"])


def test_no_such_revision(answers: dict[str, Answer]) -> None:
    answer = answers["no such revision"]
    assert answer["step"] == "resolve"
    assert answer["what"] == "load tiny/llama at revision v9"
    assert "no such revision" in str(answer["why"])
    assert "branch, tag or commit" in str(answer["instead"])


def test_gated(answers: dict[str, Answer]) -> None:
    answer = answers["gated"]
    assert answer["step"] == "resolve"  # before any work is planned
    assert "accept their terms" in str(answer["why"])
    assert "hf auth login" in str(answer["instead"])
    assert "tiny/gated" in str(answer["instead"])


def test_no_weights(answers: dict[str, Answer]) -> None:
    answer = answers["no weights"]
    assert answer["step"] == "load"
    assert answer["what"] == "load tiny/headless"
    assert "safetensors" in str(answer["why"])


@pytest.mark.parametrize(
    "request_",
    [f"{name}, {how}" for name in ("not cached", "revision not cached") for how in ("hub gone", "offline")]
    + ["hub ill"],
)
def test_no_hub_and_not_cached(request_: str, answers: dict[str, Answer]) -> None:
    answer = answers[request_]
    assert answer["step"] == "resolve"
    assert "cannot be reached" in str(answer["why"])
    assert "not in the local cache" in str(answer["why"])
    assert "hf download" in str(answer["instead"])


def test_an_adapter_is_named_and_never_applied_unasked(answers: dict[str, Answer]) -> None:
    alone, beside = answers["an adapter"], answers["an adapter beside"]
    assert alone["step"] == "resolve"
    assert "an adapter of tiny/llama" in str(alone["why"])
    assert "--model tiny/llama --adapter DIR" in str(alone["instead"])
    assert "hf download tiny/adapter" in str(alone["instead"])
    assert beside["step"] == "load"
    assert "an adapter lies beside it" in str(beside["why"])


def test_a_sentence_encoders_steps_are_downloaded(answers: dict[str, Answer], tmp_path: Path) -> None:
    encoder = answers["an encoder"]
    assert encoder["encoder"] == f"max of all tokens, a linear map to {DENSE_WIDTH} numbers"
    expected = after(save_encoder(tmp_path / "same", {}, ["Dense"]), np.ones(32), ["Dense"])
    np.testing.assert_allclose(np.array(encoder["steps"])[0, 0], expected, rtol=1e-5)


def test_a_hub_that_cannot_be_reached_is_asked_once_for_all_files_of_settings(tmp_path: Path) -> None:
    """And what it could not be asked the size of is not downloaded, though it may answer by the time of reading."""
    script = "import sys; from core.models.hub import small_files; print(small_files(*sys.argv[1:]))"
    files = [f"{number}/config.json" for number in range(8)]
    with socket.create_server(("127.0.0.1", 0), backlog=64) as server:
        asked = []

        def hang_up() -> None:
            with suppress(OSError):  # it was closed
                while True:
                    connection, _ = server.accept()
                    asked.append(connection)
                    connection.close()

        thread = threading.Thread(target=hang_up, daemon=True)
        thread.start()
        endpoint = f"http://127.0.0.1:{server.getsockname()[1]}"
        environment = surroundings(tmp_path, endpoint)
        said = subprocess.check_output(
            [sys.executable, "-c", script, "tiny/llama", COMMIT, *files], env=environment, text=True, cwd=tmp_path
        )
        server.shutdown(socket.SHUT_RDWR)
    thread.join()
    assert 1 <= len(asked) < len(files)
    assert said.splitlines()[-1] == str({"revision": COMMIT, "local_files_only": True})


@pytest.mark.parametrize("fault", [ZeroDivisionError("of nought"), IndexError(), NotImplementedError("not this one")])
def test_whatever_goes_wrong_is_a_refusal_and_the_log_keeps_where(
    fault: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    def work() -> None:
        with explained("tiny/llama"):
            raise fault

    with caplog.at_level("INFO", logger="core.models.hub"):
        error = refusal(work)
    assert error.what == "load tiny/llama"
    assert error.why == (str(fault) or type(fault).__name__)
    assert error.__cause__ is fault
    assert "Traceback" in caplog.text
