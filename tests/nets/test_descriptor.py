"""The descriptor: every weight layout gives the features that its network is defined to have."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from app.nets.descriptor import STYLE_LAYERS, UnknownLayout, load_descriptor

# Positions in torchvision's `features`, written down from the published tables of the two networks.
VGG16_POSITIONS = {
    "1_1": 0, "1_2": 2, "2_1": 5, "2_2": 7, "3_1": 10, "3_2": 12, "3_3": 14,
    "4_1": 17, "4_2": 19, "4_3": 21, "5_1": 24, "5_2": 26, "5_3": 28,
}  # fmt: skip
VGG19_POSITIONS = {
    "1_1": 0, "1_2": 2, "2_1": 5, "2_2": 7, "3_1": 10, "3_2": 12, "3_3": 14, "3_4": 16,
    "4_1": 19, "4_2": 21, "4_3": 23, "4_4": 25, "5_1": 28, "5_2": 30, "5_3": 32, "5_4": 34,
}  # fmt: skip
CHANNELS = {"1": 4, "2": 6, "3": 8, "4": 10, "5": 12}
MEAN, STD = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
MEAN_BGR = torch.tensor([103.939, 116.779, 123.68])


def random_convolutions(names, seed=0):
    """A narrow VGG by convolution name, its values kept near 1 through all layers."""
    rng = torch.Generator().manual_seed(seed)
    convolutions, inputs = {}, 3
    for name in names:
        outputs = CHANNELS[name[0]]
        weight = torch.randn(outputs, inputs, 3, 3, generator=rng) * (2 / (9 * inputs)) ** 0.5
        convolutions[name] = (weight, 0.1 * torch.randn(outputs, generator=rng))
        inputs = outputs
    return convolutions


def state_dict(pattern, convolutions):
    """Tensors under the names of a layout; `pattern` turns a convolution's name into its own."""
    named = {pattern(name): pair for name, pair in convolutions.items()}
    return {f"{key}.{part}": tensor for key, pair in named.items() for part, tensor in zip(("weight", "bias"), pair)}  # noqa: B905


def torchvision(positions, convolutions):
    return state_dict(lambda name: f"features.{positions[name]}", convolutions)


def original(convolutions):
    return state_dict(lambda name: f"conv{name}", convolutions)


def distilled(convolutions, heads, conv0):
    tensors = state_dict(lambda name: "conv" + name.replace("_", ""), convolutions)
    tensors |= state_dict(lambda name: "conv" + name.replace("_", "") + "_aux", heads)
    return tensors | state_dict(lambda name: name, {"conv0": conv0})


def by_definition(prepared, convolutions, mode):
    """1409.1556: 3x3 convolutions with one pixel of padding and a ReLU each, 2x2 maximum before each further block."""
    features, h = {}, prepared
    for name, (weight, bias) in convolutions.items():
        if name.endswith("_1") and name != "1_1":
            h = F.max_pool2d(h, kernel_size=2, stride=2)
        h = torch.clamp_min(F.conv2d(F.pad(h, (1, 1, 1, 1), mode=mode), weight, bias), 0)
        features[f"relu{name}"] = h
    return features


def channels(values):
    return values.reshape(1, 3, 1, 1)


@pytest.fixture
def picture():
    return torch.rand(2, 3, 40, 36, generator=torch.Generator().manual_seed(7))


@pytest.mark.parametrize("positions", [VGG16_POSITIONS, VGG19_POSITIONS], ids=["vgg16", "vgg19"])
def test_torchvision_weights_see_normalised_rgb(positions, picture):
    convolutions = random_convolutions(positions)
    descriptor = load_descriptor(torchvision(positions, convolutions))
    assert descriptor.layers == tuple(f"relu{name}" for name in positions)
    expected = by_definition((picture - channels(MEAN)) / channels(STD), convolutions, "constant")
    features = descriptor(picture, descriptor.layers)
    for layer in descriptor.layers:
        torch.testing.assert_close(features[layer], expected[layer], atol=1e-5, rtol=1e-5)


def test_a_classifier_behind_the_features_is_ignored(picture):
    tensors = torchvision(VGG16_POSITIONS, random_convolutions(VGG16_POSITIONS))
    tensors |= {"classifier.0.weight": torch.ones(5, 5), "classifier.0.bias": torch.ones(5)}
    assert len(load_descriptor(tensors).layers) == 13


def test_original_weights_see_bgr_in_0_to_255_without_its_mean(picture):
    convolutions = random_convolutions(VGG19_POSITIONS)
    features = load_descriptor(original(convolutions))(picture)
    prepared = 255 * picture[:, [2, 1, 0]] - channels(MEAN_BGR)
    expected = by_definition(prepared, convolutions, "constant")
    for layer in STYLE_LAYERS:
        torch.testing.assert_close(features[layer], expected[layer], atol=2e-3, rtol=1e-5)


