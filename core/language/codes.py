"""Codes and names of languages: a code in any standard becomes the shortest unambiguous BCP 47 code.

Data sets call one language ``spa``, ``spa_Latn``, ``es`` or ``es-Latn``; within the product it is ``es``. What the
codes mean and what the languages are called comes from the Unicode CLDR and IANA data in ``langcodes`` and
``language-data``; the few constants below are facts that those two do not carry.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import lru_cache

import langcodes
from langcodes.tag_parser import LanguageTagError

from core.errors import CorpusError
from core.language.likely import script_follows_country, usual_region, usual_script

UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
"""Characters of scripts that put no spaces between words, as a regular expression has them between brackets: Thai, Lao,
Burmese, Khmer, Japanese, Chinese."""

# A script that is a part of the language's usual mixture of scripts, as FLORES writes it: Hangul for Korean.
_SAME_SCRIPT = {("ko", "Hang"): "Kore"}
# CLDR's stand-alone names; langcodes has only the short forms that go behind "Chinese".
_SCRIPT_NAMES = {"Hans": "Simplified Han", "Hant": "Traditional Han"}
# Scripts in use today that are written from right to left (Unicode Bidi_Class R or AL); langcodes has no directions.
_RIGHT_TO_LEFT = frozenset(
    ("Adlm", "Arab", "Aran", "Hebr", "Mand", "Mend", "Nkoo", "Rohg", "Samr", "Syrc", "Syre", "Syrj", "Syrn", "Thaa")
)
# Country codes that people write for a language, and that are not language codes themselves.
_COUNTRIES_FOR_LANGUAGES = {"ua": "uk", "jp": "ja", "cn": "zh", "cz": "cs", "dk": "da", "gr": "el", "vn": "vi"}
# The registry replaces this code by another, but in published data it is a separate language (Tatoeba has both).
_KEPT_APART = frozenset({"kzj"})
# A variety as FLORES+ names it, by its Glottolog code; within the product a private part of the code.
_GLOTTOCODE = re.compile(r"(?P<language>.+?)[-_](?:x-)?(?P<glottocode>[a-z]{4}[0-9]{4})")
# Varieties that have a name in the registry.
_VARIANTS = {"vale1252": "valencia"}
# Codes that IANA registers for the absence of one language, or of writing.
_NOT_LANGUAGES = frozenset({"und", "mis", "mul", "zxx"})
# ISO 639 and ISO 3166 keep these for private use, and UN M.49 does not assign the last.
_PRIVATE_LANGUAGE = re.compile("q[a-t][a-z]")
_PRIVATE_REGION = re.compile("Q[M-Z]|X[C-JL-Z]|ZZ|9[5-9][0-9]")
# Beginnings of English names that are spoken as "yu": Ukrainian, Uyghur.
_SPOKEN_WITH_Y = ("Eu", "Uk", "Uy")
_NOT_SCRIPTS = frozenset({"Zinh", "Zmth", "Zsye", "Zsym", "Zxxx", "Zyyy", "Zzzz"})


@dataclass(frozen=True)
class LanguageName:
    """What to call a language on screen.

    Attributes
    ----------
    code : str
        The canonical code.
    english, native : str
        Its name in English and in itself; the English one twice where no library knows the native one.
    script, script_code : str
        Its script: English name and ISO 15924 code.
    direction : str
        ``"ltr"`` or ``"rtl"``: how its text runs.
    """

    code: str
    english: str
    native: str
    script: str
    script_code: str
    direction: str


@lru_cache(maxsize=4096)
def canonical(code: str) -> str:
    """Give the shortest BCP 47 code of a language, in whatever standard the code is written.

    A script is left out where it is the language's usual one, a macrolanguage stands for its main member (``cmn`` is
    ``zh``, ``arb`` is ``ar``), other members keep their own code (``yue``, ``arz``), a region is kept (``pt-BR``)
    unless it only says which script (``zh-TW`` is ``zh-Hant``). ``canonical(canonical(x)) == canonical(x)``.

    Parameters
    ----------
    code : str
        ISO 639-1, -2 or -3, BCP 47, or with a script as in FLORES-200: ``es``, ``spa``, ``spa_Latn``, ``es-Latn``.

    Returns
    -------
    str

    Raises
    ------
    CorpusError
        Where the code is no code, or names no particular language.

    Examples
    --------
    >>> canonical("spa_Latn"), canonical("zho_Hans"), canonical("zho_Hant"), canonical("yue_Hant")
    ('es', 'zh', 'zh-Hant', 'yue')
    >>> canonical("cat_Latn_vale1252"), canonical("apc_Arab_nort3139")
    ('ca-valencia', 'apc-x-nort3139')
    """
    if variety := _GLOTTOCODE.fullmatch(code.strip()):
        language, glottocode = variety.groups()
        variant = _VARIANTS.get(glottocode)
        return canonical(f"{language}-{variant}") if variant else f"{canonical(language)}-x-{glottocode}"
    tag = _parse(code)
    language = _main_language(tag.language)
    region = tag.territory
    script = tag.script or usual_script(language, region)
    script = _SAME_SCRIPT.get((language, script), script)
    if region and script_follows_country(language) and region == usual_region(language, script):
        region = None
    # The script is left out only if it follows from the language alone and from language and region: zh-Hans-HK must
    # not become zh-HK, which is in traditional characters.
    implied = script == usual_script(language, None) == usual_script(language, region)
    return langcodes.Language.make(
        language=language, script=None if implied else script, territory=region, variants=tag.variants
    ).to_tag()


@lru_cache(maxsize=4096)
def describe(code: str) -> LanguageName:
    """Give a language's names, script and direction; raises `CorpusError` as `canonical` does."""
    short = canonical(code)
    if variety := _GLOTTOCODE.fullmatch(short):
        main_language = describe(variety["language"])
        return replace(main_language, code=short, english=f"{main_language.english} ({variety['glottocode']})")
    tag = langcodes.Language.get(short, normalize=short not in _KEPT_APART)
    script = tag.script or usual_script(str(tag.language), tag.territory)
    named = langcodes.Language.make(script=script)
    return LanguageName(
        code=short,
        # A variant is registered without a name in English, so its code stands: "Catalan (valencia)".
        english=tag.display_name("en") + (f" ({', '.join(tag.variants)})" if tag.variants else ""),
        native=tag.autonym(),
        script=_SCRIPT_NAMES.get(script) or str(named.script_name("en")),
        script_code=script,
        direction="rtl" if script in _RIGHT_TO_LEFT else "ltr",
    )


