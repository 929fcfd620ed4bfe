"""Where artefacts are kept: by the variable, in a checkout, and installed."""

from pathlib import Path

import platformdirs
import pytest

from core.store import location

ROOT = Path(__file__).resolve().parents[3]


def test_a_checkout_is_told_from_a_folder_of_installed_packages(tmp_path: Path) -> None:
    assert location.checkout() == ROOT
    assert location.checkout(tmp_path) is None
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "another"\n', encoding="utf-8")
    assert location.checkout(tmp_path) is None
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "language-neurons"\n', encoding="utf-8")
    assert location.checkout(tmp_path) == tmp_path


def test_the_cache_of_a_checkout_lies_in_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LANGUAGE_NEURONS_CACHE", raising=False)
    assert location.default_cache() == ROOT / "cache"


def test_an_installed_package_keeps_its_cache_in_the_users_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LANGUAGE_NEURONS_CACHE", raising=False)
    monkeypatch.setattr(location, "checkout", lambda: None)
    assert location.default_cache() == Path(platformdirs.user_cache_dir("language-neurons", appauthor=False))


def test_the_variable_wins(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("LANGUAGE_NEURONS_CACHE", str(tmp_path))
    assert location.default_cache() == tmp_path