def test_the_same_network_in_both_layouts_has_the_same_features(picture):
    convolutions = random_convolutions(VGG19_POSITIONS)
    weight, bias = convolutions["1_1"]
    # By hand: 255 bgr - m = 255 (std z + mean) - m, where z is what torchvision's first convolution sees.
    rgb = weight.flip(1)
    shift = (255 * MEAN - MEAN_BGR.flip(0)) * rgb.sum(dim=(2, 3))
    same = convolutions | {"1_1": (rgb * channels(255 * STD), bias + shift.sum(dim=1))}
    ours = load_descriptor(original(convolutions))(picture, ["relu1_1", "relu2_1"])
    theirs = load_descriptor(torchvision(VGG19_POSITIONS, same))(picture, ["relu1_1", "relu2_1"])
    # The two pad with slightly different colours, both near the mean of all photos: without the borders then.
    for layer, border in (("relu1_1", 1), ("relu2_1", 2)):
        inner = (slice(None), slice(None), slice(border, -border), slice(border, -border))
        torch.testing.assert_close(ours[layer][inner], theirs[layer][inner], atol=2e-3, rtol=1e-5)


@pytest.fixture
def distilled_parts():
    names = [name for name in VGG19_POSITIONS if name <= "5_1"]
    convolutions = random_convolutions(names)
    heads = {
        f"{block}_1": (
            torch.randn(16, width, 1, 1, generator=torch.Generator().manual_seed(int(block))),
            torch.ones(16),
        )
        for block, width in CHANNELS.items()
    }
    # RGB in 0..1 to BGR in 0..255 without the mean, as a 1x1 convolution.
    conv0 = (255 * torch.eye(3).flip(0).reshape(3, 3, 1, 1), -MEAN_BGR)
    return convolutions, heads, conv0


def test_distilled_weights_see_conv0_mirror_borders_and_map_to_the_large_network(distilled_parts, picture):
    convolutions, heads, conv0 = distilled_parts
    descriptor = load_descriptor(distilled(convolutions, heads, conv0))
    expected = by_definition(255 * picture[:, [2, 1, 0]] - channels(MEAN_BGR), convolutions, "reflect")
    features = descriptor(picture)
    mapped = descriptor.mapped(features)
    assert mapped.keys() == set(STYLE_LAYERS)
    for layer in STYLE_LAYERS:
        torch.testing.assert_close(features[layer], expected[layer], atol=2e-3, rtol=1e-5)
        weight, bias = heads[layer[4:]]
        by_hand = torch.einsum("oi,bihw->bohw", weight[:, :, 0, 0], expected[layer]) + bias.reshape(1, -1, 1, 1)
        torch.testing.assert_close(mapped[layer], by_hand.clamp_min(0), atol=2e-2, rtol=1e-4)


def test_our_own_layout_is_the_state_dict_of_a_descriptor(distilled_parts, picture):
    descriptor = load_descriptor(distilled(*distilled_parts))
    again = load_descriptor(descriptor.state_dict())
    for layer, feature in descriptor(picture).items():
        assert torch.equal(again(picture)[layer], feature)
        assert torch.equal(again.mapped(again(picture))[layer], descriptor.mapped(descriptor(picture))[layer])


def test_half_precision_files_are_read(picture):
    convolutions = {name: (w.half(), b.half()) for name, (w, b) in random_convolutions(["1_1", "1_2"]).items()}
    descriptor = load_descriptor(original(convolutions))
    assert descriptor.dtype == torch.float32
    assert descriptor(picture, ["relu1_2"])["relu1_2"].dtype == torch.float32


@pytest.fixture
def descriptor():
    return load_descriptor(original(random_convolutions(VGG19_POSITIONS)))


def test_everything_is_frozen_but_gradients_reach_the_picture(descriptor, picture):
    assert not any(p.requires_grad for p in descriptor.parameters())
    picture.requires_grad_()
    descriptor(picture)["relu5_1"].sum().backward()
    assert picture.grad.abs().sum() > 0


def test_gradients_are_those_of_finite_differences(picture):
    """Along one random direction; the differences are those of the definition in float64."""
    convolutions = random_convolutions(["1_1", "1_2", "2_1", "2_2"])
    direction = torch.randn(picture.shape, generator=torch.Generator().manual_seed(1))
    layers = ["relu1_1", "relu2_2"]
    picture.requires_grad_()
    features = load_descriptor(original(convolutions))(picture, layers)
    sum(feature.square().mean() for feature in features.values()).backward()

    def value(scale):
        moved = picture.detach().double() + scale * direction
        prepared = 255 * moved[:, [2, 1, 0]] - channels(MEAN_BGR).double()
        wide = {name: (weight.double(), bias.double()) for name, (weight, bias) in convolutions.items()}
        features = by_definition(prepared, wide, "constant")
        return sum(features[layer].square().mean() for layer in layers)

    step = 1e-7  # few ReLUs change sides within so short a step
    difference = (value(step) - value(-step)).item() / (2 * step)
    assert (picture.grad * direction).sum().item() == pytest.approx(difference, rel=1e-3)


