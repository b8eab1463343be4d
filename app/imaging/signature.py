"""The format of a file, by its first bytes."""

from __future__ import annotations

from PIL import features

from app.errors import UnsupportedPicture
from app.imaging import heic, jpeg, png, webp
from app.imaging.foreign import name_of

HEIC_BRANDS = {b"heic", b"heix", b"heim", b"heis"}
AVIF_BRANDS = {b"avif"}


def format_of(data: bytes) -> str:
    """A name in `decode.CODECS`.

    Raises:
        UnsupportedPicture: none of them; the message says what the bytes look like.
    """
    if data.startswith(jpeg.MAGIC):
        return "jpeg"
    if data.startswith(png.MAGIC):
        return "png"
    if webp.is_webp(data):
        return "webp"
    brands = _brands(data)
    if brands & AVIF_BRANDS and features.check("avif"):
        return "avif"
    if brands & HEIC_BRANDS and heic.installed():
        return "heic"
    found = name_of(data)
    came = f" but {found}" if found else ""
    raise UnsupportedPicture(f"The bytes are not a {_readable()} picture{came}.")


def _brands(data: bytes) -> set[bytes]:
    """Major and compatible brands of an ISO base media file (ISO/IEC 14496-12, section 4.3)."""
    if data[4:8] != b"ftyp":
        return set()
    end = min(int.from_bytes(data[:4], "big"), 256)
    return {data[8:12], *(data[at : at + 4] for at in range(16, end, 4))}


def _readable() -> str:
    names = [
        "JPEG",
        "PNG",
        "WebP",
        *(["AVIF"] if features.check("avif") else []),
        *(["HEIC"] if heic.installed() else []),
    ]
    return f"{', '.join(names[:-1])} or {names[-1]}"
