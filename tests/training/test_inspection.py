"""A folder of photos is looked at before a training: what is in it, and whether it would do."""

import pytest
from PIL import Image
from tiny_training import write_pictures

from app.training.inspection import UnusablePhotos, inspect_photos
from app.training.photos import NoPhotos


@pytest.fixture
def photos(tmp_path):
    write_pictures(tmp_path / "photos", 9, (180, 140))
    return tmp_path / "photos"


def test_what_is_usable_is_listed_by_name(photos):
    (photos / "notes.txt").write_text("no photo")
    (photos / "folder.jpg").mkdir()
    found = inspect_photos(photos)
    assert [path.name for path in found.usable] == [f"photo{number}.jpg" for number in range(9)]
    assert (found.broken, found.small) == ((), ())


def test_what_cannot_be_used_is_named_and_left_out(photos):
    (photos / "a.jpg").write_bytes(b"no picture")
    whole = (photos / "photo3.jpg").read_bytes()
    (photos / "photo3.jpg").write_bytes(whole[: len(whole) // 2])
    Image.new("RGB", (500, 127)).save(photos / "b.png")
    found = inspect_photos(photos)
    assert found.broken == ("a.jpg", "photo3.jpg")
    assert found.small == ("b.png",)
    assert len(found.usable) == 8


def test_photos_that_are_kept_out_do_not_count(photos):
    assert len(inspect_photos(photos, ["photo2.jpg", "not there.jpg"]).usable) == 8
    with pytest.raises(UnusablePhotos, match="There are 7 photos to train on"):
        inspect_photos(photos, ["photo2.jpg", "photo5.jpg"])


def test_too_few_photos_are_counted_with_what_is_wrong_with_the_others(photos):
    for number in range(3):
        (photos / f"photo{number}.jpg").write_bytes(b"")
    Image.new("RGB", (64, 64)).save(photos / "small.png")
    with pytest.raises(UnusablePhotos, match=r"There are 6 .* and 8 are needed.* 3 cannot be read, 1 are smaller"):
        inspect_photos(photos)


def test_a_folder_of_broken_photos_is_refused_as_such(photos):
    for path in sorted(photos.iterdir())[:6]:
        path.write_bytes(path.read_bytes()[:900])
    with pytest.raises(UnusablePhotos, match=r"6 of 9 photos in .* break off in the middle"):
        inspect_photos(photos, fewest=1)


def test_a_folder_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(NoPhotos, match="cannot be read: No such file or directory"):
        inspect_photos(tmp_path / "nowhere")
