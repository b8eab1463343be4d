"""Pictures and files that Pillow cannot write, put together byte by byte."""

from __future__ import annotations

import struct
import zlib
from io import BytesIO
from pathlib import Path

import numpy as np
import skimage
from PIL import Image

PHOTOS = Path(skimage.__file__).parent / "data"
PNG_MAGIC = b"\x89PNG\r\n\x1a\n"


def photo(name="astronaut.png", size=None):
    image = Image.open(PHOTOS / name).convert("RGB")
    return image.resize(size, Image.Resampling.LANCZOS) if size else image


def file_of(image, format, **options):
    file = BytesIO()
    image.save(file, format, **options)
    return file.getvalue()


def exif_orientation(value, order="<"):
    """A TIFF structure with tag 0x0112 behind one other entry."""
    entries = struct.pack(order + "HHII", 0x010F, 2, 4, 0) + struct.pack(order + "HHIHH", 0x0112, 3, 1, value, 0)
    magic = b"II*\0" if order == "<" else b"MM\0*"
    return b"Exif\0\0" + magic + struct.pack(order + "IH", 8, 2) + entries + bytes(4)


def chunk(kind, body=b""):
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png_file(width, height, depth, colour, rows, *before, after=(), interlace=0):
    """`rows`: filtered rows. `before` and `after`: whole chunks around IDAT."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlace)
    data = chunk(b"IDAT", zlib.compress(rows))
    return PNG_MAGIC + b"".join([chunk(b"IHDR", header), *before, data, *after, chunk(b"IEND")])


def png_rows(samples, big_endian_bytes=1):
    """Unfiltered rows of (H, W) or (H, W, C) samples."""
    samples = np.asarray(samples).astype(f">u{big_endian_bytes}")
    return b"".join(b"\0" + row.tobytes() for row in samples)


def packed_rows(samples, depth):
    """Unfiltered rows of (H, W) samples with 1, 2 or 4 bits each."""
    bits = np.unpackbits(np.asarray(samples, np.uint8)[..., None], axis=2)[..., 8 - depth :]
    return b"".join(b"\0" + np.packbits(row.ravel()).tobytes() for row in bits)


def segment(marker, body):
    return b"\xff" + bytes([marker]) + struct.pack(">H", len(body) + 2) + body


def into_jpeg(jpeg, *segments):
    """`jpeg` with segments put right behind SOI."""
    return jpeg[:2] + b"".join(segments) + jpeg[2:]


def riff_chunk(kind, body):
    return kind + struct.pack("<I", len(body)) + body + bytes(len(body) % 2)


def icc_profile(colour_space, connection_space, tags, device=b"mntr"):
    """An ICC version 2 profile of `tags`, name -> data."""
    table, bodies = struct.pack(">I", len(tags)), b""
    start = 128 + 4 + 12 * len(tags)
    for name, body in tags.items():
        body += bytes(-len(body) % 4)
        table += struct.pack(">4sII", name, start + len(bodies), len(body))
        bodies += body
    d50 = struct.pack(">iii", *(round(v * 65536) for v in (0.9642, 1.0, 0.8249)))
    header = struct.pack(
        ">I4sI4s4s4s", start + len(bodies), b"test", 0x02400000, device, colour_space, connection_space
    )
    header += bytes(12) + b"acsp" + bytes(28) + d50
    return header.ljust(128, b"\0") + table + bodies


def xyz(x, y, z):
    return b"XYZ \0\0\0\0" + struct.pack(">iii", *(round(v * 65536) for v in (x, y, z)))


def gamma_curve(gamma):
    return b"curv\0\0\0\0" + struct.pack(">IH", 1, round(gamma * 256))


def named(text):
    return b"desc\0\0\0\0" + struct.pack(">I", len(text) + 1) + text + bytes(1 + 4 + 4 + 2 + 1 + 67)


# Adobe RGB (1998), section 4.3.5: primaries adapted to D50, and its gamma.
ADOBE_PRIMARIES = np.array([[0.60974, 0.31111, 0.01947], [0.20528, 0.62567, 0.06087], [0.14919, 0.06322, 0.74457]])
ADOBE_GAMMA = 563 / 256


def adobe_rgb_profile():
    red, green, blue = ADOBE_PRIMARIES
    curve = gamma_curve(ADOBE_GAMMA)
    tags = {b"desc": named(b"wide"), b"wtpt": xyz(0.9642, 1.0, 0.8249)}
    tags |= {b"rXYZ": xyz(*red), b"gXYZ": xyz(*green), b"bXYZ": xyz(*blue)}
    return icc_profile(b"RGB ", b"XYZ ", tags | {b"rTRC": curve, b"gTRC": curve, b"bTRC": curve})


def grey_profile(gamma):
    tags = {b"desc": named(b"grey"), b"wtpt": xyz(0.9642, 1.0, 0.8249), b"kTRC": gamma_curve(gamma)}
    return icc_profile(b"GRAY", b"XYZ ", tags)


def cmyk_profile():
    """L* = 100 (1-c)(1-m)(1-y)(1-k), neutral: a table of 2 x 2 x 2 x 2 nodes between which lcms interpolates."""
    nodes = b"".join(bytes([255 if node == 0 else 0, 128, 128]) for node in range(16))
    ramp = bytes(range(256))
    identity = struct.pack(">9i", 65536, 0, 0, 0, 65536, 0, 0, 0, 65536)
    table = b"mft1\0\0\0\0" + bytes([4, 3, 2, 0]) + identity + ramp * 4 + nodes + ramp * 3
    tags = {b"desc": named(b"ink"), b"wtpt": xyz(0.9642, 1.0, 0.8249), b"A2B0": table}
    return icc_profile(b"CMYK", b"Lab ", tags, device=b"prtr")


def srgb_encoded(linear):
    linear = np.clip(linear, 0, 1)
    return np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055) * 255


def adobe_rgb_in_srgb(rgb):
    """(N, 3) Adobe RGB values 0 to 255 in sRGB, clipped to its gamut, in float64 by the standards' matrices."""
    srgb_to_xyz_d50 = np.array(  # IEC 61966-2-1 primaries, Bradford-adapted to D50 (Lindbloom)
        [[0.4360747, 0.3850649, 0.1430804], [0.2225045, 0.7168786, 0.0606169], [0.0139322, 0.0971045, 0.7141733]]
    )
    light = (np.asarray(rgb) / 255) ** ADOBE_GAMMA @ ADOBE_PRIMARIES
    return srgb_encoded(light @ np.linalg.inv(srgb_to_xyz_d50).T)


def decibels(picture, reference):
    """Peak signal-to-noise ratio of two uint8 arrays."""
    error = ((np.asarray(picture, float) - np.asarray(reference, float)) ** 2).mean()
    return np.inf if error == 0 else 10 * np.log10(255**2 / error)
