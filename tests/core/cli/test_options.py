"""Settings as options: what is said wins over the file, and what is not said is left out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from core.cli import options
from core.cli.main import parser
from core.errors import SettingError
from core.experiment.entry import Setting
from core.experiment.file import write_experiment
from core.experiment.names import SETTINGS
from core.experiment.settings import Experiment


def asked(*words: str) -> Experiment:
    return options.experiment(parser().parse_args(["run", *words]))


def as_text(setting: Setting) -> tuple[str, object]:
    """A value that is not the default, as text and as it is."""
    others = [name for name in setting.kind.choices or () if name != setting.default and (name,) != setting.default]
    value = setting.example if setting.example is not None else others[0] if others else None
    own = {"target": "es", "experts": 7, "strength": 0.5, "layer": "3", "seed": 4}
    value = (own | {"learning_sentences": 32, "learning_steps": 7, "learning_penalty": 0.5}).get(setting.name, value)
    value = (value,) if isinstance(setting.default, tuple) else value
    value = not setting.default if isinstance(setting.default, bool) else value
    value = "elsewhere" if value is None else value
    return ",".join(value) if isinstance(value, tuple) else str(value), value


@pytest.mark.parametrize("setting", SETTINGS.values(), ids=SETTINGS)
def test_every_setting_is_an_option_by_every_name_it_had(setting: Setting) -> None:
    text, value = as_text(setting)
    target = () if setting.name == "target" else ("--target", "ja")
    assert value != setting.default
    for option in (setting.option, *setting.older_options):
        assert asked(option, text, *target) == replace(Experiment(), **{setting.name: value})


def test_what_is_said_wins_over_the_file_and_the_rest_is_the_files(tmp_path: Path) -> None:
    saved = Experiment(target="es", experts=7, strength=0.5, probe_sentences=11, neurons=("mlp", "attention"))
    path = tmp_path / "saved.json"
    path.write_text(write_experiment(saved), encoding="utf-8")
    assert asked("--experiment", str(path)) == saved
    assert asked("--experiment", str(path), "--strength", "1", "--target", "ja") == replace(
        saved, strength=1.0, target="ja"
    )


def test_a_target_is_needed() -> None:
    with pytest.raises(SettingError, match="without a target"):
        asked("--experts", "7")


def test_commas_alone_name_nothing() -> None:
    with pytest.raises(SettingError, match="names no language"):
        asked("--target", ",")
    with pytest.raises(SettingError, match="names none"):
        options.chosen(" ,", ("set-mean",), "methods")
    assert options.chosen(None, ("set-mean",), "methods") == options.chosen("", ("set-mean",), "methods") == ()


@pytest.mark.parametrize(("option", "said"), [("--experts", "a whole number"), ("--strength", "a number")])
def test_text_that_is_no_value_is_refused_by_the_option(
    option: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        asked("--target", "ja", option, "many")
    error = capsys.readouterr().err
    assert option in error
    assert f"'many' is not {said}" in error


@pytest.mark.parametrize("command", ["run", "generate", "steer"])
def test_an_option_says_a_setting_in_every_command(command: str) -> None:
    said = parser().parse_args([command, "--target", "ja", "--written-to", "last", "--sentence-prompt", "query: "])
    found = options.experiment(said)
    assert (found.tokens, found.prompt) == ("last", "query: ")


@pytest.mark.parametrize("name", ["--max-tokens", "--tokens"])
def test_where_text_is_generated_tokens_are_its_length(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    for command in ("generate", "steer"):
        said = parser().parse_args([command, "--target", "ja", name, "24"])
        assert (said.max_tokens, options.experiment(said).tokens) == (24, "all")
    if name == "--tokens":
        with pytest.raises(SystemExit):
            parser().parse_args(["generate", "--target", "ja", "--tokens", "last"])
        assert "--written-to last" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["--text", "--prompt"])
def test_what_is_continued_is_no_prompt_of_sentences(name: str) -> None:
    said = parser().parse_args(["generate", "--target", "ja", name, "The weather"])
    assert (said.text, options.experiment(said).prompt) == ("The weather", None)


def test_older_options_are_not_listed(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parser().parse_args(["run", "--help"])
    text = capsys.readouterr().out
    assert "--expert-sites" in text
    assert "--sites" not in text.replace("--expert-sites", "")


def test_a_model_is_spread_over_gpus_that_are_there(monkeypatch: pytest.MonkeyPatch) -> None:
    def ranks(count: str, device: str) -> int:
        return options.ranks(parser().parse_args(["run", "--target", "ja", "--gpus-per-model", count]), device)

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 3)
    assert [ranks(count, "auto") for count in ("0", "1", "3")] == [1, 1, 3]
    assert ranks("8", "cpu") == 8
    for count, device, why in (
        ("4", "cuda", "has 3 CUDA"),
        ("2", "cuda:1", "no GPU for each"),
        ("-1", "cpu", "number"),
    ):
        with pytest.raises(SettingError, match=f"--gpus-per-model {count}.*{why}"):
            ranks(count, device)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(SettingError, match=r"has 0 CUDA devices.*--device cpu"):
        ranks("1", "auto")


@pytest.mark.parametrize(
    ("option", "text", "value"),
    [("--counts", "100,500", (100, 500)), ("--strengths", "0.5, 1", (0.5, 1.0)), ("--counts", "0.5", None)],
)
def test_numbers_between_commas_are_read_and_anything_else_is_refused(
    option: str, text: str, value: tuple[float, ...] | None, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["search", "--target", "ja", "--minutes", "1", option, text]
    if value is None:
        with pytest.raises(SystemExit):
            parser().parse_args(words)
        assert f"'{text}' is not a list of whole numbers such as 100,500" in capsys.readouterr().err
    else:
        assert getattr(parser().parse_args(words), option.removeprefix("--")) == value
