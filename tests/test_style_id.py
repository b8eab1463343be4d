"""Ids are made from titles, and mean them."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from app.errors import InvalidOption
from app.style_id import StyleId, style_id_of


@pytest.mark.parametrize(
    ("title", "style_id"),
    [
        ("The Great Wave", "the_great_wave"),
        ("Les Nymphéas, 1906", "les_nympheas_1906"),
        ("  Bal du moulin   de la Galette!", "bal_du_moulin_de_la_galette"),
        ("Whistler's Mother", "whistlers_mother"),
        ("Die große Brücke bei Ålesund", "die_grosse_brucke_bei_alesund"),
        ("Łódź – Øya", "lodz_oya"),
        ("STRASSE No. 5", "strasse_no_5"),
        ("Ｆｕｌｌ ① ﬁgure", "full_1_figure"),
        ("a" * 63 + " b", "a" * 63),
        ("42", "42"),
        ("𝒜 Sunday on La Grande Jatte", "a_sunday_on_la_grande_jatte"),
        ("Ａrt™ №Ⅻ", "arttm_noxii"),
        ("Ⓐ 🄱 ℂ ª ½", "a_b_c_a_1_2"),
        ("İstanbul", "istanbul"),
        ("Hawaiʻi, ca. 1900 ©", "hawaii_ca_1900"),
        ("The Wave 🌊", "the_wave"),
    ],
)
def test_an_id_is_the_title_in_plain_letters(title, style_id):
    assert style_id_of(title) == style_id


@pytest.mark.parametrize("title", ["神奈川沖浪裏", "Мona Lisa", "Mona Lisα", "!!!", "", "‮", "💐", "🅰 Wave", "ƒ"])
def test_a_title_that_would_lose_letters_or_has_none_is_refused(title):
    with pytest.raises(InvalidOption, match="id is made from `title`"):
        style_id_of(title)


@given(st.text(max_size=250))
def test_an_id_is_one_whatever_the_title(title):
    with suppress(InvalidOption):
        made = style_id_of(title)
        assert TypeAdapter(StyleId).validate_python(made) == style_id_of(made)
