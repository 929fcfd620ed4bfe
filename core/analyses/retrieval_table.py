"""Retrieval by candidate language, before and after the intervention, with intervals and tests."""

from __future__ import annotations

import pandas as pd

from core.analyses.translation_ranks import Ranks
from core.spaces.retrieval import RANK_MEASURES
from core.stats.intervals import bootstrap, share_of
from core.stats.significance import holm, mcnemar, signed_ranks
from core.stats.units import SHARE


def by_candidate(
    pre: Ranks, post: Ranks, comparison: str = "cosine", direction: str = "from", measure: str = "top-1"
) -> pd.DataFrame:
    """Compare two spaces by candidate language.

    Parameters
    ----------
    comparison : str
        A name in `core.spaces.similarity.COMPARISONS`.
    direction : {"from", "to"}
        Whether the target's sentences are the queries, or the candidate's.
    measure : str
        A name in `core.spaces.retrieval.RANK_MEASURES`.

    Returns
    -------
    DataFrame
        ``candidate, n``; ``pre``, ``post``, ``change``, each with ``_low`` and ``_high``, the ends of its 95% interval
        (bootstrap over sentences; of the change, paired); ``fixed`` and ``broken`` count sentences, where the
        measure counts hits. ``p`` is then McNemar's, else that of Wilcoxon's signed ranks; adjusted by Holm over the
        candidates.
    """
    rank_measure, rows = RANK_MEASURES[measure], []
    for code in dict.fromkeys(code for _, code in pre.candidates):
        before, after = (rank_measure.value(side.of(code, comparison, direction)) for side in (pre, post))
        row: dict[str, object] = {"candidate": code, "n": len(before)}
        for name, values in (("pre", before), ("post", after), ("change", after - before)):
            interval = share_of(values) if rank_measure.unit is SHARE and name != "change" else bootstrap(values)
            row |= {name: interval.value, f"{name}_low": interval.low, f"{name}_high": interval.high}
        if not rank_measure.hits:
            row |= {"fixed": None, "broken": None, "p": signed_ranks(after - before)}
        else:
            hit_before, hit_after = before > 0, after > 0
            row |= {
                "fixed": int((~hit_before & hit_after).sum()),
                "broken": int((hit_before & ~hit_after).sum()),
                "p": mcnemar(hit_before, hit_after),
            }
        rows.append(row)
    frame = pd.DataFrame(rows)
    return frame.assign(p=holm(frame["p"].to_numpy()))
