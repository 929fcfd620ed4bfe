"""Which languages are related: families, and the branches of Indo-European, as far as a reader of a chart needs them.

Source: Glottolog 5 (Hammarström, Forkel, Haspelmath and Bank), by ISO 639 code; only languages of FLORES-200 that
current models are trained on are listed.
"""

from __future__ import annotations

from core.languages import canonical

OTHER = "Other"

_MEMBERS = {
    "Romance": "es fr pt it ro ca gl oc ast lmo scn vec lij fur sc ht",
    "Germanic": "en de nl sv da no nb nn is af lb yi fo li",
    "Slavic": "ru uk pl cs sk bg sr hr bs sl mk be szl",
    "Indo-Iranian": "hi fa ur bn pa mr gu ne si as or sd ks mai bho mag awa hne sa ps ku ckb kmr tg prs",
    "Greek": "el",
    "Baltic": "lt lv ltg",
    "Celtic": "ga cy gd",
    "Armenian": "hy",
    "Albanian": "sq als",
    "Sinitic": "zh yue",
    "Tibeto-Burman": "my bo lus mni kac dz",
    "Japonic": "ja",
    "Koreanic": "ko",
    "Turkic": "tr az uz kk ky tk tt ba ug azb crh",
    "Mongolic": "mn",
    "Uralic": "fi hu et",
    "Semitic": "ar he am ti mt arz acm apc ary ajp aeb acq ars",
    "Cushitic and Chadic": "so om ha",
    "Bantu and Niger-Congo": "sw zu xh sn rw rn lg ny st tn ts ss nso ln kg bem tum umb kmb lua yo ig wo ff ak tw ee",
    "Austronesian": "id ms jv su tl fil ceb ilo war pag mg mi sm fj ace ban bjn min",
    "Austroasiatic": "vi km sat",
    "Kra-Dai": "th lo shn",
    "Dravidian": "ta te kn ml",
    "Kartvelian": "ka",
    "Basque": "eu",
}
FAMILIES = (*_MEMBERS, OTHER)
_FAMILY = {code: family for family, codes in _MEMBERS.items() for code in codes.split()}


def family(code: str) -> str:
    """A language's family, or branch of Indo-European: one of `FAMILIES`; `OTHER` where it is not listed.

    Parameters
    ----------
    code : str
        As `core.languages.canonical` takes it.
    """
    whole = canonical(code)
    return _FAMILY.get(whole) or _FAMILY.get(whole.partition("-")[0], OTHER)
