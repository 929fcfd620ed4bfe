"""The encoder: equal to the product's embeddings, and used as sentence-transformers' and mteb's encoders are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

import core
from core.errors import CorpusError
from core.experiment.settings import Experiment
from core.inference.encoding import Encoding
from core.models.sentence_pooling import SentenceEncoder
from tests.helpers.tiny import sentences


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> core.Session:
    return core.Session(tmp_path_factory.mktemp("cache"), progress=False)


@pytest.mark.parametrize("encoding", [{}, {"sentence_pooling": "max", "prompt": "query: "}], ids=["plain", "prompted"])
def test_it_gives_the_products_own_embeddings(
    encoding: dict[str, str], session: core.Session, asked: Experiment
) -> None:
    asked = replace(asked, **encoding)  # type: ignore[arg-type]
    spaces = session.embeddings(asked, layer=2)
    texts = list(spaces.sentences["text"])
    for before, expected in ((True, spaces.pre), (False, spaces.post)):
        encoder = session.encoder(asked, layer=2, before=before)
        found = encoder.encode(texts, batch_size=3, show_progress_bar=False)
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-6 * np.abs(expected).max())
    assert encoder.get_sentence_embedding_dimension() == found.shape[1]
    assert not np.allclose(spaces.pre, spaces.post)


def test_what_encode_returns(session: core.Session, asked: Experiment) -> None:
    encoder = session.encoder(asked)
    texts = sentences("en", 3)
    rows = encoder.encode(texts)
    one = encoder.encode(texts[1])
    assert one.shape == rows[1].shape
    tensor = encoder.encode(texts, convert_to_tensor=True, normalize_embeddings=True)
    assert isinstance(tensor, torch.Tensor)
    np.testing.assert_allclose(tensor, rows / np.linalg.norm(rows, axis=1, keepdims=True), rtol=1e-6)
    prompted = encoder.encode(texts, prompt="query: ")
    np.testing.assert_array_equal(prompted, encoder.encode([f"query: {text}" for text in texts]))
    assert encoder.encode([]).shape == (0, rows.shape[1])
    cosines = np.array([[a @ b / np.linalg.norm(a) / np.linalg.norm(b) for b in rows] for a in rows])
    np.testing.assert_allclose(encoder.similarity(rows, tensor), cosines, atol=1e-6)
    np.testing.assert_allclose(
        encoder.similarity_pairwise(rows, rows[::-1].copy()), np.diag(cosines[:, ::-1]), atol=1e-6
    )
    with pytest.raises(CorpusError, match="sentence 2"):
        encoder.encode(["Good.", ""])


@pytest.mark.parametrize("counted", [True, False])
def test_a_prompt_counts_as_the_encoding_says(counted: bool, session: core.Session, asked: Experiment) -> None:
    # Of a folder whose pooling leaves the prompt out (include_prompt), and which reads 12 tokens at most.
    folder = SentenceEncoder(("mean",), counts_prompt=counted, max_length=12)
    plain = replace(session.encoder(asked), encoding=Encoding("folder", encoder=folder))
    stated = replace(plain, encoding=replace(plain.encoding, prompt="query: "))
    texts = sentences("en", 3)
    np.testing.assert_array_equal(plain.encode(texts, prompt="query: "), stated.encode(texts))
    beside = plain.encode([f"query: {text}" for text in texts])
    assert np.array_equal(beside, stated.encode(texts)) == counted
    assert plain.max_seq_length == 12 < session.encoder(asked).max_seq_length


@pytest.mark.parametrize("odd", [None, float("nan"), 3])
def test_what_is_no_text_is_refused_with_its_row(odd: object, session: core.Session, asked: Experiment) -> None:
    with pytest.raises(CorpusError, match="sentence 2: it is not text"):
        session.encoder(asked).encode(["Good.", odd])  # type: ignore[list-item]


def test_the_rows_of_a_data_set_are_sentences(session: core.Session, asked: Experiment) -> None:
    encoder, texts = session.encoder(asked), list(sentences("en", 2))
    np.testing.assert_array_equal(encoder.encode([{"text": text} for text in texts]), encoder.encode(texts))
    with pytest.raises(CorpusError, match="sentence 2: it is not text but NoneType"):
        encoder.encode([{"text": texts[0]}, {"text": None}])  # type: ignore[dict-item]


class Loader:
    """What mteb hands an encoder: batches of columns."""

    def __init__(self, texts: Sequence[str]) -> None:
        self.texts = texts

    def __iter__(self) -> Iterator[dict[str, list[str]]]:
        for start in range(0, len(self.texts), 4):
            yield {"id": [str(start)] * 4, "text": list(self.texts[start : start + 4])}


def test_a_bitext_task_runs_on_it_as_in_mteb(session: core.Session, asked: Experiment) -> None:
    """Both sides encoded batch by batch, the nearest by the encoder's own similarity: the product's top-1."""
    encoder = session.encoder(asked)
    result = session.run(asked)
    texts = result.plan.groups[0].texts
    told: dict[str, Any] = {"task_metadata": None, "hf_split": "test", "hf_subset": "ja-en", "batch_size": 4}
    queries, candidates = (encoder.encode(Loader(texts[code]), prompt_type=None, **told) for code in ("ja", "en"))
    nearest = torch.topk(encoder.similarity(queries, candidates), 1, dim=1).indices[:, 0].numpy()
    row = session.retrieval(result).set_index("candidate").loc["en"]
    assert (nearest == np.arange(len(nearest))).mean() == pytest.approx(row["post"])


def test_it_says_what_it_is(session: core.Session, asked: Experiment) -> None:
    encoder = session.encoder(replace(asked, strength=0.5))
    assert encoder.name.endswith("-ja-set-mean-0.5")
    assert "32 dimensions at layer 3" in repr(encoder)
