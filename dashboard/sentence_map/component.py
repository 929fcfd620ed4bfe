"""The map as a Streamlit component: the data sent to the browser, and the view that comes back."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from core.charts import palette
from core.language.families import kin
from dashboard.charts import theme

LAYOUTS = {"pair": "side by side", "together": "dots and crosses", "motion": "in motion"}
FILES = ("map.html", "map.css", "paint.js", "gl.js", "unpack.js", "many.js", "gestures.js", "map.js")
"""The component's: its markup, its style, and the parts of its script in their order."""
_STEPS = 65535  # of a coordinate, from one end of the map to the other
_NEAR = 0.004  # of the way between two computed strengths: so near to one of them, it is that one, as in map.js
UNSOUGHT = "not looked for"
"""Outcome of a sentence that has no translation in the target: of a corpus of pairs, those of other pairs."""
_NAMED = ("language",)  # colourings whose group names are drawn on the map


@dataclass(frozen=True)
class MapView:
    """What a visitor has chosen on the map, and how it is coloured.

    Attributes
    ----------
    colour : str
        A colouring: language, family, script, or what became of retrieval.
    find : str
        Words that sentences must hold.
    shown : tuple of str
        Groups of the colouring that stand out; all if empty.
    pinned : int, optional
        A sentence's row number in the table of points.
    brush : tuple (panel, (x0, y0, x1, y1), strength), optional
        A rectangle of the plane: in the panel before (0) or after (1), or at a strength where the map is in motion.
    window : (x0, y0, x1, y1), optional
        The part of the plane that is looked at; all of it if None. It chooses nothing.
    strength : float, optional
        Where the scrubber of a map in motion rests; None where nobody has moved it.
    """

    colour: str = "language"
    find: str = ""
    shown: tuple[str, ...] = ()
    pinned: int | None = None
    brush: tuple[int, tuple[float, ...], float | None] | None = None
    window: tuple[float, ...] | None = None
    strength: float | None = None

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> MapView:
        """Read a view from the browser's JSON values."""
        brush = values.get("brush")
        return cls(
            str(values.get("colour") or "language"),
            str(values.get("find") or ""),
            tuple(map(str, values.get("shown") or ())),
            None if values.get("pinned") is None else int(values["pinned"]),
            brush and (int(brush["panel"]), tuple(map(float, brush["box"])), brush.get("strength")),
            tuple(map(float, values["window"])) if values.get("window") else None,
            None if values.get("strength") is None else float(values["strength"]),
        )

    def to_json(self) -> dict[str, Any]:
        """The view as JSON values for the browser."""
        brush = self.brush and dict(zip(("panel", "box", "strength"), self.brush, strict=True))
        return asdict(self) | {"shown": list(self.shown), "brush": brush}

    @property
    def chooses(self) -> bool:
        """Whether it chooses some sentences, unless all stand out."""
        return bool(self.brush or self.find or self.shown)

    def coloured_by(self, points: pd.DataFrame) -> str:
        """The colouring that the browser draws: languages, where these points do not have the one that is chosen."""
        return self.colour if self.colour in _colourings(points) else "language"

    def chosen(self, points: pd.DataFrame, places: Mapping[float, np.ndarray]) -> np.ndarray:
        """Which points stand out: ndarray of bool, (n,); the same as the browser draws them."""
        out = np.ones(len(points), dtype=bool)
        if self.shown:
            out &= dict(groupings(points))[self.coloured_by(points)].isin(self.shown).to_numpy()
        if self.find:
            # Python's lower case is the browser's; that of a column in Arrow is another ("İ", a final "Σ").
            find, texts = self.find.lower(), zip(points["text"], points["english"], strict=True)
            out &= np.array([find in f"{text}\n{english}".lower() for text, english in texts], dtype=bool)
        if self.brush is not None:
            panel, (ax, ay, bx, by), strength = self.brush
            places = _as_drawn(places)
            coordinates = (
                _places_at(places, strength) if strength is not None else places[max(places, key=abs) if panel else 0.0]
            )
            x, y = coordinates.T.astype(np.float64)  # the brush is not rounded
            out &= (x >= min(ax, bx)) & (x <= max(ax, bx)) & (y >= min(ay, by)) & (y <= max(ay, by))
        return out


