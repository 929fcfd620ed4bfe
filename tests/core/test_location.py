"""Where artefacts are kept: by the variable, in a checkout, installed, and where none of these can be written."""

import os
import pwd
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import platformdirs
import pytest

from core import location

ROOT = Path(__file__).resolve().parents[2]
NOWHERE = Path("/dev/null/home")  # below a file, nobody can write, root neither


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for variable in ("LANGUAGE_NEURONS_CACHE", "XDG_CACHE_HOME", "NUMBA_CACHE_DIR", "HF_HOME"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr(location, "_housed", {})
    yield
    for variable in location._housed:
        os.environ.pop(variable, None)


def test_a_checkout_is_told_from_a_folder_of_installed_packages(tmp_path: Path) -> None:
    assert location.checkout() == ROOT
    assert location.checkout(tmp_path) is None
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "another"\n', encoding="utf-8")
    assert location.checkout(tmp_path) is None
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "language-neurons"\n', encoding="utf-8")
    assert location.checkout(tmp_path) == tmp_path


def test_the_cache_of_a_checkout_lies_in_it() -> None:
    assert location.default_cache() == ROOT / "cache"


def test_the_variable_wins(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("LANGUAGE_NEURONS_CACHE", str(tmp_path))
    assert location.default_cache() == tmp_path


@pytest.mark.parametrize("root", [None, NOWHERE], ids=["installed", "a checkout that is read only"])
def test_else_the_cache_is_in_the_users_folder(
    root: Path | None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(location, "checkout", lambda: root)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert location.default_cache() == Path(platformdirs.user_cache_dir("language-neurons", appauthor=False))
    assert location.default_cache().is_relative_to(tmp_path)
    assert location.note(location.default_cache()) is None
    assert not list(tmp_path.iterdir()), "nothing is made to find out"


@pytest.mark.parametrize("known", [True, False], ids=["read only", "not known to the system"])
def test_without_a_home_the_cache_is_a_folder_of_this_user_alone(
    known: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(location, "checkout", lambda: None)
    monkeypatch.setenv("HOME", str(NOWHERE))
    if not known:
        monkeypatch.delenv("HOME")
        monkeypatch.setattr(pwd, "getpwuid", lambda number: {}[number])
        location.house_libraries(tmp_path)
        assert Path.home() == Path("/nonexistent"), "libraries ask for it when they are imported"
        monkeypatch.setenv("HOME", str(NOWHERE))  # root can make the other
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    cache = location.default_cache()
    assert (cache.parent, cache.stat().st_mode & 0o777) == (tmp_path, 0o700)
    assert location.default_cache() == cache, "the next run finds it"
    assert str(cache) in (location.note(cache) or "")
    cache.chmod(0o777)  # compiled code is loaded from it
    assert location.default_cache() != cache


def test_libraries_stay_where_they_are_in_a_home_that_can_be_written_to(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    location.house_libraries()
    assert not {"NUMBA_CACHE_DIR", "HF_HOME"} & set(os.environ)


def test_libraries_follow_the_cache_where_there_is_no_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(NOWHERE))
    monkeypatch.setenv("HF_HOME", "chosen by the user")
    location.house_libraries(tmp_path / "first")
    location.house_libraries(tmp_path / "then")
    assert os.environ["NUMBA_CACHE_DIR"] == str(tmp_path / "then" / ".compiled")
    assert os.environ["HF_HOME"] == "chosen by the user"


def test_compiles_where_neither_home_nor_code_can_be_written_to(tmp_path: Path) -> None:
    code = tmp_path / "code"
    code.mkdir()
    (code / "__pycache__").touch()  # so that nothing can be kept beside the code, by root neither
    (code / "loop.py").write_text(
        "import core, numba\n\n@numba.njit(cache=True)\ndef doubled(x):\n    return x + x\n\nprint(doubled(21))\n",
        encoding="utf-8",
    )
    environment = {**os.environ, "HOME": str(NOWHERE), "LANGUAGE_NEURONS_CACHE": str(tmp_path / "cache")}
    done = subprocess.run(
        [sys.executable, "-B", code / "loop.py"],
        env={**environment, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.stdout == "42\n", done.stderr
    assert list((tmp_path / "cache" / ".compiled").rglob("*.nbi"))


def test_a_home_that_nobody_has_leaves_a_path_as_it_stands(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert location.expanded("~/models") == tmp_path / "models"
    assert location.expanded("~nosuch/x") == Path("~nosuch/x")
    assert location.expanded("/a/~b") == Path("/a/~b")
