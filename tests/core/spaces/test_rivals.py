"""Rivals against their definitions, and what each says that it needs against what it takes."""

from __future__ import annotations

import numpy as np
import pytest

from core.errors import SettingError
from core.spaces.linear_maps import SHRINKAGE
from core.spaces.retrieval import top1
from core.spaces.rivals import LANGUAGE, RAW, RIVALS, Rival
from tests.helpers.spaces import spaces

CODES = ("de", "en", "ja")
ALL = [RAW, *RIVALS.values()]


def probe_and_rows(seed: int = 0, dim: int = 8) -> tuple[np.ndarray, np.ndarray]:
    both = spaces(seed, 3, 90, dim, noise=0.2)
    return both[:, :60], both[:, 60:]


@pytest.mark.parametrize("rival", ALL, ids=lambda rival: rival.name)
def test_a_map_is_deterministic_finite_and_of_one_row_at_a_time(rival: Rival) -> None:
    probe, rows = probe_and_rows()
    fitted, again = rival.fit(probe, CODES, "ja"), rival.fit(probe.copy(), CODES, "ja")
    mapped = fitted.space(rows, CODES)
    assert mapped.dtype == np.float32
    assert mapped.shape == rows.shape
    np.testing.assert_array_equal(mapped, again.space(rows, CODES))
    if not rival.on_applied:
        np.testing.assert_allclose(fitted.transform(rows[1, :1], "en"), mapped[1, :1], atol=1e-5)


@pytest.mark.parametrize("rival", ALL, ids=lambda rival: rival.name)
def test_what_needs_no_language_does_not_look_at_it(rival: Rival) -> None:
    probe, rows = probe_and_rows(1)
    fitted = rival.fit(probe, CODES, "ja")
    if rival.by_language:
        assert rival.when_applied == LANGUAGE
        with pytest.raises(SettingError, match=r"'ko'.*de, en, ja.*Leave the language out"):
            fitted.transform(rows[0], "ko")
    else:
        np.testing.assert_array_equal(fitted.transform(rows[0], "ko"), fitted.transform(rows[0], "de"))


@pytest.mark.parametrize("name", ["overall-mean", "whitening-label-free"])
def test_what_needs_no_labels_when_fitted_does_not_look_at_them(name: str) -> None:
    probe, rows = probe_and_rows(2)
    mixed = np.random.default_rng(0).permutation(probe.reshape(-1, 8)).reshape(probe.shape)
    expected = RIVALS[name].fit(probe, CODES, "ja").transform(rows[0], "de")
    np.testing.assert_allclose(RIVALS[name].fit(mixed, CODES, "ja").transform(rows[0], "de"), expected, atol=1e-4)


@pytest.mark.parametrize("rival", [rival for rival in ALL if not rival.supervised], ids=lambda rival: rival.name)
def test_what_is_free_uses_no_translations(rival: Rival) -> None:
    probe, rows = probe_and_rows(3)
    shuffled = np.stack([np.random.default_rng(i).permutation(part) for i, part in enumerate(probe)])
    expected = rival.fit(probe, CODES, "ja").transform(rows[0], "de")
    np.testing.assert_allclose(rival.fit(shuffled, CODES, "en").transform(rows[0], "de"), expected, atol=1e-4)


def test_means_are_subtracted_as_they_say() -> None:
    probe, rows = probe_and_rows(4)
    for name, mean in (
        ("own-means", rows.mean(axis=1, keepdims=True)),
        ("probe-means", probe.mean(axis=1, keepdims=True)),
        ("overall-mean", probe.mean(axis=(0, 1))),
    ):
        np.testing.assert_allclose(RIVALS[name].fit(probe, CODES, "ja").space(rows, CODES), rows - mean, atol=1e-5)


