"""Scripts and regions that languages are usually written in: CLDR's likely subtags, as ``langcodes`` carries them.

The only module that reads the tables of ``langcodes.data_dicts``. The public functions of langcodes fill in what is
likely (``Language.maximize``) but do not say whether a table had it, and list no regions of a language.
"""

from __future__ import annotations

from langcodes.data_dicts import DEFAULT_SCRIPTS, LIKELY_SUBTAGS, MACROLANGUAGES

# South Azerbaijani is not in the likely-subtags data, and its macrolanguage (Azerbaijani: Latin) would mislead.
_SCRIPTS_BY_HAND = {"azb": "Arab"}
# A language of which nothing is known is taken to be in Latin script, as CLDR does; so `lus_Latn` is `lus`.
_FALLBACK_SCRIPT = "Latn"
_SCRIPT_FOLLOWS_COUNTRY = frozenset(
    tag.partition("-")[0]
    for tag, likely in LIKELY_SUBTAGS.items()
    if len(tag.partition("-")[2]) in (2, 3)
    and (usual := LIKELY_SUBTAGS.get(tag.partition("-")[0])) is not None
    and usual.split("-")[1] != likely.split("-")[1]
)


def script_follows_country(language: str) -> bool:
    """Whether a language's script depends on the country (zh-TW, uz-AF, sr-ME).

    For such a language, the country in a code may only name the script. For all others it names a regional variety:
    pt-BR.
    """
    return language in _SCRIPT_FOLLOWS_COUNTRY


def usual_script(language: str, region: str | None) -> str:
    """The script that a language (in a region) is usually written in."""
    if language in _SCRIPTS_BY_HAND:
        return _SCRIPTS_BY_HAND[language]
    for tag in (f"{language}-{region}", language):
        if tag in LIKELY_SUBTAGS:
            return str(LIKELY_SUBTAGS[tag].split("-")[1])
    if language in DEFAULT_SCRIPTS:
        return str(DEFAULT_SCRIPTS[language])
    macrolanguage = MACROLANGUAGES.get(language)
    return usual_script(macrolanguage, None) if macrolanguage else _FALLBACK_SCRIPT


def usual_region(language: str, script: str) -> str | None:
    """The region where a language in that script is mainly used, if the tables have it."""
    for tag in (f"{language}-{script}", language):
        likely = LIKELY_SUBTAGS.get(tag, "").split("-")
        if likely[1:2] == [script]:
            return str(likely[2])
    return None
