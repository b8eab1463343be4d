"""The photos of a step: a function of seed and step alone, whatever is broken among the files."""

import numpy as np
import pytest
import torch
from PIL import Image, ImageCms
from structlog.testing import capture_logs
from tiny_training import MEMBERS, write_pictures

from app.training.photos import NoPhotos, Photos, UnreadablePicture, list_photos, read_picture
from app.training.recipe import Recipe


def make_photos(folder, styles=5, **members):
    return Photos(list_photos(folder), styles, Recipe.model_validate(MEMBERS | members))


def equal(one, other):
    return torch.equal(one.photos, other.photos) and torch.equal(one.styles, other.styles)


def test_a_sample_depends_on_seed_and_step_alone(inputs):
    folder = inputs / "photos"
    first = make_photos(folder)
    samples = [first.sample(step) for step in range(4)]
    again = make_photos(folder, steps=99)
    for step in (2, 0, 3, 1):
        assert equal(again.sample(step), samples[step])
    assert not equal(samples[0], samples[1])
    assert not equal(make_photos(folder, seed=4).sample(0), samples[0])
    assert not equal(first.sample(0, salt=1), samples[0])


def test_a_sample_is_a_batch_of_crops_and_styles(inputs):
    sample = make_photos(inputs / "photos", batch=5).sample(0)
    assert sample.photos.shape == (5, 3, 64, 64)
    assert sample.photos.dtype == torch.float32
    assert 0 <= sample.photos.min() < sample.photos.max() <= 1
    assert sample.styles.shape == (5,)
    assert sample.styles.dtype == torch.int64


def test_all_styles_and_all_photos_come_up(inputs):
    photos = make_photos(inputs / "photos", batch=64)
    opened = []
    drawn = photos.draw_photo
    photos.draw_photo = lambda rng: opened.append(drawn(rng)) or opened[-1]
    assert set(photos.sample(0).styles.tolist()) == set(range(5))
    assert len({photo.tobytes() for photo in opened}) == 6


def test_styles_come_up_by_their_shares(inputs):
    recipe = Recipe.model_validate(MEMBERS | {"batch": 64})
    photos = Photos(list_photos(inputs / "photos"), 3, recipe, shares=(1, 0.5, 2.5))
    drawn = np.bincount(photos.sample(0).styles.numpy(), minlength=3) + np.bincount(photos.sample(1).styles.numpy())
    np.testing.assert_allclose(drawn / 128, [0.25, 0.125, 0.625], atol=0.1)


def test_equal_shares_draw_what_none_draw(inputs):
    paths, recipe = list_photos(inputs / "photos"), Recipe.model_validate(MEMBERS)
    assert equal(Photos(paths, 3, recipe, shares=(2, 2, 2)).sample(0), Photos(paths, 3, recipe).sample(0))


def test_each_photo_comes_in_several_different_styles(inputs):
    photos = make_photos(inputs / "photos", batch=12, styles_per_photo=4)
    sample = photos.sample(0)
    assert sample.photos.shape[0] == 3
    assert [len(set(styles.tolist())) for styles in sample.styles.reshape(3, 4)] == [4, 4, 4]
    assert torch.equal(sample.repeated, sample.photos[[0] * 4 + [1] * 4 + [2] * 4])


@pytest.mark.parametrize("processes", [1, 2, 3, 4])
def test_the_processes_share_the_batch_of_one(inputs, processes):
    photos = make_photos(inputs / "photos", batch=12)
    whole = photos.sample(7)
    parts = [photos.sample(7, rank=rank, processes=processes) for rank in range(processes)]
    for rank, part in enumerate(parts):
        assert torch.equal(part.photos, whole.photos[rank::processes])
        assert torch.equal(part.styles, whole.styles[rank::processes])


def test_a_share_of_the_crops_is_plain(inputs):
    photos = make_photos(inputs / "photos", plain=0.5, batch=1)
    spread = [photos.sample(step).photos.std(dim=(2, 3)).max().item() for step in range(60)]
    # Half of them within the binomial's three deviations; the photos themselves are full of waves.
    assert 18 <= sum(value < 0.12 for value in spread) <= 42
    assert min(spread) < 0.02
    assert make_photos(inputs / "photos", plain=1).sample(7).photos.shape == (2, 3, 64, 64)


def test_a_stream_is_the_samples_from_its_start(inputs):
    photos = make_photos(inputs / "photos", steps=5)
    streamed = list(photos.stream(2))
    assert len(streamed) == 3
    for step, sample in enumerate(streamed, start=2):
        assert equal(sample, photos.sample(step))


def test_crops_are_cut_out_and_half_of_them_mirrored(tmp_path):
    ramp = np.tile(np.linspace(0, 255, 200).astype(np.uint8)[None, :, None], (150, 1, 3))
    Image.fromarray(ramp).save(tmp_path / "ramp.png")
    crops = make_photos(tmp_path, batch=64, zoom=(1.0, 1.0)).sample(0).photos
    slopes = crops[:, 0, 0, -1] - crops[:, 0, 0, 0]
    # 64 of 200 pixels, so 63/199 of the ramp, rising or falling.
    torch.testing.assert_close(slopes.abs(), torch.full_like(slopes, 63 / 199), atol=0.02, rtol=0)
    assert 16 < (slopes > 0).sum() < 48


