import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from app.engine.tiling import mirrored_places, samples, spans
from app.nets.generators import mirrored, pad_to_multiple


@given(st.integers(1, 900), st.integers(1, 130), st.sampled_from([4, 16]), st.integers(0, 400))
def test_what_is_kept_covers_the_edge_and_all_of_it_is_seen_with_what_lies_around(edge, overlap, multiple, more):
    edge *= multiple
    most = 2 * overlap + 4 * multiple + more
    found = spans(edge, most, overlap, multiple)
    assert [span.first for span in found] == [0, *(span.last for span in found[:-1])]
    assert found[-1].last == edge
    for span in found:
        assert span.first < span.last
        assert span.stop - span.start <= max(most, 0)
        assert span.start == 0 or span.first - span.start >= overlap
        assert span.stop == edge or span.stop - span.last >= overlap
        assert all(place % multiple == 0 for place in (span.start, span.stop, span.first, span.last))


def test_an_edge_that_can_be_seen_at_once_is_one_span():
    assert [(span.start, span.stop) for span in spans(1280, 1280, 96, 16)] == [(0, 1280)]


@pytest.mark.parametrize(("height", "width"), [(4000, 3000), (300, 12_000), (12_000, 256), (2000, 2000)])
def test_samples_lie_within_the_picture_and_spread_over_it(height, width):
    found = list(samples(height, width, 16, 256, 16))
    assert 8 <= len(found) <= 20
    for top, left in found:
        assert top % 16 == left % 16 == 0
        assert 0 <= top <= height - min(256, height)
        assert 0 <= left <= width - min(256, width)
    assert len(set(found)) == len(found)
    # Two squares are nearer to each other than a third of the longer edge.
    longer = sorted(place[height < width] for place in found)
    assert np.diff([0, *longer, max(height, width)]).max() < max(height, width) / 2


@given(st.integers(1, 90), st.sampled_from([0, 6, 8]))
def test_a_mirrored_place_is_that_of_the_padded_picture(edge, margin):
    smallest, multiple = 32, 16
    picture = torch.arange(edge).float()[None, None, None].expand(1, 1, 64, edge)
    expected = pad_to_multiple(picture, multiple, smallest, margin)[0, 0, 0].long().numpy()
    whole = max(edge, smallest) + sum(mirrored(max(edge, smallest), multiple, margin))
    assert len(expected) == whole
    assert np.array_equal(mirrored_places(0, whole, edge, smallest, margin), expected)
    assert np.array_equal(mirrored_places(16, whole, edge, smallest, margin), expected[16:])
