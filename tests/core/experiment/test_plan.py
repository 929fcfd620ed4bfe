"""Every setting that cannot be is refused before any work, in words that say what, why and what instead."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from core.errors import AskError, CorpusError, ModelError, SettingError
from core.experiment.plan import plan
from core.experiment.settings import Experiment
from tests.helpers.tiny import LANGUAGES, N_LAYERS, sentences, write_table


@pytest.fixture
def pairs(tmp_path: Path) -> str:
    """A corpus of pairs with English, in Tatoeba's layout."""
    folder = tmp_path / "tatoeba"
    folder.mkdir()
    for code, published, start in (("de", "deu", 20), ("es", "spa", 30)):
        for language, extension in ((code, published), ("en", "eng")):
            text = "".join(line + "\n" for line in sentences(language, 6, start))
            (folder / f"tatoeba.{published}-eng.{extension}").write_text(text, encoding="utf-8")
    return f"tatoeba:{folder}"


def refusal(experiment: Experiment, kind: type[AskError] = SettingError) -> AskError:
    with pytest.raises(AskError) as caught:
        plan(experiment)
    assert type(caught.value) is kind
    assert caught.value.what
    assert caught.value.why
    assert caught.value.instead
    assert str(caught.value) == f"{caught.value.what}: {caught.value.why}. {caught.value.instead}"
    return caught.value


@pytest.mark.parametrize("changes", [{"model": "a\ud800"}, {"corpus": "table:\udfff"}, {"languages": ("en", "\udc00")}])
def test_half_a_character_is_refused_before_it_reaches_a_file_name(asked: Experiment, changes: dict) -> None:
    error = refusal(replace(asked, **changes))
    assert next(iter(changes)) in error.what
    assert error.what.isprintable()


def test_probe_and_evaluation_are_compared_once(asked: Experiment, monkeypatch: pytest.MonkeyPatch) -> None:
    plan(asked)
    monkeypatch.setattr("core.experiment.rows.same_text", None)
    assert plan(replace(asked, strength=0.25)).groups == plan(asked).groups


def test_a_good_plan(asked: Experiment) -> None:
    bound = plan(replace(asked, probe_languages=None))
    assert bound.target == "ja"
    assert bound.languages == LANGUAGES
    assert bound.candidates == ("en", "de", "es", "ru")
    assert (len(bound.probe), [len(group) for group in bound.groups]) == (10, [7])
    assert bound.layer == N_LAYERS
    assert bound.probe.texts["ja"] == sentences("ja", 10)
    assert bound.groups[0].texts["ja"] == sentences("ja", 7, 10)
    # of a table, the paper's languages and the target probe
    assert set(bound.probe.languages) == {"en", "de", "es", "ja"}
    assert set(plan(replace(asked, target="ru", probe_languages=None)).probe.languages) == {
        "en",
        "de",
        "es",
        "ja",
        "ru",
    }


def test_the_description_names_everything(asked: Experiment) -> None:
    described = plan(replace(asked, target="jpn_Jpan", layer=1)).describe()
    assert json.loads(json.dumps(described)) == described
    assert described["target"] == "ja"
    assert described["layer"] == 1
    assert (described["n_layers"], described["n_neurons"]) == (N_LAYERS, 384)
    assert (described["probe_sentences"], described["eval_sentences"]) == (10, 7)
    assert len(described["model_digest"]) == len(described["corpus_digest"]) == 64
    assert set(asked.to_dict()) <= set(described)


def test_as_a_dictionary_and_back(asked: Experiment) -> None:
    full = replace(asked, languages=("en", "ja"), probe_languages=("ja", "de"), layer=2, strength=0.5, seed=3)
    assert Experiment.from_dict(json.loads(json.dumps(full.to_dict()))) == full
    assert Experiment.from_dict({**full.to_dict(), "model_digest": "x"}) == full
    assert hash(full) == hash(Experiment.from_dict(full.to_dict()))


@pytest.mark.parametrize("count", [0, -5])
def test_too_few_experts(asked: Experiment, count: int) -> None:
    error = refusal(replace(asked, experts=count))
    assert f"{count} experts" in error.what
    assert "1 or more" in error.instead


def test_more_experts_than_neurons(asked: Experiment) -> None:
    assert plan(replace(asked, experts=384)).experiment.experts == 384
    error = refusal(replace(asked, experts=385))
    assert "385 experts" in error.what
    assert "384 neurons" in error.why


@pytest.mark.parametrize("strength", [float("nan"), float("inf"), -float("inf"), 1e60])
def test_strength_that_is_no_number(asked: Experiment, strength: float) -> None:
    assert str(strength) in refusal(replace(asked, strength=strength)).what


