"""Codes of languages in every standard come down to one, and names are the ones that speakers would know."""

from __future__ import annotations

import unicodedata
from collections import defaultdict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import CorpusError
from core.language.codes import canonical, describe, label

# The 204 columns of FLORES-200, as published.
_FLORES = """
ace_Arab ace_Latn acm_Arab acq_Arab aeb_Arab afr_Latn ajp_Arab aka_Latn amh_Ethi apc_Arab arb_Arab arb_Latn ars_Arab
ary_Arab arz_Arab asm_Beng ast_Latn awa_Deva ayr_Latn azb_Arab azj_Latn bak_Cyrl bam_Latn ban_Latn bel_Cyrl bem_Latn
ben_Beng bho_Deva bjn_Arab bjn_Latn bod_Tibt bos_Latn bug_Latn bul_Cyrl cat_Latn ceb_Latn ces_Latn cjk_Latn ckb_Arab
crh_Latn cym_Latn dan_Latn deu_Latn dik_Latn dyu_Latn dzo_Tibt ell_Grek eng_Latn epo_Latn est_Latn eus_Latn ewe_Latn
fao_Latn fij_Latn fin_Latn fon_Latn fra_Latn fur_Latn fuv_Latn gaz_Latn gla_Latn gle_Latn glg_Latn grn_Latn guj_Gujr
hat_Latn hau_Latn heb_Hebr hin_Deva hne_Deva hrv_Latn hun_Latn hye_Armn ibo_Latn ilo_Latn ind_Latn isl_Latn ita_Latn
jav_Latn jpn_Jpan kab_Latn kac_Latn kam_Latn kan_Knda kas_Arab kas_Deva kat_Geor kaz_Cyrl kbp_Latn kea_Latn khk_Cyrl
khm_Khmr kik_Latn kin_Latn kir_Cyrl kmb_Latn kmr_Latn knc_Arab knc_Latn kon_Latn kor_Hang lao_Laoo lij_Latn lim_Latn
lin_Latn lit_Latn lmo_Latn ltg_Latn ltz_Latn lua_Latn lug_Latn luo_Latn lus_Latn lvs_Latn mag_Deva mai_Deva mal_Mlym
mar_Deva min_Arab min_Latn mkd_Cyrl mlt_Latn mni_Beng mos_Latn mri_Latn mya_Mymr nld_Latn nno_Latn nob_Latn npi_Deva
nso_Latn nus_Latn nya_Latn oci_Latn ory_Orya pag_Latn pan_Guru pap_Latn pbt_Arab pes_Arab plt_Latn pol_Latn por_Latn
prs_Arab quy_Latn ron_Latn run_Latn rus_Cyrl sag_Latn san_Deva sat_Olck scn_Latn shn_Mymr sin_Sinh slk_Latn slv_Latn
smo_Latn sna_Latn snd_Arab som_Latn sot_Latn spa_Latn als_Latn srd_Latn srp_Cyrl ssw_Latn sun_Latn swe_Latn swh_Latn
szl_Latn tam_Taml taq_Latn taq_Tfng tat_Cyrl tel_Telu tgk_Cyrl tgl_Latn tha_Thai tir_Ethi tpi_Latn tsn_Latn tso_Latn
tuk_Latn tum_Latn tur_Latn twi_Latn tzm_Tfng uig_Arab ukr_Cyrl umb_Latn urd_Arab uzn_Latn vec_Latn vie_Latn war_Latn
wol_Latn xho_Latn ydd_Hebr yor_Latn yue_Hant zho_Hans zho_Hant zsm_Latn zul_Latn
"""

# The pairs of Artetxe and Schwenk's Tatoeba set (each against English).
_TATOEBA = """
afr amh ang ara arq arz ast awa aze bel ben ber bos bre bul cat cbk ceb ces cha cmn cor csb cym dan deu dsb dtp ell epo
est eus fao fin fra fry gla gle glg gsw heb hin hrv hsb hun hye ido ile ina ind isl ita jav jpn kab kat kaz khm kor kur
kzj lat lfn lit lvs mal mar max mhr mkd mon nds nld nno nob nov oci orv pam pes pms pol por ron rus slk slv spa sqi srp
swe swg swh tam tat tel tgl tha tuk tur tzl uig ukr urd uzb vie war wuu xho yid yue zsm
"""


FLORES, TATOEBA = _FLORES.split(), _TATOEBA.split()


