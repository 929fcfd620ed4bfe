"""A pack beside the cache answers for a model that is not on this machine, and says that it was computed elsewhere."""

from __future__ import annotations

import gc
import os
import shutil
import weakref
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from core import access
from core.analyses import map_stability, translation_ranks
from core.cli.main import main
from core.errors import AskError, PackError
from core.experiment.file import write_experiment
from core.experiment.plan import Plan
from core.experiment.settings import Experiment
from core.packs.pack import Pack, pack
from core.packs.pack_folder import PackFolder
from core.pipeline.engine import Engine
from core.pipeline.result import Result
from core.store.store import Store
from tests.helpers.packs import CHANGES, altered


@pytest.fixture
def packed(filled: Store, asked: Experiment, tmp_path: Path) -> Path:
    """A pack of the result and the ranks."""
    path = tmp_path / "results.pack"
    pack(Engine(filled), [asked], path, ["ranks"])
    return path


@pytest.fixture
def elsewhere(packed: Path, tmp_path: Path) -> Engine:
    """The engine of a machine that has the pack, and neither its model nor its corpus."""
    packs = PackFolder(tmp_path / "other", opening=None)
    packs.put(packed.read_bytes(), "results.pack")
    return Engine(Store(tmp_path / "other"), packs)


def test_what_a_pack_has_is_known_without_its_model(elsewhere: Engine, finished: tuple[Result, Path]) -> None:
    assert isinstance(elsewhere.elsewhere, PackFolder)
    (setting,) = elsewhere.elsewhere.settings()
    result = elsewhere.known(setting)
    assert result is not None
    assert result.to_json()["retrieval"] == finished[0].to_json()["retrieval"]
    assert str(elsewhere.origin(result)).startswith("computed on ")
    assert elsewhere.answer_known(setting, translation_ranks.both) is not None
    assert elsewhere.known(setting) is result  # pages derive from it what they keep beside it
    assert not elsewhere.holds(result)  # so that what is computed here takes its place


