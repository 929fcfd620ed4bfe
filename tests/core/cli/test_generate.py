"""The command ``generate`` on a tiny model."""

import json
from pathlib import Path

import pytest

from core.cli.generate_result import Report, summary
from core.cli.main import main
from core.corpora.validation import text_lines
from core.experiment.settings import Experiment
from core.inference.writing import Writing
from tests.helpers.results import make_plan
from tests.helpers.tiny import LANGUAGES, save_tiny, write_table


def test_writes_and_measures_both_sides(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model, corpus = save_tiny(tmp_path / "model", "llama"), write_table(tmp_path / "sentences.tsv")
    text, out = tmp_path / "text.txt", tmp_path / "out.json"
    text.write_text("\ufeffEl perro duerme.\r\n\nUn niño\u2028canta.\n", encoding="utf-8", newline="")
    assert text_lines(text) == ("El perro duerme.", "Un niño\u2028canta.")
    asked = ["generate", "--model", str(model), "--dtype", "float32", "--corpus", corpus, "--target", "es"]
    (tmp_path / "experiment.json").write_text('{"languages": ["en", "es"]}', encoding="utf-8")
    asked += ["--experiment", str(tmp_path / "experiment.json")]
    asked += ["--experts", "20", "--tokens", "6", "--samples", "3", "--cache", str(tmp_path / "cache")]
    assert main([*asked, "--strength", "0", "--perplexity", str(text), "--json", str(out)]) == 0
    found = json.loads(out.read_text(encoding="utf-8"))
    assert found["pre"] == found["post"]
    assert len(found["pre"]["texts"]) == 3
    assert found["pre"]["perplexity"]["texts"] == 2
    assert found["pre"]["target_probability"]["n"] == 3
    said = capsys.readouterr().out
    assert "perplexity:" in said
    assert f"by py3langid among {', '.join(LANGUAGES)};" in said  # those of the corpus, evaluated or not
    assert main([*asked, "--samples", "0"]) == 2
    assert "0 samples" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("Ja.", "Nein.", "repeated 4-grams: - -> -; replacement characters: 0.0% -> 0.0%"),
        ("Ja.", "eins zwei drei vier " * 2, "repeated 4-grams: - -> 20.0%;"),
        ("eins zwei drei vier", "", "repeated 4-grams: 0.0% -> -;"),
    ],
)
def test_texts_too_short_to_repeat_anything_have_no_share_of_repeats(before: str, after: str, said: str) -> None:
    plan = make_plan(Experiment(model="made", corpus="made", experts=20))
    text = summary(Report(plan, Writing(), ((before,), (after,)), None, None, (None, None)))
    assert said in text
    assert "nan" not in text
