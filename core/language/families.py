"""How two languages are related: by family, branch and script.

Families and branches as in Glottolog and Ethnologue, where the two agree; Koreanic and Japonic are families of their
own. A language that is not listed has no known relation.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from core.language.codes import describe

_MEMBERS = {
    ("Indo-European", "Germanic"): "en de nl af sv da nb no nn is fo lb yi",
    ("Indo-European", "Romance"): "fr es it pt ro ca gl oc sc scn ast lmo vec lij fur ht",
    ("Indo-European", "Slavic"): "ru uk cs pl sk bg sr hr bs sl mk be szl",
    ("Indo-European", "Baltic"): "lt lv",
    ("Indo-European", "Celtic"): "cy ga gd br",
    ("Indo-European", "Hellenic"): "el",
    ("Indo-European", "Albanian"): "sq",
    ("Indo-European", "Armenian"): "hy",
    ("Indo-European", "Indo-Aryan"): "hi ur bn mr gu pa ne si or as sd sa mai bho mag awa hne ks",
    ("Indo-European", "Iranian"): "fa prs ps ku ckb tg",
    ("Sino-Tibetan", "Sinitic"): "zh yue wuu",
    ("Sino-Tibetan", "Burmo-Qiangic"): "my",
    ("Sino-Tibetan", "Bodish"): "bo dz",
    ("Japonic", "Japanese"): "ja",
    ("Koreanic", "Korean"): "ko",
    ("Turkic", "Oghuz"): "tr az tk",
    ("Turkic", "Kipchak"): "kk ky tt ba",
    ("Turkic", "Karluk"): "uz ug",
    ("Uralic", "Finnic"): "fi et",
    ("Uralic", "Hungarian"): "hu",
    ("Afro-Asiatic", "Semitic"): "ar he am ti mt arz acm apc ary ajp aeb acq ars",
    ("Afro-Asiatic", "Chadic"): "ha",
    ("Afro-Asiatic", "Cushitic"): "so om",
    ("Austronesian", "Malayo-Polynesian"): "id ms jv su tl fil ceb ilo mg mi sm war pag fj ace ban bjn min",
    ("Austroasiatic", "Vietic"): "vi",
    ("Austroasiatic", "Khmeric"): "km",
    ("Tai-Kadai", "Tai"): "th lo",
    ("Dravidian", "South Dravidian"): "ta ml kn",
    ("Dravidian", "South-Central Dravidian"): "te",
    ("Atlantic-Congo", "Bantu"): "sw zu xh rw sn st tn ny lg ln",
    ("Atlantic-Congo", "Volta-Niger"): "yo ig",
    ("Kartvelian", "Georgian"): "ka",
    ("Mongolic", "Mongolian"): "mn",
    ("Basque", "Basque"): "eu",
}
OTHER = "Other"
NAMES = frozenset(name.casefold() for where in _MEMBERS for name in where)
"""Names of all families and branches, in lower case."""
_FAMILIES = {code: where for where, codes in _MEMBERS.items() for code in codes.split()}


@dataclass(frozen=True)
class Relation:
    """What two languages have in common; None where it is not known."""

    same_script: bool
    same_family: bool | None
    same_branch: bool | None

    @property
    def score(self) -> float:
        """One point each for script, family and branch: 0 to 3; NaN where the family is not known."""
        if self.same_family is None or self.same_branch is None:
            return float("nan")
        return float(self.same_script + self.same_family + self.same_branch)


def kin(code: str) -> str:
    """Return a language's group for charts: its branch if it is Indo-European, else its family, or `OTHER`."""
    family_and_branch = family(code)
    if family_and_branch is None:
        return OTHER
    return family_and_branch[1] if family_and_branch[0] == "Indo-European" else family_and_branch[0]


def family(code: str) -> tuple[str, str] | None:
    """Family and branch of a language, by canonical code; None where it is not listed."""
    return _FAMILIES.get(code.split("-")[0])


def members(name: str, languages: Iterable[str]) -> tuple[str, ...]:
    """Those of some languages (canonical codes) that are in a family or branch, by its name in any case.

    Examples
    --------
    >>> members("romance", ["en", "es", "it", "ja"])
    ('es', 'it')
    """
    wanted = name.strip().casefold()
    return tuple(code for code in languages if wanted in map(str.casefold, family(code) or ()))


def relation(one: str, other: str) -> Relation:
    """How two languages (canonical codes) are related.

    Examples
    --------
    Spanish and French share script, family and branch, Spanish and Hindi the family alone:

    >>> relation("es", "fr").score, relation("es", "hi").score
    (3.0, 1.0)
    """
    same_script = describe(one).script_code == describe(other).script_code
    a, b = family(one), family(other)
    if a is None or b is None:
        return Relation(same_script, None, None)
    return Relation(same_script, a[0] == b[0], a == b)
