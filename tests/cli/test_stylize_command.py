"""`pastiche stylize` as a shell user meets it: files, exit codes and what is said where."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from io import BytesIO
from pathlib import Path

import httpx
import numpy as np
import pytest
import structlog
import torch
from PIL import Image
from safetensors.torch import load_file
from typer.main import get_command
from typer.testing import CliRunner, Result

from app.api.schemas import OptionFields
from app.cli import cli
from app.imaging.colour import keep_colour
from app.imaging.palette import match_colour
from app.main import create_app
from app.model_store.store import open_model_store
from app.model_store.version import VersionStatus
from app.nets.descriptor import load_descriptor
from app.nets.style_encoder import StyleEncoder
from app.registry.descriptors import publish_descriptor
from app.registry.encoders import publish_encoder
from app.registry.repository import Repository
from app.settings import load_settings
from app.sql.database import Database
from app.sql.migration import migrate

STYLE = ("-s", "starry_night")

Pastiche = Callable[..., Result]


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """96 x 64 pixels of noise over a gradient, without loss."""
    rng = np.random.default_rng(0)
    pixels = np.linspace(40, 200, 96)[None, :, None] + rng.normal(0, 12, (64, 96, 3))
    path = tmp_path / "photo.png"
    Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(path)
    return path


@pytest.fixture
def pastiche(models_dir: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Pastiche:
    """Runs `pastiche stylize` in this process, in the photo's folder."""
    monkeypatch.setenv("PASTICHE_MODELS_DIR", str(models_dir))
    monkeypatch.setenv("PASTICHE_MODELS", "compact,sketch")
    monkeypatch.setenv("PASTICHE_DEVICE", "cpu")
    monkeypatch.setenv("PASTICHE_PRECISION", "float32")
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str | Path, stdin: bytes = b"") -> Result:
        logging = structlog.get_config()  # the command sets up its process's own
        try:
            return CliRunner().invoke(cli, ["stylize", *map(str, arguments)], input=stdin)
        finally:
            structlog.configure(**logging)

    return run


def pixels(picture: Path | bytes) -> np.ndarray:
    with Image.open(BytesIO(picture) if isinstance(picture, bytes) else picture) as opened:
        return np.array(opened.convert("RGB"))


def test_a_painting_has_the_photos_size_and_the_formats_name(pastiche: Pastiche, photo: Path) -> None:
    result = pastiche(photo, *STYLE, "-o", "out.jpg")
    assert (result.exit_code, result.output) == (0, "")
    with Image.open("out.jpg") as painting:
        assert (painting.format, painting.size) == ("JPEG", (96, 64))
    assert not np.array_equal(pixels(Path("out.jpg")), pixels(photo))


def test_strength_0_is_the_photo_and_nothing_between_is_further_than_1(pastiche: Pastiche, photo: Path) -> None:
    distances = []
    for strength in ("0", "0.25", "0.5", "0.75", "1"):
        assert pastiche(photo, *STYLE, "-o", "out.png", "--strength", strength).exit_code == 0
        difference = pixels(Path("out.png")).astype(int) - pixels(photo)
        distances.append(float(np.abs(difference).mean()))
    assert distances[0] == 0
    assert distances == sorted(distances)
    assert len(set(distances)) == len(distances)


@pytest.mark.parametrize(("color", "recoloured"), [("keep", keep_colour), ("match", match_colour)])
def test_colours_are_taken_from_the_photo(pastiche: Pastiche, photo: Path, color: str, recoloured) -> None:
    assert pastiche(photo, *STYLE, "-o", "style.png").exit_code == 0
    assert pastiche(photo, *STYLE, "-o", "recoloured.png", "--color", color).exit_code == 0
    expected = recoloured(pixels(photo), pixels(Path("style.png")))
    np.testing.assert_array_equal(pixels(Path("recoloured.png")), expected)


