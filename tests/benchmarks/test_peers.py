"""The comparison with peers: crops, relief and verdicts by explicit cases; the judge here is a mean colour."""

import numpy as np
import pytest
import torch
from PIL import Image

from app.nets.descriptor import Descriptor
from benchmarks.quality.independent_judge import IndependentJudge, shared_relief, square_crops
from benchmarks.quality.peers import Comparison, read_peers, report


def mean_colour(picture):
    return np.asarray(picture, float).mean(axis=(0, 1))


def plain(colour, size=(48, 32)):
    return Image.new("RGB", size, colour)


def noise(seed, low=0, high=255):
    rng = np.random.default_rng(seed)
    return Image.fromarray(rng.integers(low, high, (96, 96, 3), dtype=np.uint8))


@pytest.mark.parametrize(
    ("size", "places"),
    [((40, 20), [(0, 0), (10, 0), (20, 0)]), ((20, 40), [(0, 0), (0, 20)] * 3), ((20, 20), [(0, 0)] * 3)],
)
def test_crops_are_squares_along_the_longer_edge(size, places):
    y, x = np.mgrid[: size[1], : size[0]]
    crops = list(square_crops(Image.fromarray(np.stack([x, y, y], axis=2).astype(np.uint8))))
    assert {crop.size for crop in crops} == {(20, 20)}
    assert [crop.getpixel((0, 0))[:2] for crop in crops] == places


def test_a_distance_is_that_of_the_mean_embeddings():
    judge = IndependentJudge(mean_colour, {"red": plain((200, 0, 0)), "blue": plain((0, 0, 100))})
    assert judge.distances(plain((200, 0, 100))) == pytest.approx({"red": 100, "blue": 200})


def test_equal_pictures_share_all_relief_and_independent_ones_next_to_none():
    photo, one, other = noise(0), noise(1), noise(2)
    assert shared_relief(photo, [one, one]) == pytest.approx(1)
    assert shared_relief(photo, [one, other]) < 0.1


def test_the_photos_own_relief_does_not_count():
    photo = noise(0)
    brighter = photo.point(lambda value: min(255, value // 2 + 100))
    assert shared_relief(photo, [photo, Image.blend(brighter, noise(1), 0.5)]) < 0.2


def test_a_verdict_says_how_near_how_often_right_and_what_is_left_of_the_photo(tmp_path):
    judge = IndependentJudge(mean_colour, {"red": plain((255, 0, 0)), "blue": plain((0, 0, 255))})
    weights = {f"3_{i}": (torch.eye(3).reshape(3, 3, 1, 1), torch.zeros(3)) for i in (1, 2, 3)}
    exact = Descriptor((torch.eye(3), torch.zeros(3)), weights)
    photo = torch.rand(1, 3, 16, 24).repeat_interleave(2, dim=2).repeat_interleave(2, dim=3)  # as pooling leaves it
    reddish, bluish = (torch.zeros(1, 3, 32, 48) for _ in range(2))
    reddish[:, 0] = bluish[:, 2] = 0.8
    verdict = Comparison(judge, exact, {"cat": photo}).verdict(
        "ours", {("cat", "red"): reddish, ("cat", "blue"): reddish}
    )
    assert verdict.distances["red"] == pytest.approx(51)
    assert verdict.named == 0.5
    expected = ((reddish - photo) ** 2).mean() / (photo**2).mean()
    assert verdict.contents["red"] == pytest.approx(float(expected), rel=1e-5)
    assert "| ours | 1" in report([verdict])


def test_peers_pictures_are_read_at_their_photos_size(tmp_path):
    plain((9, 9, 9), (96, 64)).save(tmp_path / "cat.red.jpg")
    plain((9, 9, 9), (96, 64)).save(tmp_path / "dog.red.jpg")
    found = read_peers(tmp_path, {"cat": torch.rand(1, 3, 30, 48)})
    assert {key: picture.shape for key, picture in found.items()} == {("cat", "red"): (1, 3, 30, 48)}
