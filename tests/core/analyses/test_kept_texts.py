"""The texts of a setting that a cache has are found again, whatever was asked for; those of others are not."""

from __future__ import annotations

from dataclasses import replace

from core.analyses.kept_texts import kept
from core.analyses.text_perplexity import own_perplexity
from core.analyses.texts import written
from core.experiment.settings import Experiment
from core.inference.writing import Writing
from core.pipeline.engine import Engine
from core.pipeline.run import Run
from core.store.artefact import Payload
from core.store.stage import STAGES

DOG, CAT = Writing("The dog", tokens=4, samples=2), Writing("The cat", tokens=3, temperature=0.0)


def test_what_was_written_on_both_sides_is_found_and_nothing_else(asked: Experiment, engine: Engine) -> None:
    def both(run: Run, writing: Writing) -> tuple[tuple[str, ...], tuple[str, ...]]:
        return written(run, writing, None), written(run, writing, run.intervention())

    assert engine.answer_known(asked, kept) is None  # nothing is known at all
    engine.answer(asked, lambda run: written(run, DOG, None))
    engine.experts(asked)
    assert engine.answer_known(asked, kept) is None  # one side alone
    dog = engine.answer(asked, lambda run: both(run, DOG))
    cat = engine.answer(asked, lambda run: both(run, CAT))
    engine.answer(replace(asked, strength=1.5), lambda run: both(run, Writing("Another strength", tokens=3)))
    engine.answer(asked, lambda run: own_perplexity(run, dog[0]))
    # Another version's, which asks for more.
    other = STAGES["written"].spec(writing={"prompt": "x", "beams": 4})
    engine.store.put("written", other, Payload(facts={"texts": []}))

    found = engine.answer_known(asked, kept)
    assert found is not None
    assert (found.target, found.languages) == ("ja", engine.plan(asked).corpus.languages)
    assert [(each.writing, each.pre, each.post) for each in found.texts] == [(CAT, *cat), (DOG, *dog)]
    assert found.texts[1].perplexities[0] == engine.answer_known(asked, lambda run: own_perplexity(run, dog[0]))
    assert found.texts[1].perplexities[0] is not None
    assert found.texts[0].perplexities == (None, None)
    assert not any(each.as_message for each in found.texts)
