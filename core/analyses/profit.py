"""Which languages profit: the gain of an intervention against how a language is related to the one it starts from.

For transfer, a language gains accuracy, and is related to the one that the classifier was trained on, and to the target
of the intervention; for retrieval, to the target, whose sentences look for their translations in it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
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
from core.stats.intervals import bootstrap, finite
from core.stats.significance import LEVEL, holm
from core.stats.units import counted

SOURCE, TARGET = "source", "target"

Texts = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class Likeness:
    """One way in which two languages are alike.

    Attributes
    ----------
    title : str
        For axes and lists.
    about : str
        Where it comes from, in a sentence.
    measure : callable
        Of two languages and the corpus's sentences by language; NaN where it is not known.
    joined : str
        The word between the title and a language's name.
    to : {"source", "target"}
        Which language the others are compared with: the one that a gain starts from, or the intervention's target.
    """

    title: str
    about: str
    measure: Callable[[str, str, Texts], float]
    joined: str = "to"
    to: str = SOURCE

    def titled(self, name: str) -> str:
        """The title with a language's name: ``lexical overlap with Japanese``."""
        return f"{self.title} {self.joined} {name}"


def _family(one: str, other: str, _: Texts) -> float:
    related = families.relation(one, other)
    if related.same_family is None or related.same_branch is None:
        return np.nan
    return float(related.same_family + related.same_branch)


def _lexical(one: str, other: str, texts: Texts) -> float:
    return lexical.overlap(texts[one], texts[other]) if one in texts and other in texts else np.nan


_WAYS = {
    "family": Likeness("kinship", "A point each for the same family and the same branch: 0 to 2.", _family, "with"),
    "script": Likeness(
        "same script",
        "1 where both are written in it, else 0.",
        lambda a, b, _: float(families.relation(a, b).same_script),
        "as",
    ),
    "syntax": Likeness(
        "syntactic similarity",
        "Cosine of syntactic features (URIEL, through lang2vec).",
        lambda a, b, _: typology.similarity(a, b),
    ),
    "lexical": Likeness(
        "lexical overlap", "Share of character trigrams in common, from the corpus's own sentences.", _lexical, "with"
    ),
}
LIKENESSES = _WAYS | {
    f"{name}_{TARGET}": replace(way, title=way.titled("the target"), to=TARGET) for name, way in _WAYS.items()
}
"""Ways in which two languages are alike, by the column that holds them."""
KINDS = {"transfer": "transfer", "retrieval": "retrieval"}
COEFFICIENTS = ("pearson", "spearman", "partial")


@dataclass(frozen=True)
class Profit:
    """Gains by language, and what they correlate with.

    Attributes
    ----------
    points : DataFrame
        ``kind, source, target, language, n, pre, post, gain, low, high`` and a column a likeness: a row for each
        language that gains, by ``transfer`` from the language ``source`` trained on, or by ``retrieval`` from the
        target; the interval is a paired bootstrap over sentences. A likeness is NaN where it is not known; one to the
        target also of the target itself, and where the target is the source.
    correlations : DataFrame
        ``kind, source, likeness, pearson, pearson_low, pearson_high, pearson_p, pearson_p_holm, spearman, ..., partial,
        ..., held_fixed, n``: of the gain with each likeness, over languages. The partial correlation holds fixed the
        accuracy before and the other likenesses to the same language that are known. ``p_holm`` is corrected for all
        coefficients of one kind and source.
    """

    points: pd.DataFrame
    correlations: pd.DataFrame

    def to_json(self) -> dict[str, list[dict[str, Any]]]:
        """Both tables as JSON values, a mapping a row; None where a figure is not known."""
        return {"points": _records(self.points), "correlations": _records(self.correlations)}


def profit(run: Run, asked: Settings | None = None) -> Profit:
    """Relate the gains of transfer and of retrieval to how languages are alike, at the experiment's layer.

    Raises
    ------
    SettingError
        As `core.analyses.transfer.transfer`.
    """
    found = transfer(run, asked)
    points = pd.concat([transfer_points(found, run.plan.layer), retrieval_points(run)], ignore_index=True)
    points = with_likenesses(points.assign(target=run.plan.target), found.task.test)
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
    """Add how each language is like its source and like the target, lexically in the given sentences."""
    texts: Texts = rows.texts
    trios = list(zip(points["source"], points["target"], points["language"], strict=True))
    columns = {
        name: [_value(likeness, source, target, code, texts) for source, target, code in trios]
        for name, likeness in LIKENESSES.items()
    }
    order = ["kind", "source", "target"]
    return points.assign(**columns)[[*order, *(name for name in points if name not in order), *columns]]


