"""`pastiche stylize`: photos in, stylized images out, without a server."""

from __future__ import annotations

import sys
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, cast

import structlog
import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from app.cli.failure import FAILED, INTERRUPTED, MISUSED, complain, console, give_up
from app.cli.fleet import served
from app.cli.io_plan import STREAM, PlannedPicture, UnusablePlan, plan_pictures
from app.cli.regions import NO_REGIONS, read_part, read_regions_file
from app.cli.style_images import UnreadableStyleImage, read_style_images
from app.cli.stylize_clip import fill_clip, plan_clip
from app.engine.blend import parse_blend
from app.engine.device import device_of
from app.engine.frame_painter import FramePainter
from app.engine.region import Manner
from app.engine.render import Large, Rendering
from app.engine.stylizer import Stylizer
from app.engine.tiled_painter import Report
from app.errors import InvalidOption, PasticheError, ServiceError
from app.imaging.compose import Colour
from app.imaging.encode import FORMATS, encode, format_named
from app.imaging.stroke import AUTO, MAX_STROKE, MIN_STROKE, Stroke, largest_edge, read_stroke
from app.registry.error import InvalidModel
from app.registry.repository import Model
from app.settings import Settings, SettingsError, load_settings
from app.video.steadiness import Steadiness


@dataclass(frozen=True)
class Painter:
    """A loaded model with the options of this call."""

    rendering: Rendering
    quality: int

    def paint(self, photo: bytes, format: str, report: Report) -> bytes:
        """Raises PasticheError if it cannot be stylized."""
        return encode(self.rendering.of_photo(photo, Large(format, report)), format, self.quality)


def check_number(value: float | None) -> float | None:
    """`min` and `max` let a NaN through."""
    if value != value:
        raise typer.BadParameter("nan is out of range.")
    return value


def check_stroke(value: str) -> Stroke:
    try:
        return read_stroke(value)
    except ValueError as error:
        raise typer.BadParameter(f"{value} {error}.") from None


def check_format(value: str | None) -> str | None:
    if value is None:
        return None
    if (format := format_named(value)) is None:
        raise typer.BadParameter(f"{value} is not one of {', '.join(FORMATS)}.")
    return format


def stylize(
    photos: Annotated[
        list[Path], typer.Argument(metavar="PHOTO", help="Photos, folders of photos, or a clip; - is standard input.")
    ],
    output: Annotated[
        str, typer.Option("--output", "-o", help="File, or folder for several photos; - is standard output.")
    ],
    styles: Annotated[
        str | None, typer.Option("--styles", "-s", help="A style, or a blend: starry_night:0.7,great_wave:0.3.")
    ] = None,
    styles_end: Annotated[
        str | None,
        typer.Option(help="The style or blend at the end of a clip, which --styles becomes little by little."),
    ] = None,
    style_image: Annotated[
        list[Path] | None,
        typer.Option(help="A style image, in place of --styles; several are blended evenly."),
    ] = None,
    strength: Annotated[
        float, typer.Option(min=0, max=1, callback=check_number, help="0 is the photo, 1 the full style.")
    ] = 1.0,
    boldness: Annotated[
        float,
        typer.Option(min=0, max=1, callback=check_number, help="How much the network paints over its own painting."),
    ] = 0.0,
    color: Annotated[
        Colour, typer.Option(help="Colours of the style, the photo's own, or the photo's palette.")
    ] = "style",
    mask: Annotated[
        Path | None,
        typer.Option(help="An image of the photo's shape that says where it is stylized: white is all, black none."),
    ] = None,
    regions: Annotated[
        Path | None,
        typer.Option(
            help="A JSON file of regions with styles of their own, as docs/api.md has it; masks are paths from there."
        ),
    ] = None,
    stroke: Annotated[
        str,
        typer.Option(
            callback=check_stroke,
            metavar=f"{AUTO}|{MIN_STROKE:g}..{MAX_STROKE:g}",
            help="Size of the strokes: relative to the picture, or 1 as the network makes them, 2 twice as large.",
        ),
    ] = AUTO,
    size: Annotated[
        int | None,
        typer.Option(
            min=16,
            help="Longer edge of the result in pixels, at most PASTICHE_LARGE_EDGE_PIXELS; by default the photo's.",
        ),
    ] = None,
    model: Annotated[
        str | None, typer.Option(help="Model, as name or name@version; by default the first of PASTICHE_MODELS.")
    ] = None,
    format: Annotated[
        str | None, typer.Option(callback=check_format, help=f"{', '.join(FORMATS)}; by default from the file's name.")
    ] = None,
    quality: Annotated[int, typer.Option(min=1, max=100, help="Quality of JPEG, WebP, AVIF and clips.")] = 90,
    steady: Annotated[
        bool, typer.Option(help="Whether strokes of a clip stay where nothing changes, and move with what moves.")
    ] = True,
    frames: Annotated[
        float | None,
        typer.Option(
            min=0.1, max=1000, callback=check_number, help="A folder holds the frames of a clip, as many a second."
        ),
    ] = None,
) -> None:
    """Stylize photos, or a clip (MP4, MOV, WebM, Matroska, GIF, animated WebP) into a clip or a folder of its frames.

    Existing results are replaced, photos never.

    Exits with 0 if every photo was stylized, 1 if some could not be (the rest is done), 2 if the command was misused.
    """
    chosen = cast(Stroke, stroke)  # by its callback
    # Log events go to stderr: standard output may be the result.
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    try:
        clip = plan_clip(photos, output, format, frames)
        plan = [] if clip else plan_pictures(photos, output, format)
        refuse_terminal(plan)
        settings = load_settings()
        check_size(size, chosen, settings, "EDGE_PIXELS" if clip else "LARGE_EDGE_PIXELS")
        check_one_of(styles, style_image)
        check_end(styles_end, changes=clip is not None and not style_image)
        if (mask or regions) and clip:
            raise InvalidOption("--mask and --regions go with photos, not with a clip.")
        given = read_regions_file(regions) if regions else NO_REGIONS
        loaded = load_model(settings, model or settings.models[0])
        device = device_of(settings, settings.engine_threads)
        if style_image:
            stylizer, blend = read_style_images(loaded, style_image, settings, device)
        else:
            stylizer = Stylizer(loaded.generator, loaded.rows, loaded.manifest.style_ids, device)
            blend = parse_blend(styles or "", stylizer.style_ids)
        steadiness = Steadiness() if clip and steady else None
        rendering = Rendering(
            stylizer,
            blend,
            settings,
            size,
            chosen,
            color,
            strength,
            boldness,
            enlarges=clip is None,
            steady=steadiness,
            mask=read_part("--mask", mask) if mask else b"",
            regions=given.regions(Manner(blend, strength, color), stylizer.style_ids),
            region_masks=given.masks,
        )
        if clip:
            end = parse_blend(styles_end, stylizer.style_ids) if styles_end else None
            failures = fill_clip(clip, FramePainter(rendering, end), settings.picture_megapixels, quality)
        else:
            failures = fill(plan, Painter(rendering, quality))
    except (UnusablePlan, SettingsError, InvalidOption) as error:
        give_up("stylize", str(error), MISUSED)
    except (InvalidModel, ServiceError, UnreadableStyleImage) as error:
        give_up("stylize", str(error))
    except KeyboardInterrupt:
        raise typer.Exit(INTERRUPTED) from None
    raise typer.Exit(FAILED if failures else 0)


