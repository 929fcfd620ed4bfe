"""README and docs state what is recorded, and list what there is."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from benchmarks import __main__ as command
from benchmarks import readme, recorded
from core.corpora.download.catalogue import catalogue
from core.corpora.formats import FORMATS
from core.experiment.names import SETTINGS
from core.export.architectures import KINDS
from core.neurons.methods import METHODS
from core.neurons.scores import SCORES
from core.pipeline.measure_table import MEASURES
from core.spaces.retrieval import RANK_MEASURES
from core.spaces.rivals import RIVALS
from core.spaces.similarity import COMPARISONS
from core.spaces.space_measures import SPACE_MEASURES

BLOCKS = [(path, *block) for path in readme.texts() for block in readme.blocks(path.read_text(encoding="utf-8"))]
LISTED = {
    "settings": [setting.option for setting in SETTINGS.values()],
    "scores": list(SCORES),
    "methods": list(METHODS),
    "measures": list(MEASURES),
    "space-measures": list(SPACE_MEASURES),
    "rivals": list(RIVALS),
    "rank-measures": list(RANK_MEASURES),
    "comparisons": list(COMPARISONS),
    "corpora": list(FORMATS),
    "datasets": list(catalogue()),
    "export-forms": list(KINDS),
}


def test_results_are_those_of_benchmarks_that_there_are() -> None:
    rows = re.findall(r"^\| ([a-z0-9-]+) \| ", command.RESULTS.read_text(encoding="utf-8"), re.MULTILINE)
    assert "expertise-sklearn" in rows
    assert set(rows) - {"row"} <= {benchmark.name for benchmark in command.ALL}


def test_the_texts_state_what_is_recorded() -> None:
    """`python -m benchmarks readme --from docs/measured.json` would leave every figure as it is."""
    record = recorded.read()
    stale = [
        f"{path.name}: {name}"
        for path, kind, name, content in BLOCKS
        if kind == "measured" and content != f"{readme.FIGURES[name](record)}\n"
    ]
    assert stale == []
    assert {name for _, kind, name, _ in BLOCKS if kind == "measured"} == set(readme.FIGURES)


@pytest.mark.parametrize("name", LISTED)
def test_a_list_names_what_there_is(name: str) -> None:
    tables = [content for _, kind, listed, content in BLOCKS if kind == "table" and listed == name]
    assert tables
    for content in tables:
        assert content == f"{readme.TABLES[name]()}\n"
        assert re.findall(r"^\| `([^`]+)` \|", content, re.MULTILINE) == LISTED[name]
    assert {name for _, kind, name, _ in BLOCKS if kind == "table"} == set(readme.TABLES) == set(LISTED)


def test_figures_are_written_between_the_markers_alone() -> None:
    record = recorded.read()
    top1 = record["ja"]["figures"]["centred"]
    text = "before\n<!-- measured:together -->\nold\n<!-- /measured -->\nafter\n"
    first, *between, last = readme.written(text, record).splitlines()
    assert (first, last) == ("before", "after")
    assert f"{top1['post']:.3f}"[1:] in between[1]
    assert "old" not in between[1]


def test_the_command_writes_a_given_record_without_measuring(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    record = recorded.read()
    record["ja"]["figures"]["map"]["moved"] = 123.4
    (tmp_path / "record.json").write_text(json.dumps(record), encoding="utf-8")
    text = tmp_path / "text.md"
    text.write_text("<!-- measured:map -->\n<!-- /measured -->\n", encoding="utf-8")
    monkeypatch.setattr(readme, "ROOT", tmp_path)
    monkeypatch.setattr(readme, "texts", lambda: [text])
    assert command.main(["readme", "--from", str(tmp_path / "record.json")]) == 0
    assert "moves 123.4 units" in text.read_text(encoding="utf-8")
    assert capsys.readouterr().out == "text.md\n"


def test_a_run_that_needs_what_is_not_given_is_refused_before_any_work(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(recorded, "measure", lambda *_: pytest.fail("it measured"))
    assert command.main(["readme", "--run", "ja", "--run", "flores es"]) == 2
    assert capsys.readouterr().err == "flores es: needs --flores DIR\n"


def fold(change: Mapping[str, float]) -> float:
    return change["post"] / change["pre"]


def without_the_best(run: Mapping[str, Any]) -> dict[str, float]:
    """Mean top-1 over the candidates but the best."""
    mean, best, n = run["target_top1"], run["best_candidate"], run["candidates"]
    return {side: (n * mean[side] - best[side]) / (n - 1) for side in ("pre", "post")}


def test_what_the_texts_conclude_follows_from_the_figures() -> None:
    """Sentences outside the markers do not change with the figures: here is what they say, as conditions."""
    figures = {name: run["figures"] for name, run in recorded.read().items()}
    top1 = {name: run["target_top1"] for name, run in figures.items() if "target_top1" in run}
    best = {name: figures[name]["best_candidate"] for name in ("de", "es", "fr")}
    assert fold(top1["ja"]) > 3  # severalfold for Japanese
    # threefold for German, twofold without its best candidate, French
    assert best["de"]["language"] == "fr"
    assert (round(fold(top1["de"])), round(fold(without_the_best(figures["de"])))) == (3, 2)
    assert top1["en"]["post"] < top1["en"]["pre"]  # English loses
    for target, other in (("es", "fr"), ("fr", "es")):  # these two gain in finding each other alone
        assert best[target]["language"] == other
        assert fold(best[target]) > 3
        assert figures[target]["candidates"] == 11  # "their ten other candidates"
        assert fold(without_the_best(figures[target])) <= 1
    before, experts = top1["ja"]["pre"], top1["ja"]["post"]
    draws = list(figures["ja, random draws"]["draws"].values())
    assert len(draws) == 5
    for draw in draws:  # random neurons draw the space together too
        assert draw["distance"] < 0.5 * figures["ja"]["distance"]["pre"]
        assert draw["target_top1"] - before < 0.1 * (experts - before)  # and help little
    assert figures["ja, random neurons"]["target_top1"]["post"] - before < 0.1 * (experts - before)
    for name in ("e5 ja", "e5 ja, random neurons"):  # the encoder has next to nothing to gain
        assert top1[name]["pre"] > 0.95
    spaces = {(row["name"], row["space"], row["chosen"]): row for row in figures["ja, what is free"]["spaces"]}
    intervention = spaces["raw", "post", False]["measures"]
    for name in ("whitening", "subspace-whitening"):  # what is free does better
        assert spaces[name, "pre", True]["measures"]["top1_target"] > intervention["top1_target"]
    assert intervention["language_id"] > 0.9  # a linear probe still tells a sentence's language
    for (name, space, _), row in spaces.items():  # maps that take out each language's mean are at chance
        if space == "pre":
            centred = name not in ("raw", "overall-mean", "whitening-label-free")
            assert (row["measures"]["language_id"] == pytest.approx(1 / 12)) == centred, name
    for name in ("ja", "de", "es", "fr", "en"):  # the best layer of the unmodified model beats every intervention
        assert figures[name]["best_layer"]["pre"] > top1[name]["post"]
    assert figures["ja"]["centred"]["post"] > figures["ja"]["centred"]["pre"]  # for Japanese it adds to centring
