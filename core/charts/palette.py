"""Every colour of the charts by its role, and a colour and a shape for every language.

A language's hue says its family, its shape the script. The colours were found by search: within a family's hue,
lightness and chroma were varied so that the least distance between any two languages in OKLab stays large for normal
colour vision and for protanopia, deuteranopia and tritanopia (Machado, Oliveira and Fernandes 2009), larger for
languages in one script, whose shapes are equal.
"""

from __future__ import annotations

from collections.abc import Sequence

from core.language.codes import describe
from core.language.families import OTHER, kin

# The space before, the space after, and what needs no intervention: visible on light and dark backgrounds.
PRE, POST, FREE = "#98a2b3", "#4c6ef5", "#f08c00"
BEFORE_AFTER = {"before": PRE, "after": POST}
INK = "#343a40"  # lines and text over a light colour
ON_LIGHT, ON_DARK = "#212529", "white"  # numbers on a cell of a matrix
RULE = "#7d879a"  # marks of a place: visible on light and dark backgrounds
TEXT = "#3d444d"  # small type outside any mark, on a light ground as files have; a page draws it as its own text
FAINT = "#c3c8d1"  # what is not significant
# What an intervention is held against, by what it needs.
INTERVENTION, ON_TOP, CONTROL, BEFORE = "the intervention", "on top of it", "random neurons", "before"
NEEDS_NOTHING, NEEDS_LANGUAGE, TRANSLATED = "free", "free, needs each language", "from translations"
# Outcomes of a sentence whose translation was searched for before and after.
OUTCOMES = {"fixed": "#2f6fed", "broken": "#e4572e", "found in both": "#4fa095", "found in neither": "#a8b0bd"}
# Categories other than languages: told apart with the common colour-vision deficiencies, on light and on dark,
# neighbours distinct. Paul Tol's "muted" and "bright" schemes, tuned to one lightness.
CATEGORIES = (
    "#4477aa", "#ee6677", "#228833", "#e0a800", "#66ccee", "#aa3377", "#ee7733", "#009988",
    "#8866dd", "#99aa22", "#cc6699", "#7a8794", "#b15928", "#33bbaa", "#dd4444", "#5566ee",
    "#77bb55", "#c58cff", "#b0893b", "#3f9fd6", "#e58fb1", "#6b6fa8",
)  # fmt: skip

RIVALS = {
    INTERVENTION: POST,
    ON_TOP: "#91a7ff",
    NEEDS_NOTHING: FREE,
    NEEDS_LANGUAGE: "#ffc078",
    TRANSLATED: CATEGORIES[5],
    CONTROL: RULE,
    BEFORE: PRE,
}
"""Kinds of spaces that an intervention is held against, each with its colour."""

# The languages of the paper, in their own colours; others take their family's in order of appearance.
_BY_LANGUAGE = {
    "es": "#ee7f74", "fr": "#fea476", "pt": "#a1420d", "it": "#ee5512", "ro": "#c33d45",
    "de": "#5271a5", "en": "#4785f5", "nl": "#61b3f2",
    "cs": "#a3c8a9", "pl": "#82aa92", "ru": "#628264", "uk": "#59a874",
    "el": "#6ccfd7", "hi": "#966ed7", "fa": "#8641c2", "he": "#c29639", "tr": "#8a6275", "id": "#a3824a",
    "vi": "#b6b408", "th": "#378e88", "ja": "#93495a", "ko": "#b48fb3", "zh": "#e09e5b",
}  # fmt: skip
_BY_FAMILY = {
    "Romance": ("#ee7f74", "#fea476", "#a1420d", "#ee5512", "#c33d45"),
    "Germanic": ("#4785f5", "#5271a5", "#61b3f2"),
    "Slavic": ("#628264", "#a3c8a9", "#59a874", "#82aa92"),
    "Indo-Aryan": ("#966ed7", "#b9a1ea"),
    "Iranian": ("#8641c2", "#6a2ca0"),
    "Hellenic": ("#6ccfd7",),
    "Sino-Tibetan": ("#e09e5b", "#b4762c"),
    "Japonic": ("#93495a",),
    "Koreanic": ("#b48fb3",),
    "Turkic": ("#8a6275", "#b58a9e"),
    "Afro-Asiatic": ("#c29639", "#8f6d1d"),
    "Austronesian": ("#a3824a", "#c9ab78"),
    "Austroasiatic": ("#b6b408", "#878500"),
    "Tai-Kadai": ("#378e88", "#63b5ae"),
    "Uralic": ("#3f9fd6", "#2b6f96"),
    "Dravidian": ("#cc6699", "#e58fb1"),
    "Atlantic-Congo": ("#99aa22", "#6f7c12"),
    OTHER: ("#7a8794", "#a2adb8", "#5c6873"),
}
# Outlines within [-1, 1], as SVG paths: drawn alike by Vega and by a canvas.
_CIRCLE = "M.8,0A.8,.8,0,1,1,-.8,0A.8,.8,0,1,1,.8,0Z"
_SHAPES = {
    "Latn": _CIRCLE,
    "Cyrl": "M-.75,-.75H.75V.75H-.75Z",
    "Grek": "M0,-1L.95,.75H-.95Z",
    "Arab": "M0,1L-.95,-.75H.95Z",
    "Deva": "M1,0L-.75,.95V-.95Z",
    "Hebr": "M-1,0L.75,.95V-.95Z",
    "Hans": "M0,-1.1L.95,0L0,1.1L-.95,0Z",
    "Hant": "M0,-1.1L.95,0L0,1.1L-.95,0Z",
    "Jpan": "M0,-1.15L.3,-.38L1.1,-.36L.47,.14L.68,.93L0,.47L-.68,.93L-.47,.14L-1.1,-.36L-.3,-.38Z",
    "Kore": "M-.5,-.87H.5L1,0L.5,.87H-.5L-1,0Z",
    "Thai": "M-.35,-1H.35V-.35H1V.35H.35V1H-.35V.35H-1V-.35H-.35Z",
}
_ANY_OTHER = "M0,-1L.95,-.31L.59,.81H-.59L-.95,-.31Z"


def colours(languages: Sequence[str]) -> dict[str, str]:
    """Choose a colour for each language, by family; the paper's languages always have the same colour."""
    by_code = {code: _BY_LANGUAGE[code] for code in languages if code in _BY_LANGUAGE}
    for code in languages:
        if code not in by_code:
            of_family = family_colours(kin(code))
            unused = [colour for colour in of_family if colour not in by_code.values()]
            by_code[code] = (unused or of_family)[0]
    return {code: by_code[code] for code in languages}


def categories(names: Sequence[str]) -> dict[str, str]:
    """Choose a colour for each of some names that are not languages, in order; from the 23rd on they repeat."""
    return {name: CATEGORIES[number % len(CATEGORIES)] for number, name in enumerate(names)}


def family_colours(name: str) -> tuple[str, ...]:
    """The colours of what `core.language.families.kin` calls a family; the first stands for the family."""
    return _BY_FAMILY.get(name, _BY_FAMILY[OTHER])


def script(code: str) -> str:
    """A language's script, in English."""
    return describe(code).script


def shape(code: str) -> str:
    """A language's mark by its script, as an SVG path within [-1, 1]."""
    return _SHAPES.get(describe(code).script_code, _ANY_OTHER)