def test_whitenings_are_the_formulas_products() -> None:
    probe, rows = (part.astype(np.float64) for part in probe_and_rows(5))
    within = (probe - probe.mean(axis=1, keepdims=True)).reshape(-1, 8)
    total = probe.reshape(-1, 8) - probe.mean(axis=(0, 1))
    means = probe.mean(axis=1)
    axes = np.linalg.svd(means - means.mean(axis=0))[2][:2]
    away = np.eye(8) - axes.T @ axes
    for name, fitted_on, centre, before in (
        ("whitening", within, probe.mean(axis=1, keepdims=True), np.eye(8)),
        ("whitening-label-free", total, probe.mean(axis=(0, 1)), np.eye(8)),
        ("subspace-whitening", within @ away, probe.mean(axis=(0, 1)), away),
    ):
        variances, directions = np.linalg.eigh(fitted_on.T @ fitted_on / len(fitted_on))
        scaled = (rows - centre) @ before @ directions / np.sqrt(variances / variances.max() + SHRINKAGE)
        found = RIVALS[name].fit(probe.astype(np.float32), CODES, "ja").space(rows.astype(np.float32), CODES)
        flat, expected = found.reshape(-1, 8), scaled.reshape(-1, 8)
        np.testing.assert_allclose(flat @ flat.T, expected @ expected.T, rtol=1e-3, atol=1e-3, err_msg=name)


def test_translations_undo_a_rotation_that_no_free_rival_can() -> None:
    random = np.random.default_rng(6)
    meaning = random.normal(size=(90, 8))
    turned = meaning @ np.linalg.qr(random.normal(size=(8, 8)))[0] + 3.0
    space = np.stack([turned, meaning]).astype(np.float32)
    for name, rival in RIVALS.items():
        mapped = rival.fit(space[:, :60], ("de", "ja"), "ja").space(space[:, 60:], ("de", "ja"))
        rate = top1(mapped)[1, 0]
        assert (rate == 1) if rival.supervised else (rate < 0.5), (name, rate)


def test_rows_that_are_not_finite_are_left_out_and_too_few_refused() -> None:
    probe, rows = probe_and_rows(7)
    broken = probe.copy()
    broken[1, 5, 3] = np.nan
    for rival in ALL:
        expected = rival.fit(np.delete(probe, 5, axis=1), CODES, "ja").space(rows, CODES)
        np.testing.assert_array_equal(rival.fit(broken, CODES, "ja").space(rows, CODES), expected, err_msg=rival.name)
    broken[:, 1:] = np.inf
    with pytest.raises(SettingError, match=r"whitening, fitted on 60 probe rows: .* 1 of them .*Choose another layer"):
        RIVALS["whitening"].fit(broken, CODES, "ja")


def test_a_target_that_the_probe_rows_lack_is_refused_by_name() -> None:
    with pytest.raises(SettingError, match=r"ridge to 'ko'.*de, en, ja.*Choose one of these"):
        RIVALS["ridge"].fit(probe_and_rows()[0], CODES, "ko")


def test_what_is_fitted_where_it_is_applied_says_that_it_needs_all_sentences_at_once() -> None:
    _, rows = probe_and_rows(6)
    for rival in RIVALS.values():
        fitted = rival.fit(probe_and_rows(6)[0], CODES, "ja")
        alone, together = fitted.transform(rows[1, :1], "en"), fitted.transform(rows[1], "en")[:1]
        assert np.allclose(alone, together, atol=1e-4) == ("all sentences at once" not in rival.when_applied)
        assert not (rival.needs_as_little(by_source=True) and "all sentences at once" in rival.when_applied)
    assert RIVALS["whitening"].needs_as_little(by_source=True)
    assert not RIVALS["whitening"].needs_as_little(by_source=False)
    assert not RIVALS["ridge"].needs_as_little(by_source=True)  # it learns from translations


def test_needs_say_how_many_translations() -> None:
    assert RIVALS["ridge"].needs(1_200) == {"fitting": "1,200 translations", "applied": "the sentence's language"}
    assert {name for name, rival in RIVALS.items() if rival.in_class} == {
        "overall-mean",
        "subspace",
        "whitening-label-free",
        "subspace-whitening",
    }