def test_zoom_sets_how_much_of_the_photo_a_crop_shows(tmp_path):
    ramp = np.tile(np.linspace(0, 255, 250).astype(np.uint8)[None, :, None], (250, 1, 3))
    Image.fromarray(ramp).save(tmp_path / "ramp.png")
    for zoom in (0.5, 2.0):
        crop = make_photos(tmp_path, zoom=(zoom, zoom)).sample(0).photos[0, 0]
        assert (crop[:, -1] - crop[:, 0]).abs().mean().item() == pytest.approx(64 / zoom / 250, rel=0.05)


def test_a_photo_smaller_than_the_crop_is_enlarged(tmp_path):
    write_pictures(tmp_path, 1, size=(20, 9))
    assert make_photos(tmp_path).sample(0).photos.shape == (2, 3, 64, 64)


def test_listing_takes_pictures_by_name_and_leaves_the_excluded_out(tmp_path):
    write_pictures(tmp_path, 2)
    write_pictures(tmp_path, 1, suffix=".PNG")
    (tmp_path / "notes.txt").write_text("no picture")
    (tmp_path / "folder.jpg").mkdir()
    assert [path.name for path in list_photos(tmp_path, ["photo1.jpg"])] == ["photo0.PNG", "photo0.jpg"]


def test_what_is_no_picture_is_reported_and_left_out(tmp_path):
    write_pictures(tmp_path, 2)
    (tmp_path / "text.jpg").write_text("not a picture at all")
    (tmp_path / "empty.png").touch()
    Image.new("RGB", (9, 9)).save(tmp_path / "gif.jpg", "GIF")
    with capture_logs() as logs:
        assert [path.name for path in list_photos(tmp_path)] == ["photo0.jpg", "photo1.jpg"]
    assert {log["path"] for log in logs} == {str(tmp_path / name) for name in ("text.jpg", "empty.png", "gif.jpg")}


@pytest.mark.parametrize("names", [[], ["text.jpg"], ["notes.txt"]])
def test_a_folder_without_photos_is_an_error(tmp_path, names):
    for name in names:
        (tmp_path / name).write_text("text")
    with pytest.raises(NoPhotos, match="no JPEG, PNG or WebP photo"):
        list_photos(tmp_path)


def truncate(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


@pytest.mark.parametrize("suffix", [".jpg", ".png"])
def test_another_photo_takes_the_place_of_one_that_breaks_off(tmp_path, suffix):
    write_pictures(tmp_path, 2, suffix=suffix)
    truncate(tmp_path / f"photo1{suffix}")
    photos = make_photos(tmp_path, batch=16)
    assert len(photos.paths) == 2  # it begins like a picture
    with capture_logs() as logs:
        sample = photos.sample(0)
        assert equal(make_photos(tmp_path, batch=16).sample(0), sample)  # to the same result, too
        photos.sample(1)
    assert sample.photos.shape == (16, 3, 64, 64)
    assert [log["path"] for log in logs if log["event"] == "photo_broken"] == [str(tmp_path / f"photo1{suffix}")] * 2


def test_a_webp_that_breaks_off_is_already_left_out_of_the_list(tmp_path):
    write_pictures(tmp_path, 2, suffix=".webp")
    truncate(tmp_path / "photo1.webp")
    assert [path.name for path in list_photos(tmp_path)] == ["photo0.webp"]


def test_a_photo_that_disappears_is_replaced_too(tmp_path):
    write_pictures(tmp_path, 3)
    photos = make_photos(tmp_path, batch=16)
    (tmp_path / "photo2.jpg").unlink()
    assert photos.sample(0).photos.shape == (16, 3, 64, 64)


def test_a_folder_of_broken_photos_ends_the_training(tmp_path):
    write_pictures(tmp_path, 2)
    photos = make_photos(tmp_path)
    for path in photos.paths:
        truncate(path)
    with pytest.raises(NoPhotos, match="20 photos in a row"):
        photos.sample(0)


def test_a_picture_is_read_upright_at_its_longer_edge(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # lies on its side
    Image.new("RGB", (40, 20), (255, 0, 51)).save(tmp_path / "a.jpg", exif=exif, quality=95)
    picture = read_picture(tmp_path / "a.jpg", 80)
    assert picture.shape == (1, 3, 80, 40)
    torch.testing.assert_close(picture.mean(dim=(0, 2, 3)), torch.tensor([1.0, 0.0, 0.2]), atol=0.02, rtol=0)


def test_profiles_and_transparency_count_as_they_do_for_the_routes(tmp_path):
    """Red and green of the profile are exchanged; the right half is transparent black."""
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    exchanged = srgb.replace(b"rXYZ", b"????").replace(b"gXYZ", b"rXYZ").replace(b"????", b"gXYZ")
    pixels = np.zeros((32, 64, 4), np.uint8)
    pixels[:, :32] = (200, 40, 40, 255)
    Image.fromarray(pixels).save(tmp_path / "a.png", icc_profile=exchanged)
    picture = read_picture(tmp_path / "a.png", 64)
    torch.testing.assert_close(picture[0, :, 16, 8] * 255, torch.tensor([40.0, 200.0, 40.0]), atol=2, rtol=0)
    assert picture[0, :, 16, 56].min() == 1


def test_a_picture_that_cannot_be_read_is_named(tmp_path):
    (tmp_path / "a.jpg").write_text("text")
    with pytest.raises(UnreadablePicture, match=r"a\.jpg cannot be read as a picture"):
        read_picture(tmp_path / "a.jpg", 80)
