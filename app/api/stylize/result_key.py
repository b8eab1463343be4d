"""What an answer of the fast path is made of, as one hash: equal keys have equal bytes."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version

from app import __version__
from app.api.stylize.options import Options

# Whose rounding is in the bytes, besides the device's: another one may paint or encode a last bit otherwise.
PACKAGES = ("torch", "openvino", "pillow", "numpy")


def makers(packages: Sequence[str] = PACKAGES) -> list[str]:
    """This project's version and those of the packages; of one that is not installed, its name alone."""
    return [__version__, *(f"{package} {_version(package)}" for package in packages)]


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:  # OpenVINO has no wheels for some systems
        return ""


MAKERS = makers()

# Bytes; as many are hashed in half a millisecond, more of them would hold the event loop up.
HASHED_AT_ONCE = 1_000_000


async def digest(photo: bytes) -> str:
    """SHA-256 in hex."""
    if len(photo) > HASHED_AT_ONCE:
        return (await asyncio.to_thread(hashlib.sha256, photo)).hexdigest()
    return hashlib.sha256(photo).hexdigest()


def result_key(photo_digest: str, options: Options, edge_pixels: int) -> str:
    """32 hex digits of a SHA-256 over the photo, the weights that are used, and every option that changes the answer.

    Of the model these are the generator and the rows of the styles asked for, so that a version which has one style
    more leaves the answers of all others what they were.

    Equal options written in other words have one key: weights of styles that are equal once they sum to 1, the styles
    in another order, a format by name or by `Accept`, a quality where the format has none.

    Args:
        edge_pixels: the limit, which is the answer's size where the photo is larger.
    """
    made_of = {
        "photo": photo_digest,
        "device": repr(options.stylizer.device),
        "painted_with": options.stylizer.fingerprint(options.blend),
        "strength": options.strength,
        "color": options.color,
        "stroke": options.stroke,
        "size": [options.size, edge_pixels],
        "format": [options.format, None if options.format == "png" else options.quality],
        "makers": MAKERS,
    }
    return hashlib.sha256(json.dumps(made_of, sort_keys=True).encode()).hexdigest()[:32]


def etag_of(key: str, options: Options) -> str:
    """Of the answer with this key. Weak where the other pictures of a batch may change the last bit of a value."""
    return f'W/"{key}"' if options.stylizer.gains_from_batches else f'"{key}"'