@pytest.mark.parametrize("layer", [-1, N_LAYERS + 1, "first", "--1", "1.5", "²", "", None])
def test_layer_out_of_range(asked: Experiment, layer: str | int) -> None:
    error = refusal(replace(asked, layer=layer))
    assert repr(layer) in error.what
    assert f"{N_LAYERS} (last)" in error.why
    assert "last" in error.instead


@pytest.mark.parametrize(("layer", "index"), [(0, 0), ("0", 0), (N_LAYERS, N_LAYERS), ("last", N_LAYERS), ("2", 2)])
def test_layer_by_number_or_name(asked: Experiment, layer: str | int, index: int) -> None:
    assert plan(replace(asked, layer=layer)).layer == index


@pytest.mark.parametrize(("name", "value"), [("pooling", "median"), ("control", "both")])
def test_unknown_choices(asked: Experiment, name: str, value: str) -> None:
    error = refusal(replace(asked, **{name: value}))
    assert name in error.what
    assert value in error.what


@pytest.mark.parametrize("seed", [-1, 1 << 32])
def test_seed_out_of_range(asked: Experiment, seed: int) -> None:
    assert str(seed) in refusal(replace(asked, seed=seed)).what


@pytest.mark.parametrize("name", ["probe_sentences", "eval_sentences"])
@pytest.mark.parametrize("count", [1, 0, -2])
def test_too_few_sentences(asked: Experiment, name: str, count: int) -> None:
    error = refusal(replace(asked, **{name: count}))
    assert name.replace("_", " ") in error.what
    assert str(count) in error.what


def test_more_probe_sentences_than_there_are(asked: Experiment) -> None:
    error = refusal(replace(asked, probe_sentences=11), CorpusError)
    assert "11" in error.what
    assert "10" in error.why


def test_more_evaluation_sentences_than_there_are(asked: Experiment) -> None:
    error = refusal(replace(asked, eval_sentences=11))
    assert "11" in error.what
    assert "has 7 rows" in error.why


def test_first_sentences_only(asked: Experiment) -> None:
    bound = plan(replace(asked, probe_sentences=3, eval_sentences=2))
    assert bound.probe.texts["de"] == sentences("de", 3)
    assert bound.groups[0].texts["de"] == sentences("de", 2, 10)


def test_unknown_target(asked: Experiment) -> None:
    error = refusal(replace(asked, target="fr"))
    assert "'fr'" in error.what
    assert "en, de, es, ru, ja" in error.why
    assert "xx-unknown" in str(refusal(replace(asked, target="xx-unknown"), CorpusError))


def test_unknown_language(asked: Experiment) -> None:
    error = refusal(replace(asked, languages=("en", "fr", "hi")))
    assert "fr, hi" in error.what
    assert "en, de, es, ru, ja" in error.why
    assert "'fr'" in refusal(replace(asked, probe_languages=("en", "fr")), CorpusError).what


def test_the_target_alone(asked: Experiment) -> None:
    error = refusal(replace(asked, languages=("ja",)))
    assert "no other language" in error.why
    assert "en, de, es, ru" in error.instead
    error = refusal(replace(asked, probe_languages=("ja",)))
    assert "at least two" in error.why
    assert "en, de, es, ru" in error.instead


def test_the_target_is_always_among_the_languages(asked: Experiment) -> None:
    bound = plan(replace(asked, languages=("de", "eng_Latn"), probe_languages=("de",)))
    assert bound.languages == ("en", "de", "ja")
    assert set(bound.probe.languages) == {"de", "ja"}


def test_order_of_probe_languages_does_not_matter(asked: Experiment) -> None:
    one, other = (plan(replace(asked, probe_languages=codes)).probe for codes in (("de", "en"), ("en", "de")))
    assert one.languages == other.languages


def test_pairs_need_a_probe_corpus(asked: Experiment, pairs: str) -> None:
    error = refusal(replace(asked, corpus=pairs, target="en"))
    assert "language pairs" in error.why
    assert "--probe-corpus" in error.instead
    bound = plan(replace(asked, corpus=pairs, probe_corpus=asked.corpus, target="en"))
    assert [group.languages for group in bound.groups] == [("en", "de"), ("en", "es")]
    assert bound.candidates == ("de", "es")
    assert bound.probe.texts["en"] == sentences("en", 10)


def test_candidates_of_pairs_are_the_languages_that_the_target_is_paired_with(asked: Experiment, pairs: str) -> None:
    bound = plan(replace(asked, corpus=pairs, probe_corpus=asked.corpus, target="de"))
    assert [group.languages for group in bound.groups] == [("en", "de"), ("en", "es")]
    assert bound.languages == ("en", "de", "es")
    assert bound.candidates == ("en",)  # no German sentence stands beside a Spanish one