def _places_at(places: Mapping[float, np.ndarray], strength: float) -> np.ndarray:
    """Where the points are drawn at any strength: on straight lines between the computed ones, beyond at the end."""
    strengths = sorted(places, key=abs)
    if strength * strengths[-1] < 0:
        return np.asarray(places[strengths[0]])
    for lower, upper in pairwise(strengths):
        share = (strength - lower) / (upper - lower)
        if 0 <= share <= 1:
            share = round(share) if abs(share - round(share)) < _NEAR else share
            from_, to = (places[end].astype(np.float64) for end in (lower, upper))
            return (from_ + share * (to - from_)).astype(np.float32)
    return places[strengths[-1]]


_GROUPS: dict[str, Callable[[pd.DataFrame], pd.Series]] = {
    "language": lambda points: points["language"],
    "family": lambda points: points["language"].map(kin),
    "script": lambda points: points["language"].map(palette.script),
    "outcome": lambda points: points["now"].replace("", UNSOUGHT),
}


def _colourings(points: pd.DataFrame) -> list[str]:
    """Names of the colourings that these points have: none by outcome as long as no ranks are known."""
    return [name for name in _GROUPS if name != "outcome" or points["now"].notna().any()]


def groupings(points: pd.DataFrame) -> list[tuple[str, pd.Series]]:
    """Each colouring that these points have: its name, and every point's group."""
    return [(name, _GROUPS[name](points)) for name in _colourings(points)]


@cache
def _component() -> Any:
    folder = Path(__file__).parent
    html, css, *scripts = ((folder / name).read_text(encoding="utf-8") for name in FILES)
    return st.components.v2.component("language_neurons_map", html=html, css=css, js="".join(scripts))


def draw(
    packed: bytes,
    initial: MapView,
    *,
    key: str,
    on_change: Callable[[], None],
    plays: bool = False,
    still: bool = False,
) -> MapView:
    """Draw the map; the browser itself redraws it when the visitor moves, hovers, finds or brushes.

    Parameters
    ----------
    packed : bytes
        As `packed` gives it.
    initial : MapView
        What the map starts with; must not change while ``key`` is the same.
    on_change : callable
        Called when the visitor changes the choice or the colouring.
    plays : bool
        A map in motion starts to move by itself, once.
    still : bool
        It is a picture to look at: no pointer and no key does anything to it.

    Returns
    -------
    MapView
        What the visitor has chosen now.
    """
    state = _component()(
        data=sent(packed, initial, plays, still), key=key, default={"view": initial.to_json()}, on_view_change=on_change
    )
    return MapView.of(state["view"] or {})


def packed(
    points: pd.DataFrame, places: Mapping[float, np.ndarray], layout: str, target: str, after: str = "After"
) -> bytes:
    """The map's data for the browser (``unpack.js`` reads it): the same for all visitors, so that it is made once.

    A header in JSON, then arrays of numbers as they are, then all texts compressed. Coordinates are whole numbers of 16
    bits from one end of the map to the other.

    Parameters
    ----------
    points : DataFrame
        As `dashboard.sentence_map.points.frame` gives it.
    places : mapping of strength to ndarray, (n, 2)
        Two or more computed strengths, 0 first.
    layout : str
        One of `LAYOUTS`.
    after : str
        Title of the map after, where it stands beside that before.
    """
    header = given(points, places, layout, target)
    header["titles"] = ["Before", after]
    body = bytearray()

    def put(values: np.ndarray, most: int | None = None) -> dict[str, Any]:
        """Append whole numbers up to ``most`` in the fewest bytes that hold them, and say where they are."""
        kind = np.min_scalar_type(int(values.max(initial=0)) if most is None else most)
        place = {"at": len(body), "n": values.size, "kind": kind.str[1:]}
        body.extend(np.ascontiguousarray(values, dtype=kind.newbyteorder("<")).tobytes())
        return place

    steps, low, high = _in_steps(header["frames"])
    header["bounds"] = [low.tolist(), high.tolist()]
    header["frames"] = [put(frame.ravel(), _STEPS) for frame in steps]
    for name in ("language", "row"):
        header[name] = put(header[name])
    header["ranks"] = header["ranks"] and [put(side) for side in header["ranks"]]
    for colouring in header["colourings"]:
        colouring["of"] = put(colouring["of"])
    texts, meanings = header.pop("texts"), header.pop("meanings")
    numbers, every = pd.factorize(np.asarray(meanings, dtype=object))
    header["meaning"] = put(numbers)
    words = json.dumps([texts, every.tolist()], ensure_ascii=False).encode(errors="replace")  # half surrogate pairs
    header["words_packed"] = put(np.frombuffer(zlib.compress(words, 6), dtype=np.uint8), 255)
    return _headed(header) + bytes(body)