def _value(likeness: Likeness, source: str, target: str, code: str, texts: Texts) -> float:
    """How a language is like its source, or like the target where that is another one than both."""
    if likeness.to == SOURCE:
        return likeness.measure(source, code, texts)
    return np.nan if target in (source, code) else likeness.measure(target, code, texts)


def correlations(points: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Correlate the gain with each likeness, for each kind and source."""
    to_target = [name for name, likeness in LIKENESSES.items() if likeness.to == TARGET]
    parts = []
    for (kind, source), part in points.groupby(["kind", "source"], sort=False):
        rows: list[dict[str, Any]] = []
        is_target = part[to_target].isna().all(axis=None)  # the source is the target, and likeness to both the same
        for name, likeness in LIKENESSES.items():
            if is_target and likeness.to == TARGET:
                continue
            known = part[part[name].notna()]
            alike = [other for other, way in LIKENESSES.items() if other != name and way.to == likeness.to]
            others = [other for other in alike if known[other].notna().all() and len(known)]
            controls = known[["pre", *others]].to_numpy(dtype=np.float64).T
            x, y = (known[column].to_numpy(dtype=np.float64) for column in (name, "gain"))
            rows.append(
                {"kind": kind, "source": source, "likeness": name}
                | _named("pearson", pearson(x, y, seed=seed))
                | _named("spearman", spearman(x, y, seed=seed))
                | _named("partial", partial(x, y, controls, seed=seed))
                | {"held_fixed": ", ".join(("pre", *others)), "n": len(known)}
            )
        parts.append(_corrected(pd.DataFrame(rows)))
    return pd.concat(parts, ignore_index=True)


def _corrected(rows: pd.DataFrame) -> pd.DataFrame:
    """Fill in ``p_holm`` of every coefficient, corrected for all of them together."""
    p = rows[[f"{name}_p" for name in COEFFICIENTS]].to_numpy(dtype=np.float64)
    corrected, tested = np.full(p.shape, np.nan), ~np.isnan(p)
    corrected[tested] = holm(p[tested])
    return rows.assign(**{f"{name}_p_holm": corrected[:, place] for place, name in enumerate(COEFFICIENTS)})


def goes_with(row: Mapping[Any, Any]) -> bool:
    """Whether a gain goes with a likeness beyond chance: by its interval, and by Holm's correction."""
    apart = row["pearson_low"] > 0 or row["pearson_high"] < 0
    return bool(apart and row["pearson_p_holm"] < LEVEL)


def sentence(row: Mapping[Any, Any]) -> str:
    """Say in words whether the gain goes with a likeness; ``row`` of `Profit.correlations`."""
    title, n = LIKENESSES[row["likeness"]].title, int(row["n"])
    if np.isnan(row["pearson"]):
        return f"Over {counted(n, 'language')}, no correlation of the gain with {title} can be computed."
    figures = (
        f"r = {row['pearson']:.2f}, 95% interval {row['pearson_low']:.2f} to {row['pearson_high']:.2f}, "
        f"p = {row['pearson_p_holm']:.2g} after Holm's correction, n = {n}"
    )
    if not goes_with(row):
        return f"The gain does not go with {title} beyond chance ({figures})."
    which = "more" if row["pearson"] > 0 else "less"
    return f"The more alike by {title}, the **{which}** a language gains ({figures})."


def unknown(points: pd.DataFrame) -> str:
    """Say which likeness is known of no language, and what would make it known; empty if none is."""
    if points["syntax"].notna().any():
        return ""
    if typology.data_file() is None:
        return "Syntactic similarity needs the optional lang2vec (pip install --no-deps lang2vec==1.1.2)."
    return "Syntactic similarity is known of none of these languages."


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


def _records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    return [
        {str(name): finite(value) if isinstance(value, float) else value for name, value in row.items()}
        for row in frame.to_dict("records")
    ]
