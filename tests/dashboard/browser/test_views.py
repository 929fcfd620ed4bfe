"""The controls of the pages themselves: what they lead to, against the command line and plain computations."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import urlencode

import numpy as np
import pytest

from core.pipeline.engine import Engine
from core.pipeline.run import Run
from core.store.store import Store
from dashboard.state import link
from tests.helpers.browsing import Visit, told
from tests.helpers.tiny import N_LAYERS, sentences

Link = dict[str, str]


def spaces(query: Link, cache: Path) -> tuple[tuple[str, ...], list[np.ndarray]]:
    """The languages, and the stored embeddings before and after: (n_languages, n_sentences, hidden)."""
    told(query, cache)
    experiment, problems = link.from_query(query)
    assert not problems

    def read(run: Run) -> tuple[tuple[str, ...], list[np.ndarray]]:
        both = (None, run.spaces()[1])
        return run.plan.groups[0].languages, [run.stages.embeddings(0, space, run.plan.layer) for space in both]

    return Engine(Store(cache)).answer(experiment, read)


def similar(queries: np.ndarray, candidates: np.ndarray, metric: str) -> np.ndarray:
    """Cosine, mean-centred cosine or CSLS, pair by pair: (n_queries, n_candidates)."""
    if metric == "centred":
        queries, candidates = queries - queries.mean(axis=0), candidates - candidates.mean(axis=0)
    plain = np.array([[q @ c / np.sqrt((q @ q) * (c @ c)) for c in candidates] for q in queries.astype(np.float64)])
    if metric != "csls":
        return plain
    near = min(10, len(queries))
    of_queries = np.array([np.mean(sorted(row)[-near:]) for row in plain])
    of_candidates = np.array([np.mean(sorted(column)[-near:]) for column in plain.T])
    return 2 * plain - of_queries[:, None] - of_candidates[None, :]


def rank(similarity: np.ndarray, row: int) -> int:
    """At which rank a query finds its translation."""
    return 1 + int(sum(value > similarity[row, row] for value in similarity[row]))


MEASURES = {"top-1": lambda r: float(r == 1), "top-5": lambda r: float(r <= 5), "MRR": lambda r: 1 / r}


def test_retrieval_by_every_view(visit: Visit, new_server: str, tiny_link: Link, alone: Path, tmp_path: Path) -> None:
    languages, both = spaces(tiny_link, alone)
    japanese = languages.index("ja")
    visitor = visit(new_server).opens(tiny_link, "retrieval")
    visitor.sees_the_page()
    chosen = {"measure": "top-1", "metric": "cosine", "direction": "from"}
    former = None
    for label, option, change in (
        ("", "", {}),
        ("Measure", "top-5", {"measure": "top-5"}),
        ("Measure", "MRR", {"measure": "MRR"}),
        ("Compared by", "mean-centred", {"metric": "centred"}),
        ("Compared by", "CSLS", {"metric": "csls"}),
        ("Direction", "to Japanese", {"direction": "to"}),
    ):
        if label:
            visitor.turns(label, option)
        visitor.sees_the_page(**{f"view.{name}": value for name, value in change.items()})
        chosen |= change
        rows = visitor.saves("retrieval-bars", tmp_path).set_index("candidate")
        assert sorted(rows.index) == sorted(set(languages) - {"ja"})
        for code in rows.index:
            for column, space in zip(("pre", "post"), both, strict=True):
                one, other = space[japanese], space[languages.index(code)]
                queries, candidates = (one, other) if chosen["direction"] == "from" else (other, one)
                table = similar(queries, candidates, chosen["metric"])
                values = [MEASURES[chosen["measure"]](rank(table, row)) for row in range(len(table))]
                assert rows.loc[code, column] == pytest.approx(np.mean(values)), (chosen, code, column)
        now = rows[["pre", "post"]].to_numpy().tolist()
        assert now != former, f"{change} changes nothing"
        former = now


@pytest.mark.parametrize("view", ["", "centred"])
def test_every_layer_is_the_command_lines(
    visit: Visit, new_server: str, tiny_link: Link, alone: Path, tmp_path: Path, view: str
) -> None:
    visitor = visit(new_server).opens(tiny_link, "layers")
    visitor.sees_the_page()
    if view:
        visitor.turns("Embeddings", "mean-centred")
        visitor.sees_the_page(**{"view.embeddings": view})
    found, apart = (visitor.saves(key, tmp_path) for key in ("top1-by-layer", "distance-by-layer"))
    for layer in range(N_LAYERS + 1):
        written = told(tiny_link | {"layer": str(layer)}, alone)
        top1 = written["baselines"]["centred"] if view else written["summary"]["target_top1"]
        for rows, expected in ((found, top1), (apart, written["distance"]["to_target"])):
            at = rows[rows["layer"] == layer].set_index("space")["value"]
            assert at.to_dict() == pytest.approx({"before": expected["pre"], "after": expected["post"]}, abs=1e-6)


def test_cells_are_the_command_lines(
    visit: Visit, new_server: str, tiny_link: Link, alone: Path, tmp_path: Path
) -> None:
    grid = {"view.counts": "20, 50", "view.strengths": "0, 0.5, 1"}
    visitor = visit(new_server).opens(tiny_link | grid, "what-if")
    visitor.sees_the_page()
    visitor.clicks(re.compile(r"Compute \d settings"))  # some may be known on this server
    visitor.sees("5 of 5 settings are computed")
    visitor.sees_the_page()
    written = {
        (k, strength): told(tiny_link | {"experts": str(k), "strength": f"{strength:g}"}, alone)
        for k in (20, 50)
        for strength in (0.0, 0.5, 1.0)
    }
    for option, name, read in (
        ("", "", lambda one: one["summary"]["target_top1"]["post"]),
        ("Top-1, all pairs", "all_top1", lambda one: one["summary"]["all_top1"]["post"]),
        ("Top-1, mean-centred", "centred", lambda one: one["baselines"]["centred"]["post"]),
        ("Distance, all pairs", "distance", lambda one: one["distance"]["all_pairs"]["post"]),
    ):
        if name:
            visitor.turns("Measure", option)
            visitor.sees_the_page(**{"view.measure": name})
        cells = visitor.saves("surface", tmp_path).set_index(["k", "strength"])["value"]
        assert cells.to_dict() == pytest.approx({at: read(one) for at, one in written.items()}, abs=1e-6)


def test_two_settings_are_two_runs_of_the_command_line(
    visit: Visit, new_server: str, tiny_link: Link, alone: Path, tmp_path: Path
) -> None:
    kept = tiny_link | {"experts": "50", "target": "es"}
    visitor = visit(new_server).opens(tiny_link | {"view.with": urlencode(kept)}, "compare")
    visitor.sees_the_page()
    for strength in ("1", "0.95"):
        if strength != "1":
            visitor.slides("Strength", "ArrowLeft")
        visitor.sees_the_page(strength=strength)
        rows = visitor.saves("measures", tmp_path).set_index("measure")
        for side, query in (("A", tiny_link | {"strength": strength}), ("B", kept)):
            written = told(query, alone)
            for name, expected in {
                "Top-1 from the target": written["summary"]["target_top1"],
                "Top-1, all pairs": written["summary"]["all_top1"],
                "Top-1, mean-centred": written["baselines"]["centred"],
                "Distance, all pairs": written["distance"]["all_pairs"],
                "Distance to the target": written["distance"]["to_target"],
                "Distance to the medoid, others": written["distance"]["to_medoid"]["others"],
            }.items():
                at = rows.loc[name, [f"{side} before", f"{side} after"]].tolist()
                assert at == pytest.approx([expected["pre"], expected["post"]], abs=6e-5), (name, side)
            assert rows.loc["Mean score of the experts", f"{side} after"] == pytest.approx(
                written["experts"]["mean_score"], abs=6e-5
            )


def test_a_sentences_neighbours_are_those_of_the_stored_embeddings(
    visit: Visit, new_server: str, tiny_link: Link, alone: Path
) -> None:
    languages, both = spaces(tiny_link, alone)
    visitor = visit(new_server).opens(tiny_link | {"view.query": "es", "view.row": "3"}, "sentences")
    visitor.sees_the_page()
    for option, metric in (("", "cosine"), ("mean-centred", "centred")):
        if option:
            visitor.turns("Compared by", option)
            visitor.sees_the_page(**{"view.metric": metric})
        lists = visitor.page.locator("ol.ln-near")
        assert lists.count() == 2
        for number, space in enumerate(both):
            table = similar(space[languages.index("es")], space[languages.index("ja")], metric)
            order = sorted(range(len(table)), key=lambda row, table=table: -table[3, row])
            near = lists.nth(number).locator("li:not(.ln-gap)")
            expected = order[:5] + ([3] if 3 not in order[:5] else [])
            said = near.evaluate_all(
                """rows => rows.map(row => [row.querySelector('.ln-rank').innerText,
                  row.querySelector('span[dir]').innerText, row.querySelector('.ln-sim').innerText])"""
            )
            texts = sentences("ja", 6, 8)
            assert said == [[str(order.index(at) + 1), texts[at], f"{table[3, at]:.3f}"] for at in expected]