def test_a_mask_says_where(pastiche: Pastiche, photo: Path) -> None:
    original = pixels(photo)
    mask = np.zeros((*original.shape[:2], 3), np.uint8)
    mask[:, mask.shape[1] // 2 :] = 255
    Image.fromarray(mask).save("mask.png")
    assert pastiche(photo, *STYLE, "-o", "whole.png").exit_code == 0
    assert pastiche(photo, *STYLE, "-o", "half.png", "--mask", "mask.png").exit_code == 0
    expected = np.where(mask > 0, pixels(Path("whole.png")), original)
    np.testing.assert_array_equal(pixels(Path("half.png")), expected)
    Image.fromarray(mask.swapaxes(0, 1)).save("turned.png")
    for name, said in (("turned.png", "not the shape of the photo"), ("nowhere.png", "No such file")):
        refused = pastiche(photo, *STYLE, "-o", "no.png", "--mask", name)
        assert refused.exit_code != 0
        assert said in " ".join(refused.stderr.split())
    Path("text.png").write_bytes(b"no picture")
    assert "The mask cannot be read" in pastiche(photo, *STYLE, "-o", "no.png", "--mask", "text.png").stderr
    assert not Path("no.png").exists()


def test_regions_have_styles_of_their_own(pastiche: Pastiche, photo: Path) -> None:
    original = pixels(photo)
    mask = np.zeros((*original.shape[:2], 3), np.uint8)
    mask[:, : mask.shape[1] // 3] = 255
    Path("parts").mkdir()
    Image.fromarray(mask).save("parts/left.png")
    right = {"polygon": [[2 / 3, 0], [1, 0], [1, 1], [2 / 3, 1]], "feather": 0, "strength": 0}
    regions = [{"mask": "left.png", "styles": "the_scream"}, right]
    Path("parts/regions.json").write_text(json.dumps(regions))
    for name, styles in (("rest", STYLE), ("other", ("-s", "the_scream"))):
        assert pastiche(photo, *styles, "-o", f"{name}.png").exit_code == 0
    assert pastiche(photo, *STYLE, "-o", "out.png", "--regions", "parts/regions.json").exit_code == 0
    result = pixels(Path("out.png"))
    third = original.shape[1] // 3
    middle = slice(third, 2 * third - 1)
    # Two passes at once may round otherwise than each alone.
    np.testing.assert_allclose(result[:, :third].astype(int), pixels(Path("other.png"))[:, :third], atol=1)
    np.testing.assert_allclose(result[:, middle].astype(int), pixels(Path("rest.png"))[:, middle], atol=1)
    np.testing.assert_array_equal(result[:, 2 * third + 1 :], original[:, 2 * third + 1 :])


@pytest.mark.parametrize(
    ("regions", "said"),
    [
        (None, "No such file"),
        ("[{}]", "`regions[0]` has a `polygon` or a `mask`"),
        ('[{"mask": "nowhere.png"}]', "No such file"),
        ('[{"mask": "regions.json"}]', "The regions.json cannot be read"),
        ('[{"polygon": [[0, 0], [1, 0], [1, 1]], "styles": "greet_wave"}]', "There is no style 'greet_wave'"),
    ],
)
def test_regions_that_are_wrong_are_explained(pastiche: Pastiche, photo: Path, regions: str | None, said: str) -> None:
    if regions is not None:
        Path("regions.json").write_text(regions)
    refused = pastiche(photo, *STYLE, "-o", "no.png", "--regions", "regions.json")
    assert refused.exit_code != 0
    assert said in " ".join(refused.stderr.split())
    assert not Path("no.png").exists()


@pytest.mark.parametrize(("size", "expected"), [("48", (48, 32)), ("144", (144, 96))])
def test_size_is_the_longer_edge_of_the_painting(
    pastiche: Pastiche, photo: Path, size: str, expected: tuple[int, int]
) -> None:
    assert pastiche(photo, *STYLE, "-o", "out.png", "--size", size).exit_code == 0
    with Image.open("out.png") as painting:
        assert painting.size == expected


def test_a_photo_past_the_limit_of_the_edge_is_made_smaller(
    pastiche: Pastiche, photo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PASTICHE_EDGE_PIXELS", "32")
    monkeypatch.setenv("PASTICHE_LARGE_EDGE_PIXELS", "48")
    assert pastiche(photo, *STYLE, "-o", "out.png").exit_code == 0
    with Image.open("out.png") as painting:
        assert painting.size == (48, 32)
    refused = pastiche(photo, *STYLE, "-o", "large.png", "--size", "49")
    assert (refused.exit_code, "PASTICHE_LARGE_EDGE_PIXELS" in refused.stderr) == (2, True)


def test_a_blend_lies_between_and_depends_on_its_weights(pastiche: Pastiche, photo: Path) -> None:
    blends = ("starry_night", "great_wave", "starry_night:1,great_wave:3", "great_wave:0.75,starry_night:0.25")
    paintings = []
    for blend in blends:
        assert pastiche(photo, "-s", blend, "-o", "out.png").exit_code == 0
        paintings.append(pixels(Path("out.png")))
    one, other, mixed, same = paintings
    assert np.array_equal(mixed, same)
    assert not np.array_equal(mixed, one)
    assert not np.array_equal(mixed, other)


def test_alpha_is_kept_where_the_format_has_it(pastiche: Pastiche, photo: Path) -> None:
    alpha = np.tile(np.arange(96, dtype=np.uint8), (64, 1))
    Image.fromarray(np.dstack([pixels(photo), alpha])).save("alpha.png")
    assert pastiche("alpha.png", *STYLE, "-o", "out.webp").exit_code == 0
    with Image.open("out.webp") as painting:
        assert painting.mode == "RGBA"
        assert np.array_equal(np.array(painting)[:, :, 3], alpha)


def test_quality_and_format_are_those_of_the_options(pastiche: Pastiche, photo: Path) -> None:
    for quality in ("20", "95"):
        assert pastiche(photo, *STYLE, "-o", f"{quality}.bin", "--format", "webp", "--quality", quality).exit_code == 0
    with Image.open("20.bin") as painting:
        assert painting.format == "WEBP"
    assert Path("20.bin").stat().st_size < Path("95.bin").stat().st_size


def test_dashes_are_standard_input_and_output(pastiche: Pastiche, photo: Path) -> None:
    piped = pastiche("-", *STYLE, "-o", "-", "--format", "png", stdin=photo.read_bytes())
    assert piped.exit_code == 0
    assert pastiche(photo, *STYLE, "-o", "out.png").exit_code == 0
    assert piped.stdout_bytes == Path("out.png").read_bytes()


def test_what_fails_is_named_and_the_rest_is_painted(pastiche: Pastiche, photo: Path, photos: Path) -> None:
    Path("trip").mkdir()
    shutil.copy(photo, "trip/good.png")
    Path("trip/broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 no more")
    Path("trip/text.png").write_text("no picture")
    shutil.copy(photos / "coffee.png", "trip/coffee.png")
    result = pastiche("trip", "gone.jpg", *STYLE, "-o", "out", "--size", "64")
    assert result.exit_code == 1
    assert sorted(path.name for path in Path("out").iterdir()) == ["coffee.png", "good.png"]
    lines = result.stderr.splitlines()
    assert [line.split(": ")[:2] for line in lines] == [
        ["pastiche stylize", "trip/broken.jpg"],
        ["pastiche stylize", "trip/text.png"],
        ["pastiche stylize", "gone.jpg"],
    ]
    assert lines[2].endswith("No such file or directory")
    assert result.stdout == ""


def test_a_file_name_is_not_read_as_markup(pastiche: Pastiche) -> None:
    result = pastiche("[bold]a[/red].jpg", *STYLE, "-o", "out.jpg")
    assert result.stderr == "pastiche stylize: Nothing matches [bold]a[/red].jpg.\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["-s", "stary_night"], "There is no style 'stary_night'; the nearest is starry_night."),
        (["-s", "starry_night:-1"], "The weight of starry_night"),
        (["-s", ""], "A style is missing"),
        ([*STYLE, "--strength", "1.01"], "--strength"),
        ([*STYLE, "--boldness", "-0.01"], "--boldness"),
        ([*STYLE, "--strength", "nan"], "--strength"),
        ([*STYLE, "--stroke", "16.1"], "--stroke"),
        ([*STYLE, "--stroke", "nan"], "--stroke"),
        ([*STYLE, "--stroke", "0.5", "--size", "6145"], "--size is 6144 at most with a stroke of 0.5"),
        ([*STYLE, "--color", "gray"], "--color"),
        ([*STYLE, "--size", "15"], "--size"),
        ([*STYLE, "--size", "1e3"], "--size"),
        ([*STYLE, "--quality", "0"], "--quality"),
        ([*STYLE, "--format", "gif"], "gif is not one of"),
        ([*STYLE, "--nonsense"], "--nonsense"),
        ([], "--styles"),
        ([*STYLE, "--style-image", "photo.png"], "Give --styles, or a style image with --style-image"),
    ],
)
def test_misuse_ends_with_2_and_paints_nothing(
    pastiche: Pastiche, photo: Path, arguments: list[str], said: str
) -> None:
    result = pastiche(photo, *arguments, "-o", "out.jpg")
    assert result.exit_code == 2
    assert said in " ".join(result.stderr.replace("│", " ").split())
    assert result.stdout == ""
    assert not Path("out.jpg").exists()


@pytest.fixture
def with_encoder(
    pastiche: Pastiche, models_dir: Path, tmp_path: Path, random_descriptor: Path, monkeypatch: pytest.MonkeyPatch
) -> Pastiche:
    """`pastiche` with a models folder of its own, in which `compact` has a style encoder and `sketch` has none."""
    root = tmp_path / "models"
    shutil.copytree(models_dir, root)
    network = load_descriptor(load_file(random_descriptor))
    publish_descriptor(root, "eye", network, teachers=(), recipe={}, metrics={}, card="# eye\n")
    model = Repository(root).load("compact")
    with torch.random.fork_rng():
        torch.manual_seed(0)
        encoder = StyleEncoder({"relu1_1": 6}, model.generator.features, rank=2, hidden=8, bottleneck=3)
    with torch.no_grad():
        encoder.widen.weight.mul_(20)
    publish_encoder(
        root, "compact-encoder", encoder, model, network="eye", stroke=64, recipe={}, metrics={}, card="# encoder\n"
    )
    monkeypatch.setenv("PASTICHE_MODELS_DIR", str(root))
    return pastiche


def test_any_picture_can_be_the_style(with_encoder: Pastiche, photos: Path, photo: Path) -> None:
    for name, image in (("a.png", "coffee.png"), ("again.png", "coffee.png"), ("b.png", "rocket.jpg")):
        result = with_encoder(photo, "--style-image", photos / image, "-o", name)
        assert (result.exit_code, result.output) == (0, "")
    images = [photos / "coffee.png", photos / "rocket.jpg"]
    result = with_encoder(photo, "--style-image", images[0], "--style-image", images[1], "-o", "c.png")
    assert result.exit_code == 0
    one, again, other, both = (pixels(Path(name)) for name in ("a.png", "again.png", "b.png", "c.png"))
    assert np.array_equal(one, again)
    assert not np.array_equal(one, other)
    assert not np.array_equal(one, both)


@pytest.mark.parametrize(
    ("model", "image", "said"),
    [
        ("sketch", "photo.png", "There is no style encoder for sketch@1"),
        ("compact", "absent.png", "absent.png: No such file or directory."),
        ("compact", "text.png", "text.png: "),
    ],
)
def test_a_style_that_cannot_be_read_paints_nothing(
    with_encoder: Pastiche, photo: Path, model: str, image: str, said: str
) -> None:
    Path("text.png").write_text("no picture")
    result = with_encoder(photo, "--style-image", image, "--model", model, "-o", "out.jpg")
    assert (result.exit_code, result.stdout) == (1, "")
    assert said in " ".join(result.stderr.split())
    assert not Path("out.jpg").exists()


def test_a_photo_is_never_overwritten(pastiche: Pastiche, photo: Path) -> None:
    before = photo.read_bytes()
    result = pastiche(photo, *STYLE, "-o", photo)
    assert (result.exit_code, "would be overwritten" in result.stderr) == (2, True)
    assert photo.read_bytes() == before


@pytest.mark.parametrize(
    ("variable", "value", "code"),
    [("PASTICHE_EDGE_PIXELS", "huge", 2), ("PASTICHE_DEVICE", "tpu", 2), ("PASTICHE_MODELS", "paper", 1)],
)
def test_a_bad_setting_ends_with_its_name_and_a_missing_model_with_its_own(
    pastiche: Pastiche, photo: Path, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, code: int
) -> None:
    monkeypatch.setenv(variable, value)
    result = pastiche(photo, *STYLE, "-o", "out.jpg")
    assert result.exit_code == code
    assert (variable if code == 2 else "no model paper") in result.stderr


def test_a_painting_that_cannot_be_written_is_a_failure(pastiche: Pastiche, photo: Path) -> None:
    Path("out/photo.png").mkdir(parents=True)
    result = pastiche(photo, *STYLE, "-o", "out")
    assert result.exit_code == 1
    assert "out/photo.png cannot be written: " in result.stderr


def test_the_process_says_nothing_on_standard_output_but_the_painting(shell, photo: Path) -> None:
    done = shell("stylize", "-", *STYLE, "-o", "-", stdin=photo.read_bytes())
    assert (done.returncode, done.stderr) == (0, b"")
    assert pixels(done.stdout).shape == (64, 96, 3)


def heed_interrupts() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.mark.process
def test_an_interrupt_ends_with_130_and_whole_paintings(models_dir: Path, tmp_path: Path, photos: Path) -> None:
    trip, painted = tmp_path / "trip", tmp_path / "painted"
    trip.mkdir()
    for number in range(200):
        (trip / f"{number}.png").symlink_to(photos / "astronaut.png")
    environment = os.environ | {"PASTICHE_MODELS_DIR": str(models_dir), "PASTICHE_DEVICE": "cpu"}
    command = [sys.executable, "-m", "app.cli", "stylize", str(trip), *STYLE, "-o", str(painted)]
    # Tests that run in the background of a script have inherited that interrupts are ignored.
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, preexec_fn=heed_interrupts) as process:
        while not list(painted.glob("*.png")):
            assert process.poll() is None
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=600)
    assert (process.returncode, said) == (130, b"")
    files = list(painted.iterdir())
    assert 0 < len(files) < 200
    assert {pixels(file).shape for file in files} == {(512, 512, 3)}