def by_canonical(codes: list[str]) -> dict[str, list[str]]:
    found = defaultdict(list)
    for code in codes:
        found[canonical(code)].append(code)
    return found


@pytest.mark.parametrize("code", ["es", "spa", "spa_Latn", "es-Latn", "SPA", "Es", "es_latn", " spa "])
def test_every_way_to_write_spanish_is_es(code):
    assert canonical(code) == "es"


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("eng_Latn", "en"),
        ("zho_Hans", "zh"),
        ("cmn", "zh"),
        ("cmn_Hans", "zh"),
        ("zh-Hans", "zh"),
        ("zh-CN", "zh"),
        ("zh-Hans-CN", "zh"),
        ("zho_Hant", "zh-Hant"),
        ("cmn_Hant", "zh-Hant"),
        ("zh-TW", "zh-Hant"),
        ("zh-HK", "zh-Hant-HK"),
        ("zh-Hans-HK", "zh-Hans-HK"),
        ("arb_Arab", "ar"),
        ("ara", "ar"),
        ("arb_Latn", "ar-Latn"),
        ("arz_Arab", "arz"),
        ("acm_Arab", "acm"),
        ("swh", "sw"),
        ("swh_Latn", "sw"),
        ("pes_Arab", "fa"),
        ("prs_Arab", "fa-AF"),
        ("yue_Hant", "yue"),
        ("srp_Cyrl", "sr"),
        ("srp_Latn", "sr-Latn"),
        ("kas_Arab", "ks"),
        ("kas_Deva", "ks-Deva"),
        ("nob_Latn", "nb"),
        ("nno_Latn", "nn"),
        ("kor_Hang", "ko"),
        ("jpn_Jpan", "ja"),
        ("kmr_Latn", "ku"),
        ("ckb_Arab", "ckb"),
        ("azj_Latn", "az"),
        ("azb_Arab", "azb"),
        ("als_Latn", "sq"),
        ("lus_Latn", "lus"),
        ("ace_Latn", "ace"),
        ("ace_Arab", "ace-Arab"),
        ("taq_Tfng", "taq-Tfng"),
        ("aka_Latn", "ak"),
        ("twi_Latn", "tw"),
        ("tgl", "fil"),
        ("ger", "de"),
        ("iw", "he"),
        ("pt-BR", "pt-BR"),
        ("pt_br", "pt-BR"),
        ("en-US", "en-US"),
        ("uz-AF", "uz-Arab"),
        ("ca-valencia", "ca-valencia"),
        ("cat_Latn_vale1252", "ca-valencia"),
        ("apc_Arab_nort3139", "apc-x-nort3139"),
        ("apc-x-nort3139", "apc-x-nort3139"),
        ("kzj", "kzj"),
        ("UA", "uk"),
    ],
)
def test_a_code_comes_down_to_the_shortest_that_tells_it_apart(code, expected):
    assert canonical(code) == expected


def test_no_two_columns_of_flores_collide():
    assert len(FLORES) == len(set(FLORES)) == 204
    assert [codes for codes in by_canonical(FLORES).values() if len(codes) > 1] == []


def test_no_two_columns_of_flores_are_shown_alike():
    labels = [label(code) for code in FLORES]
    assert len(set(labels)) == len(labels)


def test_no_two_pairs_of_tatoeba_collide():
    """IANA has merged kzj into dtp; the published set has both."""
    assert [codes for codes in by_canonical(TATOEBA).values() if len(codes) > 1] == []


@pytest.mark.parametrize(
    ("code", "shown"),
    [
        ("iw", "Hebrew (עברית)"),
        ("zh-CN", "Chinese (中文)"),
        ("pt-BR", "Portuguese, Brazil (português)"),
        ("fil", "Filipino"),
        ("no", "Norwegian (norsk)"),
        ("ua", "Ukrainian (українська)"),
        ("apc_Arab_nort3139", "North Levantine Arabic, nort3139 (العامية)"),
    ],
)
def test_codes_that_people_write_have_names(code, shown):
    assert label(code) == shown


@pytest.mark.parametrize("code", [*FLORES, *TATOEBA, "zh-HK", "zh-Hans-HK", "sr-ME", "uz-AF", "pt-BR", "de-1996"])
def test_canonical_leaves_its_own_answers_alone(code):
    assert canonical(canonical(code)) == canonical(code)