def test_it_stops_after_the_deepest_wanted_layer(descriptor, picture):
    ran = []
    for name, convolution in descriptor.convolutions.items():
        convolution.register_forward_hook(lambda *_, name=name: ran.append(name))
    assert descriptor(picture, ["relu2_2", "relu1_1"]).keys() == {"relu1_1", "relu2_2"}
    assert ran == ["1_1", "1_2", "2_1", "2_2"]


def test_a_layer_that_is_not_there_is_a_key_error(picture):
    shallow = load_descriptor(original(random_convolutions(["1_1", "1_2", "2_1"])))
    with pytest.raises(KeyError, match="relu3_1, relu4_1"):
        shallow(picture, ["relu1_1", "relu4_1", "relu3_1"])


def test_narrow_features_are_near_the_wide_ones(descriptor, picture):
    wide = descriptor(picture)
    narrow = descriptor.narrow(torch.bfloat16)(picture)
    for layer in STYLE_LAYERS:
        assert narrow[layer].dtype == torch.bfloat16
        error = (narrow[layer].float() - wide[layer]).norm() / wide[layer].norm()
        assert error < 0.03  # 8 bits a layer, over up to 13 layers


def broken(change):
    tensors = torchvision(VGG19_POSITIONS, random_convolutions(VGG19_POSITIONS))
    change(tensors)
    return tensors


def remove(*names):
    return lambda tensors: [tensors.pop(name) for name in names]


def replace(name, *shape):
    return lambda tensors: tensors.update({name: torch.zeros(shape)})


@pytest.mark.parametrize(
    "tensors",
    [
        {},
        {"layer1.weight": torch.zeros(4, 3, 3, 3)},
        broken(remove("features.7.bias")),
        broken(remove("features.0.bias")),
        broken(remove("features.2.weight", "features.2.bias")),  # the channels would still fit
        broken(remove("features.12.weight", "features.12.bias")),
        broken(replace("features.2.weight", 4, 5, 3, 3)),
        broken(replace("features.2.weight", 4, 4, 3, 5)),
        broken(replace("features.2.weight", 4, 4, 2, 2)),
        broken(replace("features.2.weight", 4, 36)),
        broken(replace("features.2.weight")),
        broken(replace("features.2.bias", 5)),
        broken(replace("features.0.weight", 4, 1, 3, 3)),
        broken(
            lambda tensors: tensors.update({"features.3.weight": torch.zeros(4), "features.3.bias": torch.zeros(4)})
        ),
        original({name: pair for name, pair in random_convolutions(VGG19_POSITIONS).items() if name != "3_2"}),
    ],
)
def test_what_is_no_vgg_is_refused(tensors):
    with pytest.raises(UnknownLayout):
        load_descriptor(tensors)


@pytest.mark.parametrize(
    ("name", "shape"),
    [("conv0.weight", (4, 3, 1, 1)), ("conv0.bias", (4,)), ("conv21_aux.weight", (16, 7, 1, 1))],
)
def test_distilled_parts_that_do_not_fit_are_refused(distilled_parts, name, shape):
    tensors = distilled(*distilled_parts) | {name: torch.zeros(shape)}
    with pytest.raises(UnknownLayout):
        load_descriptor(tensors)


def test_a_head_without_its_layer_is_refused(distilled_parts):
    convolutions, heads, conv0 = distilled_parts
    shallow = {name: pair for name, pair in convolutions.items() if name < "5"}
    with pytest.raises(UnknownLayout, match="lack"):
        load_descriptor(distilled(shallow, heads, conv0))


def test_a_picture_of_one_pixel_has_features_up_to_the_first_pooling(descriptor):
    features = descriptor(torch.rand(1, 3, 1, 1), ["relu1_2"])
    assert np.isfinite(features["relu1_2"].numpy()).all()


def test_features_before_they_are_rectified(picture):
    descriptor = load_descriptor(original(random_convolutions(["1_1", "1_2", "2_1"])))
    layers = ["relu1_2", "relu2_1"]
    raw, features = descriptor(picture, layers, rectified=False), descriptor(picture, layers)
    for layer in layers:
        assert raw[layer].min() < 0
        assert torch.equal(raw[layer].clamp_min(0), features[layer])


def test_other_padding_changes_the_borders_and_nothing_else(picture):
    convolutions = random_convolutions(["1_1", "1_2"])
    descriptor = load_descriptor(original(convolutions))
    mirrored = descriptor.padded("reflect")
    expected = by_definition(255 * picture[:, [2, 1, 0]] - channels(MEAN_BGR), convolutions, "reflect")["relu1_2"]
    feature = mirrored(picture, ["relu1_2"])["relu1_2"]
    torch.testing.assert_close(feature, expected, atol=2e-3, rtol=1e-5)
    own = descriptor(picture, ["relu1_2"])["relu1_2"]  # the given one is as it was
    torch.testing.assert_close(feature[..., 2:-2, 2:-2], own[..., 2:-2, 2:-2])
    assert not torch.allclose(feature, own)