def _in_steps(frames: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Coordinates (n_frames, n, 2) as whole numbers of 16 bits, and the low and high end of both axes, (2,)."""
    stacked = np.stack([frame.astype(np.float64) for frame in frames])
    low, high = stacked.min(axis=(0, 1)), stacked.max(axis=(0, 1))
    return np.rint((stacked - low) / np.where(high > low, high - low, 1) * _STEPS).astype(np.uint16), low, high


def _as_drawn(places: Mapping[float, np.ndarray]) -> dict[float, np.ndarray]:
    """Where the browser has the points: what a brush holds is the same here and there. As ``unpack.js`` reads them."""
    steps, low, high = _in_steps(list(places.values()))
    drawn = (low + steps / _STEPS * (high - low)).astype(np.float32)
    return dict(zip(places, drawn, strict=True))


def _headed(header: Mapping[str, Any]) -> bytes:
    """A header in JSON, in UTF-8, after its length in four bytes."""
    text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode(errors="replace")
    return len(text).to_bytes(4, "little") + text


def sent(packed: bytes, initial: MapView, plays: bool = False, still: bool = False) -> bytes:
    """The data of `packed` with a visitor's initial view."""
    return _headed({"initial": initial.to_json(), "plays": plays, "still": still}) + packed


def given(points: pd.DataFrame, places: Mapping[float, np.ndarray], layout: str, target: str) -> dict[str, Any]:
    """What the browser needs to know, before it is packed: numbers of points as arrays, all else as JSON has it."""
    strengths = sorted(places, key=abs)
    if len(strengths) < 2:
        raise ValueError("a map needs two strengths")
    languages = list(dict.fromkeys(points["language"]))
    number = {code: index for index, code in enumerate(languages)}
    colours = palette.colours(languages)
    ranked = points["before"].notna().all()
    # Other layouts are drawn at strength 0 too, where the second map is of no other strength.
    reach = f", strength {strengths[0]:g} to {strengths[-1]:g}" if layout == "motion" else ""
    return {
        "strengths": [float(strength) for strength in strengths],
        "frames": [places[strength] for strength in strengths],
        "languages": [{"code": c, "name": theme.name(c), "shape": palette.shape(c)} for c in languages],
        "language": points["language"].map(number).to_numpy(dtype=np.int64),
        "row": points["key"].to_numpy(dtype=np.int64),
        "texts": points["text"].tolist(),
        "meanings": points["english"].tolist(),
        "ranks": [points[side].to_numpy(dtype=np.int64) for side in ("before", "after")] if ranked else None,
        "colourings": [_colouring(name, groups, colours, target) for name, groups in groupings(points)],
        "named": list(_NAMED),
        "ghosts": palette.PRE,
        "target": number.get(target),
        "layout": layout,
        "alt": f"Map of {len(points):,} sentences in {len(languages)} languages, before and after: "
        f"{LAYOUTS[layout]}{reach}. The same sentences are in the table below "
        "when some are chosen.",
    }


def _colouring(name: str, groups: pd.Series, colours: Mapping[str, str], target: str) -> dict[str, Any]:
    """One way of colouring: its groups with colour and mark, and every point's group by number."""
    present: Sequence[str] = list(dict.fromkeys(groups))
    if name == "outcome":
        present = [outcome for outcome in (*palette.OUTCOMES, UNSOUGHT) if outcome in set(present)]
    number = {group: index for index, group in enumerate(present)}
    circle = palette.shape("en")
    described = []
    for index, group in enumerate(present):
        title, colour, shape = group, palette.CATEGORIES[index % len(palette.CATEGORIES)], circle
        if name == "language":
            title, colour, shape = theme.name(group), colours[group], palette.shape(group)
        elif name == "family":
            colour = palette.family_colours(group)[0]
        elif name == "outcome":
            colour = palette.OUTCOMES.get(group, palette.FAINT)
        described.append({"name": group, "title": title, "colour": colour, "shape": shape})
    titles = {
        "language": "language",
        "family": "family",
        "script": "script",
        "outcome": f"found in {theme.name(target)}",
    }
    of = groups.map(number).to_numpy(dtype=np.int64)
    return {"name": name, "title": titles[name], "groups": described, "of": of}