@pytest.mark.parametrize(
    "options",
    [
        {"styles": "starry_night"},
        {"styles": "starry_night:0.7,great_wave:0.3", "strength": "0.6", "color": "keep", "size": "120"},
        {"styles": "charcoal", "model": "sketch", "size": "40", "format": "webp", "quality": "70"},
        {"styles": "starry_night", "stroke": "2", "strength": "0.5"},
        {"styles": "starry_night", "stroke": "0.7", "color": "match", "size": "90"},
    ],
)
def test_a_painting_is_the_one_that_the_route_gives(pastiche: Pastiche, photo: Path, options: dict[str, str]) -> None:
    arguments = [part for name, value in options.items() for part in (f"--{name}", value)]
    painted = pastiche(photo, *arguments, "-o", "-").stdout_bytes
    assert painted == asyncio.run(ask_route(photo.read_bytes(), options))


async def ask_route(photo: bytes, options: dict[str, str]) -> bytes:
    app = create_app(load_settings())
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://here") as client,
    ):
        while (await client.get("/healthz/ready")).status_code != 200:  # noqa: ASYNC110 - as a client would
            await asyncio.sleep(0.05)
        answer = await client.post("/v1/stylize", params=options, content=photo, headers={"Content-Type": "image/png"})
    assert answer.status_code == 200
    return answer.content