def test_the_neurons_in_words_are_what_was_chosen_or_what_stands_in_its_place(asked: Experiment) -> None:
    def said(k: int, **changes: object) -> tuple[str, str]:
        bound = plan(replace(asked, **changes))  # type: ignore[arg-type]
        return bound.neurons_in_words(k), bound.experts_in_words(k)

    assert said(1200) == ("1,200 experts",) * 2
    assert said(1) == ("1 expert",) * 2
    assert said(60, targets=("es", "de")) == ("60 experts of Japanese, Spanish and German",) * 2
    assert said(384, select="all") == ("all 384 neurons",) * 2
    assert said(128, select="all", expert_layers="1") == ("all 128 neurons asked for",) * 2
    named = "0:up_proj:3 or 1:down_proj:5"
    assert said(2, experts_from=named) == (f"2 neurons that {named} names",) * 2
    assert said(1, control="random") == ("1 random neuron in place of its experts", "1 expert")
    layers = said(2, control="random-layers", experts_from=named)
    assert layers == ("2 random neurons of the same layers in place of its experts", f"2 neurons that {named} names")


def test_a_target_that_the_pairs_lack(asked: Experiment, pairs: str) -> None:
    error = refusal(replace(asked, corpus=pairs, probe_corpus=asked.corpus, target="ja"))
    assert "'ja'" in error.what
    assert "en, de, es" in error.why
    error = refusal(replace(asked, corpus=pairs, probe_corpus=asked.corpus, target="de", languages=("es",)))
    assert "paired with 'de'" in error.why


def test_evaluation_on_the_probe(asked: Experiment, tmp_path: Path) -> None:
    same = tmp_path / "same.tsv"
    rows = ["split\ten\tja"]
    for i in range(16):
        # its evaluation rows are what the other table probes with
        role = "probe" if i >= 8 else "evaluation"
        rows.append("\t".join([role, sentences("en", 1, i)[0], sentences("ja", 1, i)[0]]))
    same.write_text("\n".join(rows) + "\n", encoding="utf-8")
    error = refusal(replace(asked, corpus=f"table:{same}", probe_corpus=asked.corpus))
    assert "probe sentences" in error.what
    assert "16 of 16" in error.why


def test_a_small_overlap_is_noted(asked: Experiment, tmp_path: Path) -> None:
    other = write_table(tmp_path / "other.tsv", n_probe=7, n_eval=15)  # evaluates rows 7 to 21; rows 7 to 9 were probed
    bound = plan(replace(asked, corpus=other, probe_corpus=asked.corpus, languages=("en", "ja")))
    assert any("6 of 30 evaluation sentences" in note for note in bound.notes)
    assert not any("stand in the probe" in note for note in plan(asked).notes)


def test_notes_say_which_part_of_a_corpus_is_used_and_of_no_other(asked: Experiment, tmp_path: Path) -> None:
    rows = zip(*(sentences(code, 12, 40) for code in LANGUAGES), strict=True)
    lines = ["\t".join(LANGUAGES), *("\t".join(row) for row in rows)]
    (tmp_path / "halves.tsv").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    halves = f"table:{tmp_path / 'halves.tsv'}"
    probed, measured = "Probe rows are of the first half, which has 6", "Evaluation rows are of the second half, which"

    def said(**changes: object) -> list[bool]:
        notes = plan(replace(asked, **changes)).notes  # type: ignore[arg-type]
        return [any(note.startswith(words) for note in notes) for words in (probed, measured)]

    assert said(corpus=halves) == said(corpus=halves, probe_sentences=4, eval_sentences=3) == [True, True]
    assert said(corpus=halves, probe_corpus=asked.corpus) == [False, True]
    assert said(probe_corpus=halves) == [True, False]
    assert said() == [False, False]


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        (lambda e: replace(e, model="./nowhere"), ModelError),
        (lambda e: replace(e, dtype="int3"), ModelError),
        (lambda e: replace(e, device="quantum"), ModelError),
        (lambda e: replace(e, corpus="table:./nowhere.tsv"), CorpusError),
        (lambda e: replace(e, corpus="nothing"), CorpusError),
        (lambda e: replace(e, probe_corpus="table:./nowhere.tsv"), CorpusError),
    ],
)
def test_what_model_and_corpus_refuse_is_refused_here(
    asked: Experiment, change: Callable[[Experiment], Experiment], kind: type[AskError]
) -> None:
    refusal(change(asked), kind)