def refuse_terminal(plan: list[PlannedPicture]) -> None:
    if plan and plan[0].target == STREAM and sys.stdout.isatty():
        raise UnusablePlan("Standard output is a terminal: name a file, or pipe into another program.")


def check_size(size: int | None, stroke: Stroke, settings: Settings, limit: str) -> None:
    """Args: limit: the setting that it is, of a photo or a clip."""
    edges = settings.edges if limit == "EDGE_PIXELS" else (settings.large_edge, settings.large_edge)
    most = largest_edge(stroke, *edges)
    if size is not None and size > most:
        why = f" with a stroke of {stroke:g}" if most < edges[0] else ""
        raise InvalidOption(f"--size is {most} at most{why}; PASTICHE_{limit} sets that limit.")


def check_one_of(styles: str | None, style_images: list[Path] | None) -> None:
    if (styles is None) == (not style_images):
        raise InvalidOption("Give --styles, or a style image with --style-image.")


def check_end(styles_end: str | None, *, changes: bool) -> None:
    if styles_end and not changes:
        raise InvalidOption("--styles-end goes with --styles, for a clip.")


def load_model(settings: Settings, reference: str) -> Model:
    """The version that would be served. Raises InvalidModel."""
    with closing(served(settings)) as model_store:
        return model_store.load(reference)


def fill(plan: list[PlannedPicture], painter: Painter) -> int:
    """Stylize everything; failures are named on stderr and the rest goes on. Returns how many failed."""
    failures = 0
    columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), TextColumn("{task.description}", markup=False))
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as progress:
        task = progress.add_task("", total=len(plan))
        for done, item in enumerate(plan):
            progress.update(task, description=item.source.name)
            # Of a large picture, tile by tile.
            report = partial(advance, progress, task, done)
            if reason := fill_one(item, painter, report):
                failures += 1
                complain("stylize", f"{item.source}: {reason}")
            report(1)
    return failures


def advance(progress: Progress, task: TaskID, done: int, share: float) -> None:
    progress.update(task, completed=done + share)


def fill_one(item: PlannedPicture, painter: Painter, report: Report) -> str | None:
    """Stylize one photo. Returns the reason if it fails."""
    try:
        photo = item.read()
    except OSError as error:
        return error.strerror or str(error)
    try:
        painting = painter.paint(photo, item.format, report)
    except PasticheError as error:
        return error.detail
    except MemoryError:
        return "The photo does not fit into the free memory."
    try:
        item.target.parent.mkdir(parents=True, exist_ok=True)
        item.write(painting)
    except BrokenPipeError:
        raise  # the reader has gone, so nobody would read the reason
    except OSError as error:
        return f"{item.target} cannot be written: {error.strerror or error}"
    return None
