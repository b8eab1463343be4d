"""Names of unsupported formats, so that an error can say what was sent instead of an image."""

from __future__ import annotations

import re

# By the first bytes of a file.
MAGIC = {
    b"GIF8": "a GIF",
    b"II*\x00": "a TIFF or a camera's raw picture",
    b"MM\x00*": "a TIFF or a camera's raw picture",
    b"II+\x00": "a BigTIFF",
    b"MM\x00+": "a BigTIFF",
    b"BM": "a BMP",
    b"\x00\x00\x01\x00": "an ICO",
    b"8BPS": "a Photoshop document",
    b"\xff\x0a": "a JPEG XL",
    b"\x00\x00\x00\x0cJXL ": "a JPEG XL",
    b"\x00\x00\x00\x0cjP  ": "a JPEG 2000",
    b"\xff\x4f\xff\x51": "a JPEG 2000",
    b"v/1\x01": "an OpenEXR",
    b"qoif": "a QOI",
    b"%PDF": "a PDF",
    b"%!PS": "PostScript",
    b"PK\x03\x04": "a ZIP archive",
    b"\x1f\x8b": "gzip data; name it in `Content-Encoding`",
    b"\x1aE\xdf\xa3": "a WebM or Matroska video",
    b"RIFF": "a RIFF file that is not WebP",
    b"\xff\xd8": "a damaged JPEG",
    b"\x89PN": "a damaged PNG",
}
# Brands of the ISO base media file format, by their first letters.
BRANDS = {
    b"avi": "an AVIF",
    b"hei": "a HEIC",
    b"hev": "a HEIC",
    b"mif": "a HEIF",
    b"msf": "a HEIF",
    b"crx": "a Canon raw picture",
}
TEXTS = {
    rb"\s*<\?xml[^>]*>\s*(<!--.*?-->\s*)*(<!DOCTYPE svg[^>]*>\s*)?<svg|\s*<svg": "an SVG",
    rb"\s*<!doctype html|\s*<html": "HTML",
    rb"\s*<\?xml": "XML",
    rb"\s*[{\[]": "JSON",
    rb"data:image/[\w.+-]+;base64,": "a data URL; send the bytes that it stands for",
    rb"/9j/|iVBORw0KGgo|UklGR": "a picture as base64 text; send the bytes that it stands for",
    rb"--[^\r\n]{1,70}\r\n": "a form without its `Content-Type: multipart/form-data`",
    rb"(\w+=[^&\s]*)(&\w+=[^&\s]*)*$": "a form as application/x-www-form-urlencoded",
    rb"https?://": "a URL; send the picture itself",
}
LOOKED_AT = 1024


def name_of(data: bytes) -> str | None:
    """What the bytes are, with an article; None if unknown."""
    head = data[:LOOKED_AT]
    if head[4:8] == b"ftyp":
        return next((name for brand, name in BRANDS.items() if head[8:].startswith(brand)), "an MP4 or QuickTime video")
    for magic, name in MAGIC.items():
        if head.startswith(magic):
            return name
    for pattern, name in TEXTS.items():
        if re.match(pattern, head, re.IGNORECASE | re.DOTALL):
            return name
    return "text" if head and all(byte in b"\t\n\r" or 32 <= byte < 127 for byte in head) else None
