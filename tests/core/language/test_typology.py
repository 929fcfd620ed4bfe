"""Syntactic similarity from arrays in the layout of ``lang2vec``."""

from pathlib import Path

import numpy as np
import pytest

from core.language.typology import similarity


def test_is_the_cosine_of_the_syntactic_features_alone(tmp_path: Path) -> None:
    data = np.array([[[1], [0], [9]], [[1], [1], [0]], [[0], [1], [5]]], dtype=np.float32)
    file = tmp_path / "features.npz"
    np.savez(file, langs=np.array(["spa", "jpn", "zho"]), feats=np.array(["S_A", "S_B", "P_C"]), data=data)
    assert similarity("es", "ja", file) == pytest.approx(1 / np.sqrt(2))
    assert similarity("es", "zh", file) == 0
    assert similarity("pt-BR", "es", file) != similarity("pt-BR", "es", file), "a language without features"


def test_an_array_of_objects_is_not_unpickled(tmp_path: Path) -> None:
    file = tmp_path / "features.npz"
    np.savez(file, langs=np.array(["spa"], dtype=object), feats=np.array(["S_A"]), data=np.ones((1, 1, 1)))
    with pytest.raises(ValueError, match="allow_pickle"):
        similarity("es", "es", file)