def english_name(code: str) -> str:
    """Give a language's name in English; raises `CorpusError` as `canonical` does."""
    return describe(code).english


def label(code: str) -> str:
    """Give the name to show.

    Examples
    --------
    >>> label("es"), label("en"), label("zh-Hant")
    ('Spanish (español)', 'English', 'Chinese, Traditional (中文)')
    """
    name = describe(code)
    english = name.english.removesuffix(")").replace(" (", ", ") if name.english.endswith(")") else name.english
    # Without its qualifier: the English name has it already, and brackets would be nested.
    native = name.native.partition("（")[0].partition(" (")[0]
    differs = native != name.english.partition(" (")[0]
    return f"{english} ({native})" if differs else english


def with_article(name: str) -> str:
    """Put the indefinite article before a language's English name.

    Examples
    --------
    >>> with_article("English"), with_article("Urdu"), with_article("Ukrainian"), with_article("Japanese")
    ('an English', 'an Urdu', 'a Ukrainian', 'a Japanese')
    """
    vowel = name[:1] in "AEIOU" and not name.startswith(_SPOKEN_WITH_Y)
    return f"{'an' if vowel else 'a'} {name}"


def _parse(code: str) -> langcodes.Language:
    """Read a code into a langcodes object that names a language; raises `CorpusError` with the reason if it cannot."""
    try:
        text = code.strip()
        text = _COUNTRIES_FOR_LANGUAGES.get(text.lower(), text)
        tag = langcodes.Language.get(text, normalize=re.split("[-_]", text.lower())[0] not in _KEPT_APART)
    except LanguageTagError:
        raise _unknown(code, "it is not written like a language code") from None
    if tag.language is None or tag.language in _NOT_LANGUAGES or tag.language.startswith("x-"):
        raise _unknown(code, "it names no particular language")
    if tag.extlangs or tag.extensions or tag.private:
        raise _unknown(code, "extensions and private parts of a code have no meaning here")
    if tag.script in _NOT_SCRIPTS:
        raise _unknown(code, f"{tag.script!r} stands for no particular script")
    # Not `is_valid` alone: the ranges for private use are valid and mean nothing. Names of languages would say so too,
    # but reading them takes a second, and every start reads a code.
    if (
        not tag.is_valid()
        or _PRIVATE_LANGUAGE.fullmatch(tag.language)
        or _PRIVATE_REGION.fullmatch(tag.territory or "")
    ):
        raise _unknown(code, "no language, script, region or variant of that code is registered")
    return tag


def _unknown(code: str, why: str) -> CorpusError:
    instead = "Write it as a BCP 47 or FLORES code, such as 'es', 'spa_Latn', 'zh-Hant' or 'pt-BR'"
    try:
        # The index of names fails with an error of its own on a null character.
        guess = langcodes.find(code.strip().replace("\0", ""), "en")
    except LookupError:
        return CorpusError(f"language {code!r}", why, f"{instead}.")
    return CorpusError(f"language {code!r}", why, f"{instead}; if you mean {guess.display_name('en')}: '{guess}'.")


def _main_language(language: str | None) -> str:
    """Replace the main member of a macrolanguage by the macrolanguage: ``cmn`` -> ``zh``, ``swh`` -> ``sw``."""
    # Only three-letter codes: a member with a two-letter code of its own (Twi, tw) is not the same as the whole
    # (Akan, ak), and FLORES has both.
    tag = langcodes.Language.make(language=language)
    return str((tag.prefer_macrolanguage() if len(str(language)) == 3 else tag).language)
