"""The page Take it along: what it says of a setting, and the files that it gives."""

from __future__ import annotations

import io
import json
import zipfile

import numpy as np
import pandas as pd
from streamlit.testing.v1 import AppTest

from core.analyses import sentence_table
from core.export import lines
from dashboard.charts import theme
from dashboard.page import take_along
from dashboard.work import process
from tests.helpers.bench import until
from tests.helpers.pages import OpenPage, experiment_of
from tests.helpers.tiny import LANGUAGES


def opened(open_page: OpenPage, **changes: str) -> AppTest:
    page = open_page("take-along", **changes)
    for _ in range(3):
        if page.header:
            break
        until(lambda: not any(job.active for job in process.jobs().all()), "the result is there")
        page.run()
    assert not page.exception
    return page


def test_it_gives_commands_patch_embeddings_and_lines(open_page: OpenPage) -> None:
    page = opened(open_page)
    experiment = experiment_of(page)
    export, embed, python = (block.value for block in page.code)
    assert export.startswith("python -m core export --model ")
    assert "--experts 20" in export
    assert embed.endswith("--in sentences.csv --out sentences.parquet")
    assert python == lines.python(experiment).strip()
    assert "have no biases" in " ".join(block.value for block in page.markdown)

    with zipfile.ZipFile(io.BytesIO(take_along._patch(experiment))) as archive:
        assert "patch.safetensors" in archive.namelist()
    frame = pd.read_parquet(io.BytesIO(take_along._parquet(experiment)))
    spaces = process.engine().answer(experiment, sentence_table.embeddings)
    np.testing.assert_array_equal(np.stack(frame["vector_before"]), spaces.pre)
    np.testing.assert_array_equal(np.stack(frame["vector_after"]), spaces.post)
    assert list(frame["text"]) == list(spaces.sentences["text"])


def test_a_method_by_source_is_taken_along_for_one_language(open_page: OpenPage) -> None:
    """The patch says from which; the command names it, and a method that maps units together has none."""
    page = opened(open_page, method="diff-mean")
    (chosen,) = (box for box in page.selectbox if box.label == "Language of the sentences")
    assert set(chosen.options) == {theme.name(code) for code in LANGUAGES if code != "ja"}  # that one is the target
    export = page.code[0].value
    assert f"--source {chosen.value} --out DIR" in export
    experiment = experiment_of(page)
    with zipfile.ZipFile(io.BytesIO(take_along._patch(experiment, chosen.value))) as archive:
        assert json.loads(archive.read("provenance.json"))["source_language"] == chosen.value
    assert not opened(open_page, method="incline").code[0].value.startswith("python -m core export")


def test_a_setting_that_weights_cannot_hold_is_refused_in_words(open_page: OpenPage) -> None:
    page = opened(open_page, tokens="last")
    assert any("weights are the same at every token" in text.value for text in page.text)
    assert len(page.code) == 2
