"""The paintings of a folder: their ids, and what styles.csv says of them."""

import pytest
from tiny_training import write_pictures

from app.training.paintings import StyleImage, UnusablePaintings, list_paintings


@pytest.fixture
def folder(tmp_path):
    write_pictures(tmp_path, 3)  # photo0.jpg, photo1.jpg, photo2.jpg
    return tmp_path


def test_stems_are_ids_in_their_order(folder):
    assert [painting.id for painting in list_paintings(folder)] == ["photo0", "photo1", "photo2"]
    assert list_paintings(folder)[0] == StyleImage("photo0", folder / "photo0.jpg", "Photo0", None, None, None)


def test_only_those_named_in_the_order_of_ids(folder):
    assert [painting.id for painting in list_paintings(folder, ["photo2", "photo0", "photo2"])] == ["photo0", "photo2"]


def test_the_catalogue_gives_title_artist_year_and_licence(folder):
    (folder / "styles.csv").write_text(
        "\ufefffile,title,artist,year,licence\n"
        'photo1.jpg,"Waves, two",Someone,1831,Public domain\n'
        "photo2.jpg,,,about 1500,\n"
        "gone.jpg,Gone,,,\n",
        encoding="utf-8",
    )
    _, second, third = list_paintings(folder)
    assert (second.title, second.artist, second.year, second.licence) == (
        "Waves, two",
        "Someone",
        1831,
        "Public domain",
    )
    assert (third.title, third.artist, third.year, third.licence) == ("Photo2", None, None, None)
    assert [painting.licence for painting in list_paintings(folder, licence="CC0")] == ["CC0", "Public domain", "CC0"]


def test_a_catalogue_of_few_columns_is_enough(folder):
    (folder / "styles.csv").write_text("file,title\nphoto0.jpg,Nought\nphoto1.jpg\n")
    assert [painting.title for painting in list_paintings(folder)] == ["Nought", "Photo1", "Photo2"]


@pytest.mark.parametrize("content", [b"title,artist\nx,y\n", b"\xff\xfe\x00file", b"file\0\nx\n"])
def test_a_catalogue_that_is_none_is_refused(folder, content):
    (folder / "styles.csv").write_bytes(content)
    with pytest.raises(UnusablePaintings, match=r"styles\.csv is no table"):
        list_paintings(folder)


def test_what_cannot_become_a_style_is_refused_by_name(folder):
    with pytest.raises(UnusablePaintings, match="no style image waves in"):
        list_paintings(folder, ["photo1", "waves"])
    write_pictures(folder, 1, suffix=".png")
    with pytest.raises(UnusablePaintings, match="several style images photo0 in"):
        list_paintings(folder)
    (folder / "photo0.png").rename(folder / "Not an Id.png")
    with pytest.raises(UnusablePaintings, match=r"Not an Id\.png is no style id"):
        list_paintings(folder)


def test_an_empty_folder_is_refused(tmp_path):
    with pytest.raises(UnusablePaintings, match="no JPEG, PNG or WebP style image"):
        list_paintings(tmp_path)
