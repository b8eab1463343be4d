"""The card of a version: what it was made from, and its scores."""

from app.model_builds.card import write_card
from app.model_builds.scores import Scores
from app.registry.manifest import Style, StyleLosses
from app.training.recipe import Recipe

STYLES = [Style(id="dots", title="Dots", artist="A. Painter", year=1901, licence="CC0")]
SCORES = Scores(("a.jpg", "b.jpg"), {"dots": StyleLosses(style=0.25, content=0.5)})


def card(**recipe):
    return write_card("tiny", Recipe(steps=7, **recipe), STYLES, SCORES, "slim", "9 photos", "Looked at.")


def test_a_card_says_how_a_model_was_made_and_what_it_scored():
    made = card(batch=2)
    assert made.startswith("# tiny\n\nA `compact` generator with 1 style, trained for 7 steps of 2 crops of 256 px")
    assert "content relu4_2 with weight 0.1), on 9 photos.\n\nLooked at.\n" in made
    assert "| style | work | style loss | content loss |" in made
    assert "| `dots` | Dots, A. Painter, 1901 | 0.2500 | 0.5000 |" in made
    assert made.endswith("Photos: a.jpg, b.jpg.\n")


def test_the_card_of_textures_knows_no_photos_and_no_content():
    made = card(architecture="texture", batch=1)
    assert "of 1 crop of 256 px" in made
    assert "relu5_1), from noise alone." in made
    assert "textures in the sizes of 2 photos" in made
    assert made.endswith("| `dots` | Dots, A. Painter, 1901 | 0.2500 |\n| **mean** |  | **0.2500** |\n")
