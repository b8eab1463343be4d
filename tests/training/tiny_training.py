"""A training small enough for a test: generated photos and paintings, a narrow random loss network."""

import numpy as np
import torch
from PIL import Image
from safetensors.torch import save_file

from app.nets.descriptor import load_descriptor
from app.training.objective import Objective
from app.training.paintings import list_paintings
from app.training.photos import Photos, list_photos, read_picture
from app.training.recipe import Recipe
from app.training.run import Run
from app.training.sheet import draw_sheet
from app.training.style_trainer import StyleTrainer

MEMBERS = {
    "options": {"widths": (4, 8), "blocks": 1, "fine": 4},
    "steps": 8,
    "batch": 2,
    "crop": 64,
    "plain": 0,
    "stroke": 64,
    "seed": 3,
    "warmup_steps": 2,
    "style_layers": ("relu1_1", "relu2_1"),
    "content_layer": "relu2_2",
}
CHANNELS = {"1_1": 6, "1_2": 6, "2_1": 8, "2_2": 8}


def write_pictures(folder, count, size=(96, 80), suffix=".jpg"):
    """Smooth colours with a few shapes and some noise, different in every file."""
    folder.mkdir(parents=True, exist_ok=True)
    y, x = np.mgrid[: size[1], : size[0]] / max(size)
    for number in range(count):
        rng = np.random.default_rng(number)
        waves = [np.sin(x * rng.uniform(2, 20) + y * rng.uniform(2, 20) + rng.uniform(0, 6)) for _ in range(3)]
        picture = np.stack(waves, axis=2) * 80 + 128 + rng.normal(0, 8, (size[1], size[0], 3))
        left, top = rng.integers(0, 40, 2)
        picture[top : top + 25, left : left + 25] = rng.integers(0, 255, 3)
        Image.fromarray(picture.clip(0, 255).astype(np.uint8)).save(folder / f"photo{number}{suffix}", quality=95)


def write_inputs(root):
    """`photos`, `paintings` (dots, stripes) and `descriptor.safetensors` in the layout of the original VGG."""
    write_pictures(root / "photos", 6)
    (root / "paintings").mkdir()
    y, x = np.mgrid[:64, :80]
    stripes = np.where((x + y) // 6 % 2, 230, 20)
    dots = np.where((x % 12 - 6) ** 2 + (y % 12 - 6) ** 2 < 16, 200, 60)
    for name, pattern in (("stripes", (stripes, 255 - stripes, stripes)), ("dots", (dots, dots, 255 - dots))):
        Image.fromarray(np.stack(pattern, axis=2).astype(np.uint8)).save(root / "paintings" / f"{name}.png")
    save_file(random_vgg(), root / "descriptor.safetensors")
    return root


def random_vgg():
    rng = torch.Generator().manual_seed(0)
    tensors, inputs = {}, 3
    for name, outputs in CHANNELS.items():
        tensors[f"conv{name}.weight"] = torch.randn(outputs, inputs, 3, 3, generator=rng) * (2 / (9 * inputs)) ** 0.5
        tensors[f"conv{name}.bias"] = torch.zeros(outputs)
        inputs = outputs
    return tensors


def make_trainer(root, **members):
    recipe = Recipe.model_validate(MEMBERS | members)
    works = list_paintings(root / "paintings")
    targets = [read_picture(work.path, recipe.stroke) for work in works]
    objective = Objective(load_descriptor(random_vgg()), targets, [1.0] * len(works), recipe)
    photos = Photos(list_photos(root / "photos"), len(works), recipe)
    return StyleTrainer(recipe, tuple(work.id for work in works), objective, photos, torch.device("cpu"))


def make_run(root, folder, **members):
    trainer = make_trainer(root, **members)
    return Run(folder, trainer, lambda: draw_sheet(*trainer.averaged(), [torch.rand(1, 3, 32, 48)]))


def command(root, folder, **options):
    """Arguments of `pastiche train full` for the same training."""
    given = {"photos": root / "photos", "paintings": root / "paintings", "descriptor": root / "descriptor.safetensors"}
    given |= {"recipe": root / "recipe.json", "run": folder, "models": folder.parent / "models", "name": "tiny"}
    arguments = ["train", "full"]
    for name, value in (given | options).items():
        arguments += [f"--{name.replace('_', '-')}", str(value)]
    return arguments


def same(one, other):
    """Whether two checkpoints agree to the bit."""
    return (
        (one.step, one.retreats, one.targets) == (other.step, other.retreats, other.targets)
        and one.tensors.keys() == other.tensors.keys()
        and all(torch.equal(tensor, other.tensors[name]) for name, tensor in one.tensors.items())
    )
