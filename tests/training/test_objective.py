"""The objective: balanced losses against each sample's own painting, by explicit arithmetic."""

import pytest
import torch
from tiny_training import CHANNELS, MEMBERS, random_vgg

from app.losses import border_step, grid_energy, halo_step, power_spectrum, shared_relief, spectrum_excess
from app.nets.descriptor import load_descriptor
from app.training.objective import MissingLayer, Objective, lone_area
from app.training.recipe import Recipe


def make_objective(paintings, weights=(1.0, 1.0), **members):
    return Objective(load_descriptor(random_vgg()), paintings, weights, Recipe.model_validate(MEMBERS | members))


@pytest.fixture
def paintings():
    torch.manual_seed(0)
    return [torch.rand(1, 3, 40, 56), torch.rand(1, 3, 64, 48)]


def gram(feature):
    flat = feature.double().flatten(1)
    return flat @ flat.T / flat.shape[1]


def test_losses_are_those_of_each_samples_own_style(paintings):
    bare = {"grid_weight": 0, "spectrum_weight": 0, "border_weight": 0}
    objective = make_objective(paintings, weights=(2.0, 0.5), content_weight=0.3, **bare)
    descriptor = load_descriptor(random_vgg())
    painted, photos, styles = torch.rand(3, 3, 32, 32), torch.rand(3, 3, 32, 32), [1, 0, 1]
    losses = objective(painted, photos, torch.tensor(styles))
    for b, style in enumerate(styles):
        parts = []
        for layer in ("relu1_1", "relu2_1"):
            G = gram(descriptor(painted[b : b + 1], [layer])[layer][0])
            A = gram(descriptor(paintings[style], [layer])[layer][0])
            parts.append(((G - A) ** 2).sum() / (A**2).sum())
        F, P = (descriptor(x[b : b + 1], ["relu2_2"])["relu2_2"].double() for x in (painted, photos))
        content = ((F - P) ** 2).sum() / (P**2).sum()
        assert losses.style[b].item() == pytest.approx(sum(parts).item() / 2, rel=1e-4)
        assert losses.content[b].item() == pytest.approx(content.item(), rel=1e-4)
        total = (2.0, 0.5)[style] * sum(parts).item() / 2 + 0.3 * content.item()
        assert losses.total[b].item() == pytest.approx(total, rel=1e-4)


def test_several_pictures_of_one_photo_have_the_losses_they_have_alone(paintings):
    objective = make_objective(paintings)
    painted, photos, styles = torch.rand(4, 3, 32, 32), torch.rand(2, 3, 32, 32), torch.tensor([0, 1, 1, 0])
    together = objective(painted, photos, styles)
    alone = objective(painted, photos[[0, 0, 1, 1]], styles)
    for name in ("total", "style", "content", "traces"):
        torch.testing.assert_close(getattr(together, name), getattr(alone, name))


def with_head(layer, channels, mapped):
    rng = torch.Generator().manual_seed(1)
    name = layer.removeprefix("relu").replace("_", "")
    tensors = {key.replace("conv1_", "conv1").replace("conv2_", "conv2"): value for key, value in random_vgg().items()}
    tensors |= {"conv0.weight": torch.eye(3)[..., None, None], "conv0.bias": torch.zeros(3)}
    tensors[f"conv{name}_aux.weight"] = torch.randn(mapped, channels, 1, 1, generator=rng)
    tensors[f"conv{name}_aux.bias"] = torch.zeros(mapped)
    return load_descriptor(tensors)


def test_detail_is_a_content_loss_in_the_channels_of_the_larger_network(paintings):
    descriptor = with_head("relu2_1", CHANNELS["2_1"], 5)
    bare, full = (
        Objective(
            descriptor,
            paintings,
            (1.0, 1.0),
            Recipe.model_validate(MEMBERS | {"detail_layer": "relu2_1", "detail_weight": weight}),
        )
        for weight in (0, 3)
    )
    painted, photos, styles = torch.rand(4, 3, 32, 32), torch.rand(2, 3, 32, 32), torch.tensor([0, 1, 1, 0])
    added = full(painted, photos, styles).total - bare(painted, photos, styles).total
    head = descriptor.heads["relu2_1"]
    F, P = (torch.relu(head(descriptor(x, ["relu2_1"])["relu2_1"])) for x in (painted, photos[[0, 0, 1, 1]]))
    expected = (F - P).square().mean(dim=(1, 2, 3)) / P.square().mean(dim=(1, 2, 3))
    torch.testing.assert_close(added, 3 * expected, rtol=1e-4, atol=1e-4)


def test_a_plain_photo_has_no_detail_to_hold_on_to(paintings):
    recipe = Recipe.model_validate(MEMBERS | {"detail_layer": "relu2_1", "detail_weight": 1})
    objective = Objective(with_head("relu2_1", CHANNELS["2_1"], 5), paintings, (1.0, 1.0), recipe)
    plain, painted = torch.full((1, 3, 32, 32), 1e-3), torch.rand(1, 3, 32, 32)
    features, seen = (objective.descriptor(x, ["relu2_1"]) for x in (painted, plain))
    assert objective.detail(features, seen) < 10


def test_detail_needs_a_head(paintings):
    with pytest.raises(MissingLayer, match="no head of relu2_1"):
        make_objective(paintings, detail_layer="relu2_1", detail_weight=1)