def test_the_options_and_their_defaults_are_those_of_the_route() -> None:
    options = {parameter.name: parameter.default for parameter in get_command(cli).commands["stylize"].params}
    fields = OptionFields.model_fields
    # The command blends its style images evenly.
    assert set(fields) - {"weights"} <= set(options)
    for name in set(fields) - {"styles", "weights"}:
        assert options[name] == fields[name].default, name


def test_it_paints_with_the_version_that_is_active(pastiche, photo, tmp_path, make_version, monkeypatch):
    def paint(name):
        assert pastiche(photo, *STYLE, "-o", name).exit_code == 0
        return (tmp_path / name).read_bytes()

    monkeypatch.setenv("PASTICHE_DATA_DIR", str(tmp_path / "home"))
    shipped = paint("shipped.png")
    assert not (tmp_path / "home").exists()
    settings = load_settings()
    with closing(Database(settings.ledger_url)) as database, closing(open_model_store(settings)) as model_store:
        migrate(database)
        version = model_store.reserve("compact")
        folder = make_version(tmp_path / "made", "compact", version)
        model_store.publish("compact", version, folder, status=VersionStatus.READY, by="test")
        assert paint("published.png") == shipped
        model_store.activate("compact", version, by="test")
        assert paint("active.png") != shipped