@settings(deadline=None)  # the first call reads the names from disk
@given(st.text(max_size=12) | st.from_regex(r"[a-z]{2,3}([-_][A-Z][a-z]{3})?([-_][A-Z]{2})?", fullmatch=True))
def test_any_text_is_either_a_language_or_refused(text):
    try:
        code = canonical(text)
    except CorpusError:
        return
    assert canonical(code) == code
    assert describe(code).code == code
    assert label(code)


@pytest.mark.parametrize(
    ("code", "why"),
    [
        ("klingonese", "not written like a language code"),
        ("", "not written like"),
        ("xx", "registered"),
        ("es-XX", "registered"),
        ("en-Abcd", "registered"),
        ("qaa", "registered"),
        ("und", "no particular language"),
        ("mul", "no particular language"),
        ("x-mine", "no particular language"),
        ("es-Zzzz", "no particular script"),
        ("en-u-ca-greg", "extensions"),
    ],
)
def test_what_is_no_language_is_refused(code, why):
    with pytest.raises(CorpusError) as caught:
        canonical(code)
    assert caught.value.what == f"language {code!r}"
    assert why in caught.value.why
    assert "'spa_Latn'" in caught.value.instead
    assert caught.value.instead.endswith("'.")


def test_an_english_name_in_place_of_a_code_is_answered_with_the_code():
    with pytest.raises(CorpusError) as caught:
        describe("Spanish")
    assert caught.value.instead.endswith("if you mean Spanish: 'es'.")


@pytest.mark.parametrize(
    ("code", "native"),
    [
        ("spa_Latn", "español"),
        ("jpn", "日本語"),
        ("zho_Hans", "中文"),
        ("rus", "русский"),
        ("arb", "العربية"),
        ("kor_Hang", "한국어"),
        ("tur", "Türkçe"),
        ("hin", "हिन्दी"),
        ("tha", "ไทย"),
        ("deu", "Deutsch"),
        ("fra", "français"),
        ("sr-Latn", "srpski (latinica)"),
    ],
)
def test_a_language_is_named_as_its_speakers_name_it(code, native):
    assert describe(code).native == native


def test_everything_known_of_a_language():
    name = describe("zho_Hant")
    assert (name.code, name.english, name.native) == ("zh-Hant", "Chinese (Traditional)", "中文（繁體）")
    assert (name.script, name.script_code, name.direction) == ("Traditional Han", "Hant", "ltr")


@pytest.mark.parametrize(
    ("code", "script", "script_code"),
    [
        ("es", "Latin", "Latn"),
        ("ru", "Cyrillic", "Cyrl"),
        ("hi", "Devanagari", "Deva"),
        ("zh", "Simplified Han", "Hans"),
        ("ja", "Japanese", "Jpan"),
        ("ko", "Korean", "Kore"),
        ("zh-Hant-HK", "Traditional Han", "Hant"),
        ("az-IR", "Arabic", "Arab"),
        ("ary", "Arabic", "Arab"),
    ],
)
def test_the_script_of_a_language(code, script, script_code):
    assert (describe(code).script, describe(code).script_code) == (script, script_code)


def test_direction_is_that_of_the_letters_of_the_native_name():
    # Unicode's own bidirectional classes, for every native name that is in the language's own script.
    for code in FLORES:
        name = describe(code)
        letters = {unicodedata.bidirectional(char) for char in name.native if char.isalpha()}
        if name.native == name.english:  # no native name is known
            continue
        assert name.direction == ("rtl" if letters & {"R", "AL"} else "ltr"), code


@pytest.mark.parametrize(
    "code", ["acm_Arab", "pbt_Arab", "ace_Arab", "knc_Arab", "azb_Arab", "ydd_Hebr", "ff-Adlm", "dv"]
)
def test_right_to_left_is_known_without_a_native_name(code):
    assert describe(code).direction == "rtl"


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("es", "Spanish (español)"),
        ("en", "English"),
        ("zh", "Chinese (中文)"),
        ("zh-Hant", "Chinese, Traditional (中文)"),
        ("pt-BR", "Portuguese, Brazil (português)"),
        ("sr-Latn", "Serbian, Latin (srpski)"),
        ("ary", "Moroccan Arabic"),
        ("luo", "Luo, Kenya and Tanzania (Dholuo)"),
        ("ca-valencia", "Catalan, valencia (català)"),
    ],
)
def test_labels(code, expected):
    assert label(code) == expected


def test_names_are_values():
    assert describe("spa") == describe("es")
    with pytest.raises(AttributeError):
        describe("es").english = "Castilian"  # type: ignore[misc]
