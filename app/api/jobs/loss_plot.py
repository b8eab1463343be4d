"""The loss curve of a job, drawn."""

from __future__ import annotations

import io
from collections.abc import Sequence

from app.errors import StorageUnavailable
from app.jobs.job import LossPoint

# Members of a point that are no losses.
ABOUT = {"iteration", "scale"}
WIDTH_INCHES, HEIGHT_INCHES, DOTS_PER_INCH = 7.2, 4.0, 100


def draw_losses(losses: Sequence[LossPoint], title: str) -> bytes:
    """A PNG of 720 x 400 pixels: each loss over the iterations, on a logarithmic scale where it is above 0.

    For a thread: it takes some 0.1 s, the first time in a process 1 s.

    Raises:
        StorageUnavailable: matplotlib does not load without a folder that it can write to.
    """
    # Here: it takes a second that few processes ever need. Not pyplot, which keeps every figure it has made.
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except OSError as error:
        raise StorageUnavailable(
            "The plot cannot be drawn, since this service has no folder that it can write to. The job itself has the "
            "losses as numbers.",
            private=repr(error),
        ) from error

    figure = Figure(figsize=(WIDTH_INCHES, HEIGHT_INCHES), dpi=DOTS_PER_INCH, layout="constrained")
    axes = figure.add_subplot()
    for name in dict.fromkeys(name for point in losses for name in point if name not in ABOUT):
        points = [(point["iteration"], point[name]) for point in losses if name in point]
        axes.plot(*zip(*points, strict=True), label=name, marker="." if len(points) == 1 else "")
    if all(value > 0 for point in losses for name, value in point.items() if name not in ABOUT):
        axes.set_yscale("log")
    axes.set(title=title, xlabel="iteration", ylabel="loss")
    axes.grid(visible=True, alpha=0.3)
    if axes.lines:
        axes.legend()
    file = io.BytesIO()
    FigureCanvasAgg(figure).print_png(file)  # type: ignore[no-untyped-call]
    return file.getvalue()
