"""Gamma and beta of the last norm are fitted so that colours are the style image's, and nothing else is touched."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tiny_training import make_trainer

from app.imaging.palette import oklab as oklab_of_pixels
from app.nets.architectures import build_generator
from app.nets.norm import StyleRows
from app.training.palette import fit, fit_palettes, last_inputs, moments, oklab, pixels


@pytest.fixture
def generator():
    return build_generator("compact", {"widths": (8, 8), "blocks": 1}, "instance").eval()


@pytest.fixture
def photos():
    return torch.rand(2, 3, 64, 48, generator=torch.Generator().manual_seed(1))


def distance(generator, rows, row, photos, style_image) -> float:
    with torch.no_grad():
        painted = generator(photos, *rows(torch.full((len(photos),), row)))
    return sum(
        float((found - wanted).square().mean())
        for found, wanted in zip(moments(pixels(painted)), moments(pixels(style_image)), strict=True)
    )


def stripes(*colours):
    """A style image of these colours, (1, 3, 40, 40)."""
    columns = torch.tensor(colours).repeat_interleave(40 // len(colours), dim=0)
    return columns.T[None, :, None].expand(1, 3, 40, 40)


def test_colours_come_near_to_each_style_images_and_nothing_else_moves(generator, photos):
    rows = StyleRows(2, generator.features)
    before = [rows.gamma.detach().clone(), rows.beta.detach().clone()]
    images = [stripes((0.9, 0.85, 0.6), (0.1, 0.1, 0.2)), stripes((0.6, 0.2, 0.1), (0.2, 0.4, 0.7))]
    far = [distance(generator, rows, row, photos, image) for row, image in enumerate(images)]
    fit_palettes(generator, rows, images, photos, shares=[1, 1])
    near = [distance(generator, rows, row, photos, image) for row, image in enumerate(images)]
    assert all(now < 0.8 * once for now, once in zip(near, far, strict=True))
    width = generator.widths[-1]
    for now, once in zip((rows.gamma, rows.beta), before, strict=True):
        assert torch.equal(now[:, :-width], once[:, :-width])
        assert not torch.equal(now[0, -width:], now[1, -width:])


def test_a_share_is_so_much_of_the_way_and_none_changes_nothing(generator, photos):
    images = [stripes((0.9, 0.85, 0.6), (0.1, 0.1, 0.2))]
    values = {}
    for share in (0.0, 0.25, 1.0):
        rows = StyleRows(1, generator.features)
        once = rows.beta.detach().clone()
        fit_palettes(generator, rows, images, photos, [share])
        values[share] = (rows.beta - once).detach()
    assert not values[0.0].any()
    torch.testing.assert_close(values[0.25], 0.25 * values[1.0])


def test_colours_that_can_be_had_exactly_are_found(generator, photos):
    rows = StyleRows(1, generator.features)
    inputs = last_inputs(generator, rows, 0, photos)
    known = torch.tensor([[0.7, 1.6, 1.1], [0.4, -0.8, 0.1]])
    wanted = moments(torch.sigmoid(inputs * known[0] + known[1]))
    found = moments(
        torch.sigmoid(inputs * (values := fit(torch.tensor([[1.0] * 3, [0.0] * 3]), inputs, wanted))[0] + values[1])
    )
    for one, other in zip(found, wanted, strict=True):
        torch.testing.assert_close(one, other, atol=0.01, rtol=0)


def test_oklab_is_that_of_images():
    values = torch.randint(0, 256, (1, 500, 3), generator=torch.Generator().manual_seed(2))
    expected = oklab_of_pixels(values[0].numpy().astype(np.uint8))
    torch.testing.assert_close(oklab(values / 255)[0], torch.tensor(expected).float(), atol=1e-3, rtol=0)


def test_a_training_that_is_told_to_ends_with_it(inputs):
    usual = make_trainer(inputs)
    fitted = make_trainer(inputs, palette_share=1, palette_shares={usual.targets[1]: 0})
    images = [torch.rand(1, 3, 40, 40, generator=torch.Generator().manual_seed(style)) for style in range(2)]
    (generator, rows), (same_generator, moved) = usual.finished(images), fitted.finished(images)
    width = generator.widths[-1]
    assert all(
        torch.equal(one, other) for one, other in zip(generator.parameters(), same_generator.parameters(), strict=True)
    )
    assert torch.equal(rows.gamma[:, :-width], moved.gamma[:, :-width])
    assert (rows.gamma[0, -width:] != moved.gamma[0, -width:]).all()
    assert torch.equal(rows.gamma[1], moved.gamma[1])


def test_batch_normalisation_has_no_palettes(inputs):
    with pytest.raises(ValueError, match="instance normalisation"):
        make_trainer(inputs, norm="batch", palette_share=0.5)