def test_a_public_server_opens_no_pack_that_lies_beside_its_cache(
    elsewhere: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert isinstance(elsewhere.elsewhere, PackFolder)
    (setting,) = elsewhere.elsewhere.settings()
    monkeypatch.setenv(access.PUBLIC, "1")
    with pytest.raises(AskError, match="offers only listed"):
        elsewhere.known(setting)
    assert elsewhere.elsewhere.results() == []


def test_what_a_pack_lacks_is_refused(elsewhere: Engine) -> None:
    assert isinstance(elsewhere.elsewhere, PackFolder)
    (setting,) = elsewhere.elsewhere.settings()
    with pytest.raises(AskError, match="there is no file"):
        elsewhere.known(replace(setting, strength=0.5))
    with pytest.raises(AskError, match="there is no file"):
        elsewhere.run(setting)  # a pack is never taken for this machine's own work


def test_sentences_of_the_same_name_are_not_those_of_a_pack(
    elsewhere: Engine, asked: Experiment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert isinstance(elsewhere.elsewhere, PackFolder)
    (setting,) = elsewhere.elsewhere.settings()
    there = tmp_path / "there"
    shutil.copytree(asked.model, there / setting.model)
    table = Path(shutil.copy(asked.corpus.partition(":")[2], there / setting.corpus.partition(":")[2]))
    monkeypatch.chdir(there)
    assert elsewhere.known(setting) is not None
    table.write_text(f"{table.read_text(encoding='utf-8').rstrip()}!\n", encoding="utf-8")
    assert elsewhere.known(setting) is None  # to be computed here
    assert elsewhere.answer_known(setting, translation_ranks.both) is None


def test_what_was_computed_here_goes_before_a_pack(packed: Path, filled: Store, asked: Experiment) -> None:
    packs = PackFolder(filled.root, opening=None)
    packs.put(packed.read_bytes(), "results.pack")
    own = Engine(filled, packs).known(asked)
    assert own is not None
    assert packs.origin(own) is None


def test_what_is_asked_about_a_result_of_this_machine_is_not_taken_from_a_pack(
    filled: Store, asked: Experiment, tmp_path: Path
) -> None:
    pack(Engine(Store(shutil.copytree(filled.root, tmp_path / "copy"))), [asked], tmp_path / "a.pack", ["movement"])
    packs = PackFolder(filled.root, opening=None)
    packs.put((tmp_path / "a.pack").read_bytes(), "a.pack")
    (setting,) = packs.settings()
    assert packs.find(setting, map_stability.movement) is not None
    assert Engine(filled, _Always(packs, setting)).answer_known(asked, map_stability.movement) is None
    empty = Engine(Store(tmp_path / "empty"), _Always(packs, setting))
    assert empty.answer_known(asked, map_stability.movement) is not None


@dataclass
class _Always:
    """A folder of packs that answers with a setting of a pack, whatever setting is asked for: packs name no folders."""

    packs: PackFolder
    setting: Experiment

    def find(self, _: Experiment, question: Callable[..., Any], bound: Plan | None = None) -> Any | None:
        return self.packs.find(self.setting, question, bound)

    def origin(self, answer: object) -> object | None:
        return self.packs.origin(answer)


def test_the_opening_pack_is_asked_last(packed: Path, tmp_path: Path) -> None:
    packs = PackFolder(tmp_path / "empty", opening=packed)
    (setting,) = PackFolder(tmp_path / "empty", packed)._read(packed).settings  # type: ignore[union-attr]
    opening = Engine(Store(tmp_path / "empty"), packs).known(setting)
    assert packs.is_opening(opening)
    assert packs.settings() == []
    packs.put(packed.read_bytes(), "results.pack")
    assert not packs.is_opening(Engine(Store(tmp_path / "empty"), packs).known(setting))


def test_a_damaged_pack_is_not_taken_and_one_on_the_shelf_is_left_out(packed: Path, tmp_path: Path) -> None:
    packs = PackFolder(tmp_path / "empty", opening=None)
    content, middle = packed.read_bytes(), packed.stat().st_size // 2
    with pytest.raises(PackError):
        packs.put(content[:middle] + bytes(64) + content[middle + 64 :], "results.pack")
    assert not packs.folder.exists()
    packs.put(packed.read_bytes(), "results.pack")
    (packs.folder / "broken.pack").write_bytes(b"no pack")
    assert len(packs.packs()) == 1


def test_the_same_pack_dropped_twice_is_opened_once_and_becomes_the_newest(packed: Path, elsewhere: Engine) -> None:
    folder = elsewhere.elsewhere
    assert isinstance(folder, PackFolder)
    (path,) = folder.folder.iterdir()
    os.utime(path, (1e9, 1e9))
    (opened,), file = folder.packs(), path.stat().st_ino
    result = opened.result(0)
    again = folder.put(packed.read_bytes(), "another name.pack")
    assert again.digest == opened.digest
    assert [found.result(0) is result for found in folder.packs()] == [True]
    assert path.stat().st_ino == file  # it was not written again
    assert path.stat().st_mtime > 1e9


def test_a_damaged_file_in_a_packs_place_is_written_again(packed: Path, elsewhere: Engine) -> None:
    folder = elsewhere.elsewhere
    assert isinstance(folder, PackFolder)
    (path,), content = folder.folder.iterdir(), packed.read_bytes()
    path.write_bytes(bytes(len(content)))
    assert folder.packs() == []
    folder.put(content, "results.pack")
    assert path.read_bytes() == content
    assert len(folder.packs()) == 1


def test_a_pack_that_is_replaced_or_taken_away_is_let_go_of(packed: Path, elsewhere: Engine) -> None:
    folder = elsewhere.elsewhere
    assert isinstance(folder, PackFolder)
    (path,) = folder.folder.iterdir()

    def opened() -> weakref.ref[Pack]:
        (setting,), (pack,) = folder.settings(), folder.packs()
        assert folder.origin(elsewhere.known(setting)) is not None  # what was read of it is held beside it
        return weakref.ref(pack)

    first = opened()
    path.unlink()
    path.write_bytes(packed.read_bytes())
    os.utime(path, (1e9, 1e9))
    second = opened()
    gc.collect()
    assert (first() is None, second() is not None) == (True, True)
    path.unlink()
    assert folder.packs() == []
    gc.collect()
    assert second() is None


def test_a_hostile_pack_in_the_folder_hides_no_other(packed: Path, elsewhere: Engine) -> None:
    folder = elsewhere.elsewhere
    assert isinstance(folder, PackFolder)
    hostile = folder.folder / "hostile.pack"  # put there by hand, so that nothing has checked it; the newest
    hostile.write_bytes(altered(packed, CHANGES["no plan"]))
    os.utime(hostile, (2e9, 2e9))
    assert len(folder.packs()) == 2
    assert elsewhere.known(folder.settings()[0]) is not None
    assert len(folder.results()) == 1


def test_the_commands_pack_and_unpack(
    filled: Store, asked: Experiment, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings, out, cache = tmp_path / "setting.json", tmp_path / "out.pack", tmp_path / "other"
    settings.write_text(write_experiment(asked), encoding="utf-8")
    assert main(["pack", "--experiment", str(settings), "--out", str(out), "--cache", str(filled.root)]) == 0
    shutil.rmtree(filled.root)
    assert main(["unpack", str(out), "--cache", str(cache)]) == 0
    said = capsys.readouterr().out
    assert "From a pack: computed on " in said
    assert "with: result, ranks, movement, cell, experts" in said
    assert len(PackFolder(cache, opening=None).settings("llama")) == 1
    out.write_bytes(out.read_bytes()[:-100])
    assert main(["unpack", str(out), "--cache", str(cache)]) == 2
    assert "why:" in capsys.readouterr().err