def test_shared_relief_counts_by_its_weight(paintings):
    bare, full = (make_objective(paintings, relief_weight=weight) for weight in (0, 3))
    painted, photos, styles = torch.rand(4, 3, 32, 32), torch.rand(2, 3, 32, 32), torch.tensor([0, 1, 1, 0])
    added = full(painted, photos, styles).total - bare(painted, photos, styles).total
    assert shared_relief(painted, photos).amin() > 0
    torch.testing.assert_close(added, 3 * shared_relief(painted, photos))


def test_layers_count_by_their_weights_in_what_is_minimised_and_alike_in_what_is_told(paintings):
    bare = {"grid_weight": 0, "spectrum_weight": 0, "border_weight": 0, "halo_weight": 0, "content_weight": 0}
    painted, photos, styles = torch.rand(1, 3, 32, 32), torch.rand(1, 3, 32, 32), torch.tensor([0])
    first, second, plain, weighed = (
        make_objective(paintings, **bare, **members)(painted, photos, styles)
        for members in (
            {"style_layers": ("relu1_1",)},
            {"style_layers": ("relu2_1",)},
            {},
            {"layer_weights": {"relu2_1": 3.0}},
        )
    )
    torch.testing.assert_close(weighed.total, (first.total + 3 * second.total) / 4)
    torch.testing.assert_close(weighed.style, plain.style)
    assert weighed.traces.item() == 0


def test_the_painting_itself_has_no_style_loss_and_the_photo_no_content_loss(paintings):
    objective = make_objective(paintings)
    losses = objective(paintings[0], paintings[0], torch.tensor([0]))
    assert losses.style.item() == pytest.approx(0, abs=1e-10)
    assert losses.content.item() == 0


def test_the_grid_counts_in_every_picture_and_the_border_where_the_photo_is_flat(paintings):
    weights = ((0, 0), (50, 5))
    bare, both = (make_objective(paintings, grid_weight=g, spectrum_weight=0, border_weight=b) for g, b in weights)
    painted = torch.rand(2, 3, 64, 64)
    photos = torch.stack([torch.rand(3, 64, 64), torch.full((3, 64, 64), 0.4)])
    styles = torch.tensor([0, 1])
    losses = both(painted, photos, styles)
    border = torch.tensor([0.0, 5.0]) * border_step(painted)
    torch.testing.assert_close(losses.traces, 50 * grid_energy(painted) + border)
    torch.testing.assert_close(losses.total, bare(painted, photos, styles).total + losses.traces)


def test_grain_counts_where_the_samples_own_painting_has_less(paintings):
    objective = make_objective(paintings, grid_weight=0, spectrum_weight=2, border_weight=0)
    smooth = torch.rand(2, 3, 64, 64) * torch.tensor([0.01, 1.0])[:, None, None, None]
    losses = objective(smooth, torch.rand(2, 3, 64, 64), torch.tensor([0, 0]))
    assert losses.traces[0] == 0
    assert objective(10 * smooth, torch.rand(2, 3, 64, 64), torch.tensor([0, 0])).traces[1] > 1
    swapped = objective(smooth, torch.rand(2, 3, 64, 64), torch.tensor([0, 1]))
    expected = 2 * spectrum_excess(power_spectrum(smooth[1:]), power_spectrum(paintings[1]))
    torch.testing.assert_close(swapped.traces[1:], expected)


def scene_with_bar(sides=(0.3, 0.7), noise=0.01):
    photo = torch.full((1, 3, 128, 160), sides[0])
    photo[..., 100:] = sides[1]
    return photo + noise * torch.randn(photo.shape, generator=torch.Generator().manual_seed(0))


def test_a_lone_edge_is_known_by_its_plain_sides(paintings):
    area, alone = lone_area(scene_with_bar())
    assert alone.tolist() == [1]
    assert torch.equal(area[0, 0], (torch.arange(160) >= 100).float().expand(128, 160))
    for other in (scene_with_bar(sides=(0.5, 0.6)), scene_with_bar(noise=0.08), torch.rand(1, 3, 128, 160)):
        assert lone_area(other)[1].tolist() == [0]
    assert lone_area(torch.full((1, 3, 64, 64), 0.4))[1].tolist() == [0]


def test_the_halo_counts_around_a_lone_edge_and_nowhere_else(paintings):
    bare, haloed = (make_objective(paintings, halo_weight=h) for h in (0, 20))
    photos = torch.cat([scene_with_bar(), torch.rand(1, 3, 128, 160)])
    painted, styles = torch.rand(2, 3, 128, 160), torch.tensor([0, 1])
    more = haloed(painted, photos, styles).total - bare(painted, photos, styles).total
    halo = 20 * halo_step(painted[:1], lone_area(photos[:1])[0])
    assert halo.item() > 0
    torch.testing.assert_close(more, torch.tensor([halo.item(), 0]), rtol=1e-3, atol=1e-6)


def test_nothing_of_it_is_trained(paintings):
    assert not any(p.requires_grad for p in make_objective(paintings).parameters())


def test_layers_that_the_loss_network_lacks_are_named(paintings):
    with pytest.raises(MissingLayer, match="no layer relu4_1, relu5_1"):
        make_objective(paintings, style_layers=("relu1_1", "relu5_1"), content_layer="relu4_1")


def test_a_photo_with_nothing_in_it_weighs_no_more_than_others(paintings):
    objective = make_objective(paintings)
    photos = torch.stack([torch.rand(3, 64, 64), torch.full((3, 64, 64), 1e-4)])
    content = objective(torch.rand(2, 3, 64, 64), photos, torch.tensor([0, 1])).content
    assert 0.1 < content[1] / content[0] < 100
