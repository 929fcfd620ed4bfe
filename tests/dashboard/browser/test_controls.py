"""Every control, as a visitor operates it: what the page then shows is what the command line writes for that link."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from core.language.codes import describe
from tests.helpers.browsing import Visit, Visitor, figures_of, told
from tests.helpers.tiny import save_tiny, write_table

Link = dict[str, str]


@dataclass(frozen=True)
class Step:
    """One control operated.

    Attributes
    ----------
    link : dict
        What the link says then that it did not say before; all else stays, but for ``gone``.
    """

    does: Callable[[Visitor], None]
    link: Link
    gone: tuple[str, ...] = ()


@dataclass(frozen=True)
class Walk:
    """Controls operated one after the other, from a link; ``unfolds``: the part of the sidebar that they stand in."""

    steps: tuple[Step, ...]
    unfolds: str = ""
    start: Link = field(default_factory=dict)


def picks(label: str, option: str, gone: tuple[str, ...] = (), **link: str) -> Step:
    return Step(lambda visitor: visitor.picks(label, option), link, gone)


def types(label: str, text: str, gone: tuple[str, ...] = (), **link: str) -> Step:
    return Step(lambda visitor: visitor.types(label, text), link, gone)


def slides(label: str, key: str, **link: str) -> Step:
    return Step(lambda visitor: visitor.slides(label, key), link)


WALKS = {
    "setting": Walk(
        (
            slides("Expert neurons", "ArrowRight", experts="50"),
            slides("Strength", "ArrowLeft", strength="0.95"),
            picks("Target language", "Russian (русский)", target="ru"),
            picks("Intervention", "Linear-AcT", method="linear-act"),
            picks("Intervention", "AurA", method="aura"),
            picks("Layer", "1", layer="1"),
            picks("Layer", "0, the embeddings", layer="0"),
        )
    ),
    "which neurons": Walk(
        (
            picks("Score", "Average precision", score="ap"),
            picks("Score", "LAPE", score="lape"),
            picks("Score", "Mean difference", score="mean-difference"),
            picks("Score", "AUROC", gone=("score",)),
            picks("Choose", "the best of each layer", select="layer"),
            picks("Neurons are outputs of", "the attention", neurons="mlp,attention"),
            types("In blocks", "1-2", expert_layers="1-2"),
            types("At sites", "down_proj", expert_sites="down_proj"),
            types("Score at least", "0.6", min_score="0.6"),
            picks("Written at", "the last token", tokens="last"),
            picks("Written at", "all but the first (BOS)", tokens="no-bos"),
        ),
        "Which neurons",
    ),
    "more settings": Walk(
        (
            Step(lambda visitor: visitor.picks("Languages", "German (Deutsch)", "English"), {"languages": "de,en"}),
            types("Evaluation rows", "4", eval_sentences="4"),
            picks("Pooling of a neuron", "max", pooling="max"),
            picks("Control", "random neurons", control="random"),
            types("Seed", "3", seed="3"),
            picks("Control", "random neurons, the same layers", control="random-layers"),
        ),
        "More settings",
    ),
}


def expected(query: Link, alone: Path) -> tuple[dict[str, tuple[str, str]], dict[str, Any]]:
    """What the command line writes for a link: the figures as the page has them, and about the experts."""
    found = told(query, alone)
    return figures_of(found, describe(query["target"]).english), found["experts"]


def shown(visitor: Visitor, alone: Path) -> tuple[dict[str, tuple[str, str]], dict[str, Any]]:
    """Have the page show what the command line writes for its link; gives what that is."""
    figures, experts = expected(visitor.query, alone)
    assert visitor.figures() == figures
    conditions = visitor.page.get_by_test_id("stMain").inner_text()
    assert f"; {experts['k']:,} of " in conditions
    assert f" {experts['mean_score']:.3f} on " in conditions
    return figures, experts


@pytest.mark.parametrize("name", WALKS)
def test_a_control_brings_the_command_lines_numbers(
    visit: Visit, new_server: str, tiny_link: Link, alone: Path, name: str
) -> None:
    walk = WALKS[name]
    visitor = visit(new_server).opens(tiny_link | walk.start)
    visitor.sees_results()
    if walk.unfolds:
        visitor.unfolds(walk.unfolds)
    former, query = shown(visitor, alone), visitor.query
    for step in walk.steps:
        with visitor.sees_the_link_change():
            step.does(visitor)
        visitor.sees_results(**step.link)
        query = {key: value for key, value in query.items() if key not in step.gone} | step.link
        assert visitor.query == query
        now = shown(visitor, alone)
        assert now != former, f"{step.link} changes nothing that is shown"
        former = now
    assert all(len(figures) == 1 for figures in visitor.states().values()), "two settings' numbers beside one link"


def test_another_model_and_other_sentences(
    visit: Visit, new_server: str, tiny_link: Link, alone: Path, tmp_path: Path
) -> None:
    model = str(save_tiny(tmp_path / "llama", "llama"))
    corpus, probe = write_table(tmp_path / "fewer.tsv", 8, 5), write_table(tmp_path / "probe.tsv", 7, 2)
    visitor = visit(new_server).opens(tiny_link)
    visitor.sees_results()
    found = [shown(visitor, alone)]
    visitor.chooses("Model", model)
    visitor.sees_results(model=model)
    found.append(shown(visitor, alone))
    visitor.chooses("Sentences", corpus)
    visitor.sees_results("5 evaluation rows", corpus=corpus)
    found.append(shown(visitor, alone))
    visitor.unfolds("More settings")
    visitor.types("Probe corpus", probe)
    visitor.sees_results("on 7 probe rows", probe_corpus=probe)
    found.append(shown(visitor, alone))
    assert all(one != other for one, other in pairwise(found))


@pytest.mark.parametrize("said", [{"probe_sentences": "5"}, {"probe_languages": "en,ja"}, {"dtype": "bfloat16"}])
def test_what_only_a_link_says(visit: Visit, new_server: str, tiny_link: Link, alone: Path, said: Link) -> None:
    visitor = visit(new_server).opens(tiny_link | said)
    visitor.sees_results(**said)
    assert shown(visitor, alone) != expected(tiny_link, alone)
