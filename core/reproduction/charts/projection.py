"""The figures of the maps."""

from __future__ import annotations

from core.charts.maps import joint_map
from core.language.codes import english_name
from core.pipeline.before_after import SPACE_TITLES
from core.reproduction.charts.figure import Figure, colours_by_name, names_of
from core.reproduction.tables import Tables


def projection(tables: Tables) -> list[Figure]:
    """Draw a map for each target."""
    figures = []
    for target, rows in tables["projection"].groupby("target", sort=False):
        points = rows[["space", "x", "y"]].assign(
            name=names_of(rows["language"]),
            space=rows["space"].map(SPACE_TITLES),
            x=rows["x"].round(3),
            y=rows["y"].round(3),
        )
        chart = joint_map(points, colours_by_name(rows["language"])).properties(width=620, height=520)
        name = english_name(str(target))
        figures.append(Figure(f"projection_{target}", chart, f"Joint UMAP of both spaces; target {name}.", bitmap=True))
    return figures
