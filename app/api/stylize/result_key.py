"""Everything that a result depends on, as one hash: equal keys have equal bytes."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version

from app import __version__
from app.api.stylize.masks import MASK_FIELD, NO_NAMES
from app.api.stylize.options import Options
from app.engine.region import Region
from app.imaging.polygon import Polygon
from app.imaging.stroke import REPAINTED

# Their rounding is in the bytes, besides the device's: another version may compute or encode a last bit differently.
PACKAGES = ("torch", "openvino", "pillow", "numpy")


def makers(packages: Sequence[str] = PACKAGES) -> list[str]:
    """This project's version and the packages'; for one that is not installed, its name only."""
    return [__version__, *(f"{package} {_version(package)}" for package in packages)]


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:  # OpenVINO has no wheels for some systems
        return ""


MAKERS = makers()

# Bytes that are hashed in half a millisecond; more would block the event loop.
HASHED_AT_ONCE = 1_000_000


async def digest(picture: bytes) -> str:
    """SHA-256 in hex."""
    if len(picture) > HASHED_AT_ONCE:
        return (await asyncio.to_thread(hashlib.sha256, picture)).hexdigest()
    return hashlib.sha256(picture).hexdigest()


async def digests(pictures: Mapping[str, bytes]) -> dict[str, str]:
    """Of each picture by its name."""
    return {name: await digest(data) for name, data in pictures.items()}


def result_key(photo_digest: str, options: Options, edges: tuple[int, int], masks: Mapping[str, str] = NO_NAMES) -> str:
    """32 hex digits of a SHA-256 over the photo, the weights that are used, and every option that changes the result.

    The weights are the generator and the rows of the requested styles, so a version that only adds a style leaves the
    results of all others as they were.

    Equal options in other words have one key: weights of styles that are equal once they sum to 1, the styles
    in another order, a format by name or by `Accept`, a quality where the format has none.

    Args:
        edges: the limits of the result and of what the network sees, which a large photo reaches.
        masks: digests by the masks' names.
    """
    made_of = {
        "photo": photo_digest,
        "mask": masks.get(MASK_FIELD),
        "device": repr(options.stylizer.device),
        "painted_with": options.stylizer.fingerprint(options.blend),
        "strength": options.strength,
        "boldness": options.boldness,
        "color": options.color,
        "stroke": [options.stroke, REPAINTED],
        "size": [options.size, *edges],
        "format": [options.format, None if options.format == "png" else options.quality],
        "regions": [made_of_region(region, options, masks) for region in options.regions],
        "makers": MAKERS,
    }
    return hashlib.sha256(json.dumps(made_of, sort_keys=True).encode()).hexdigest()[:32]


def made_of_region(region: Region, options: Options, masks: Mapping[str, str]) -> list[object]:
    area, manner = region.area, region.manner
    where = [area.points, area.feather] if isinstance(area, Polygon) else masks[area]
    return [where, options.stylizer.fingerprint(manner.blend), manner.strength, manner.color]


def etag_of(key: str, options: Options) -> str:
    """The tag of the result with this key; weak where the other images of a batch may change a value's last bit."""
    return f'W/"{key}"' if options.stylizer.gains_from_batches else f'"{key}"'
