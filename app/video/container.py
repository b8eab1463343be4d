"""The kind of a clip, by its first bytes, and which of FFmpeg's demuxers and decoders may read it.

FFmpeg would guess among some 400 formats. Playlists among them name other files and hosts to read, and old game formats
are where its faults are found: a file is opened as what it is here, or not at all.
"""

from __future__ import annotations

# Of ISO base media files (MP4, MOV); `qt  ` and the brands of pictures are told apart by the second.
FTYP_KINDS = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot")
STILL_BRANDS = {b"avif", b"heic", b"heix", b"heim", b"heis", b"mif1"}
EBML = b"\x1a\x45\xdf\xa3"  # Matroska and WebM
HEAD_BYTES = 64

# Decoders of what cameras, phones, browsers and editors write.
VIDEO_CODECS = (
    "h264", "hevc", "mpeg4", "vp8", "libvpx-vp9", "vp9", "libdav1d", "av1", "mjpeg", "prores",
)  # fmt: skip
SOUND_CODECS = ("aac", "mp3", "mp3float", "ac3", "eac3", "alac", "flac", "opus", "libopus", "vorbis", "libvorbis")


def kind_of(head: bytes) -> str | None:
    """`mov`, `matroska`, `gif` or `webp`; None for anything else. `head` are the first HEAD_BYTES of the file."""
    if head[:6] in (b"GIF87a", b"GIF89a"):
        return "gif"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "webp"
    if head.startswith(EBML):
        return "matroska"
    if head[4:8] in FTYP_KINDS and not (head[4:8] == b"ftyp" and head[8:12] in STILL_BRANDS):
        return "mov"
    return None
