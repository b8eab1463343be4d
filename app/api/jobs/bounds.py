"""How much one job may ask for: its work, its time, its memory, and its place in the queue."""

from __future__ import annotations

from app.errors import InvalidOption
from app.gatys.options import MAX_SIZE, MIN_SIZE, GatysOptions
from app.settings import Settings

# Bytes for each pixel: of the picture's features with their gradients, of a pair of a step and a gradient, and of a
# style image with its statistics. Measured in float32: 1740 at 640 px and 1820 at 384 px, with three pairs each.
PIXEL_BYTES = 1750
PAIR_BYTES = 24
STYLE_BYTES = 40


def own_size(options: GatysOptions, photo_edge: int, style_images: int, settings: Settings, *, operator: bool) -> int:
    """The `size` of a job that names none: the photo's longer edge, at most what is allowed with its other options."""
    # Both bounds are of pixels, and at any one size tell how many there may be.
    shares = [settings.job_memory_megabytes / memory_megabytes(options, style_images)]
    if not operator:
        shares.append(settings.job_megapixel_iterations / work_of(options))
    allowed = int(options.size * min(shares) ** 0.5)
    return max(MIN_SIZE, min(photo_edge, allowed, MAX_SIZE, settings.edge_pixels))


def check_bounds(options: GatysOptions, style_images: int, settings: Settings, *, operator: bool) -> None:
    """Check one job's options. The operator's jobs are bounded in memory only.

    Raises:
        InvalidOption: saying what was requested, what is allowed, and what to change.
    """
    if not operator:
        check_work(options, settings)
    megabytes = memory_megabytes(options, style_images)
    if megabytes > settings.job_memory_megabytes:
        raise InvalidOption(
            f"The job would take {megabytes:.0f} MB of memory, and {settings.job_memory_megabytes:.0f} MB are allowed: "
            "ask for a smaller `size`, `history` or `stroke`, or fewer `style` pictures."
        )


def check_work(options: GatysOptions, settings: Settings) -> None:
    """Raises InvalidOption."""
    if work_of(options) > settings.job_megapixel_iterations:
        fitting = int(settings.job_megapixel_iterations / (options.size**2 / 1e6))
        raise InvalidOption(
            f"`size` {options.size} with `iterations` {options.iterations} is too much work for one job: at this size "
            f"at most {fitting} iterations are allowed."
        )
    if options.seconds is not None and options.seconds > settings.job_seconds:
        raise InvalidOption(f"`seconds` is at most {settings.job_seconds:g} here.")


def check_priority(priority: int, settings: Settings, *, operator: bool) -> None:
    """Raises InvalidOption for a priority that only the operator may give."""
    if priority > settings.job_priority and not operator:
        raise InvalidOption(f"`priority` is at most {settings.job_priority} here.")


def work_of(options: GatysOptions) -> float:
    """Megapixels times iterations, for a square image."""
    return options.size**2 / 1e6 * options.iterations


def memory_megabytes(options: GatysOptions, style_images: int) -> float:
    """Of the worker, beside its models, for a square image."""
    pairs = options.history if options.optimiser == "lbfgs" else 0
    of_picture = options.size**2 * (PIXEL_BYTES + PAIR_BYTES * pairs)
    of_styles = (options.size * options.stroke) ** 2 * STYLE_BYTES * style_images
    return (of_picture + of_styles) / 1e6
