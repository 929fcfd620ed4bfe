"""Which languages profit: the gain of an intervention against how a language is related to the one it starts from.

For transfer, a language is related to the one that the classifier was trained on, and gains accuracy; for retrieval, to
the target, whose sentences look for their translations in it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from core.analyses.transfer import SIDES, Settings, Space, Transfer, transfer
from core.analyses.translation_ranks import both
from core.corpora.corpus import ParallelSet
from core.language import families, lexical, typology
from core.pipeline.run import Run
from core.spaces.retrieval import hits_at
from core.stats.correlation import Correlation, partial, pearson, spearman
from core.stats.intervals import bootstrap


@dataclass(frozen=True)
class Likeness:
    """One way in which two languages are alike.

    Attributes
    ----------
    title : str
        For axes and lists.
    about : str
        Where it comes from, in a sentence.
    """

    title: str
    about: str


LIKENESSES = {
    "relation": Likeness(
        "relatedness", "A point each for the same script, the same family and the same branch: 0 to 3."
    ),
    "syntax": Likeness("syntactic similarity", "Cosine of syntactic features (URIEL, through lang2vec)."),
    "lexical": Likeness("lexical overlap", "Share of character trigrams in common, from the corpus's own sentences."),
}
"""Ways in which two languages are alike, by the column that holds them."""
KINDS = {"transfer": "transfer", "retrieval": "retrieval"}


@dataclass(frozen=True)
class Profit:
    """Gains by language, and what they correlate with.

    Attributes
    ----------
    points : DataFrame
        ``kind, source, language, n, pre, post, gain, low, high, relation, syntax, lexical``: a row for each language
        that gains, by ``transfer`` from the language ``source`` trained on, or by ``retrieval`` from the target; the
        interval is a paired bootstrap over sentences, likenesses are NaN where they are not known.
    correlations : DataFrame
        ``kind, source, likeness, pearson, pearson_low, pearson_high, pearson_p, spearman, ..., partial, ..., n``: of
        the gain with each likeness, over languages. The partial correlation holds the accuracy before and the other
        likenesses that are known fixed.
    """

    points: pd.DataFrame
    correlations: pd.DataFrame


def profit(run: Run, asked: Settings | None = None) -> Profit:
    """Relate the gains of transfer and of retrieval to how languages are alike, at the experiment's layer.

    Raises
    ------
    SettingError
        As `core.analyses.transfer.transfer`.
    """
    found = transfer(run, asked)
    points = pd.concat([transfer_points(found, run.plan.layer), retrieval_points(run)], ignore_index=True)
    points = with_likenesses(points, found.task.test)
    return Profit(points, correlations(points, run.plan.experiment.seed))


def transfer_points(found: Transfer, layer: int) -> pd.DataFrame:
    """Gains of accuracy in every language but the one trained on."""
    rows = []
    for train in found.train_languages:
        before, after = (found.hits.get((train, Space(side, layer)), {}) for side in SIDES)
        rows += [
            _point("transfer", train, code, before[code], after[code], found.seed)
            for code in before
            if code != train and code in after
        ]
    return pd.DataFrame(rows)


def retrieval_points(run: Run) -> pd.DataFrame:
    """Gains of top-1 with the target as the query, in every candidate language."""
    pre, post = both(run)
    target, seed = run.plan.target, run.plan.experiment.seed
    return pd.DataFrame(
        [
            _point("retrieval", target, code, hits_at(pre.of(code), 1), hits_at(post.of(code), 1), seed)
            for code in run.plan.candidates
        ]
    )


def with_likenesses(points: pd.DataFrame, rows: ParallelSet) -> pd.DataFrame:
    """Add how each language and its source are alike, lexically in the given sentences."""
    texts: Mapping[str, tuple[str, ...]] = rows.texts
    pairs = list(zip(points["source"], points["language"], strict=True))
    return points.assign(
        relation=[families.relation(source, code).score for source, code in pairs],
        syntax=[typology.similarity(source, code) for source, code in pairs],
        lexical=[
            lexical.overlap(texts[source], texts[code]) if source in texts and code in texts else np.nan
            for source, code in pairs
        ],
    )


def correlations(points: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Correlate the gain with each likeness, for each kind and source."""
    rows: list[dict[str, Any]] = []
    for (kind, source), part in points.groupby(["kind", "source"], sort=False):
        for likeness in LIKENESSES:
            known = part[part[likeness].notna()]
            others = [name for name in LIKENESSES if name != likeness and known[name].notna().all() and len(known)]
            controls = known[["pre", *others]].to_numpy(dtype=np.float64).T
            x, y = (known[column].to_numpy(dtype=np.float64) for column in (likeness, "gain"))
            rows.append(
                {"kind": kind, "source": source, "likeness": likeness}
                | _named("pearson", pearson(x, y, seed=seed))
                | _named("spearman", spearman(x, y, seed=seed))
                | _named("partial", partial(x, y, controls, seed=seed))
                | {"held_fixed": ", ".join(("pre", *others)), "n": len(known)}
            )
    return pd.DataFrame(rows)


def _point(kind: str, source: str, code: str, pre: np.ndarray, post: np.ndarray, seed: int) -> dict[str, Any]:
    gain = bootstrap(post.astype(np.float64) - pre, seed=seed)
    return {
        "kind": kind,
        "source": source,
        "language": code,
        "n": len(pre),
        "pre": float(pre.mean()),
        "post": float(post.mean()),
        "gain": gain.value,
        "low": gain.low,
        "high": gain.high,
    }


def _named(name: str, r: Correlation) -> dict[str, float]:
    return {name: r.value, f"{name}_low": r.low, f"{name}_high": r.high, f"{name}_p": r.p}
