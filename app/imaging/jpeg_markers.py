"""The marker segments of a JPEG (ITU-T T.81, annex B), and where the image ends if no marker says so."""

from __future__ import annotations

import re
import struct
from typing import NamedTuple

from app.imaging.container import MAX_PIECES, cut_off, damaged

SOI, EOI, SOS, APP1, APP2, COM = 0xD8, 0xD9, 0xDA, 0xE1, 0xE2, 0xFE
FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # DHT, JPG and DAC lie between the SOF markers
PROGRESSIVE = 0xC2
WITHOUT_LENGTH = {0x01, SOI, *range(0xD0, 0xD8)}  # TEM, SOI, RST0 to RST7
# Allowed after a scan: tables, another scan, metadata, and frame headers (which are refused later).
BEHIND_A_SCAN = {*FRAMES, 0xC4, 0xCC, EOI, SOS, 0xDB, 0xDD, *range(0xE0, 0xF0), COM}
COEFFICIENTS = 64

MARKER = re.compile(rb"\xff[\x01-\xfe]")
MARKER_AFTER_SCAN = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")  # FF 00 and RSTn belong to the scan's data


class Segment(NamedTuple):
    """`data[start:end]`, with its payload from `body` on. `start == end` for an EOI that the file lacks."""

    marker: int
    start: int
    body: int
    end: int


class FrameHeader(NamedTuple):
    """A frame header: width and height in pixels, and the samples of each component by its id."""

    marker: int
    depth: int
    width: int
    height: int
    samples: dict[int, int]

    @property
    def progressive(self) -> bool:
        return self.marker == PROGRESSIVE


def read_frame(marker: int, body: bytes) -> FrameHeader:
    """Raises PictureError."""
    if len(body) < 6 or len(body) < 6 + 3 * body[5]:
        raise damaged("short frame header")
    depth, height, width, components = struct.unpack_from(">BHHB", body)
    rates = {body[at]: (body[at + 1] >> 4, body[at + 1] & 15) for at in range(6, 6 + 3 * components, 3)}
    most_x, most_y = (max((rate[axis] for rate in rates.values()), default=0) or 1 for axis in (0, 1))
    samples = {name: width * height * x * y // (most_x * most_y) for name, (x, y) in rates.items()}
    return FrameHeader(marker, depth, width, height, samples)


def scanned(body: bytes) -> tuple[bytes, int, int, int]:
    """From a scan header: component ids, first and last coefficient, and the number of low bits left out.

    Raises:
        PictureError: it is too short.
    """
    if not body or len(body) < 4 + 2 * body[0]:
        raise damaged("short scan header")
    first, last, precision = body[1 + 2 * body[0] : 4 + 2 * body[0]]
    return body[1 : 1 + 2 * body[0] : 2], first, last, precision & 15


class Coverage:
    """Which coefficients the scans have brought completely so far."""

    def __init__(self, frame: FrameHeader) -> None:
        self._progressive = frame.progressive
        self._missing = dict.fromkeys(frame.samples, (1 << COEFFICIENTS) - 1)

    def add(self, scan: bytes) -> None:
        components, first, last, left_out = scanned(scan)
        if not self._progressive:
            first, last, left_out = 0, COEFFICIENTS - 1, 0
        if left_out == 0:
            brought = (1 << (min(last, COEFFICIENTS - 1) + 1)) - (1 << min(first, COEFFICIENTS))
            for name in components:
                self._missing[name] = self._missing.get(name, 0) & ~brought

    @property
    def complete(self) -> bool:
        return not any(self._missing.values())


def segments(data: bytes) -> list[Segment]:
    """Marker segments up to the first image's EOI. A scan's data lies between its SOS and the next segment.

    Some phones write no EOI, or their own data after the last scan. If all scans are there, the image ends with them.

    Raises:
        PictureError: the structure is broken, or ends before the last scan has begun.
    """
    found: list[Segment] = []
    ending: tuple[int, int] | None = None  # the number of segments then, and where the data ends
    coverage: Coverage | None = None
    position, pattern = 2, MARKER
    why = damaged("too many segments")
    for _ in range(MAX_PIECES):
        match = pattern.search(data, position)
        behind_scan, pattern = pattern is MARKER_AFTER_SCAN, MARKER
        if behind_scan and ending is None and coverage is not None and coverage.complete:
            ending = len(found), match.start() if match else len(data)
        if match is None:
            why = cut_off("no EOI")
            break
        marker, start, position = data[match.start() + 1], match.start(), match.end()
        if marker == EOI:
            return [*found, Segment(EOI, start, position, position)]
        if coverage is not None and marker not in BEHIND_A_SCAN and not 0xD0 <= marker <= 0xD7:
            why = damaged(f"marker {marker:#x} behind a scan")
            break
        if marker in WITHOUT_LENGTH:
            continue
        body = position + 2
        length = int.from_bytes(data[position:body], "big")
        position += length
        if position > len(data):
            why = cut_off(f"marker {marker:#x} ends after the file")
            break
        if length < 2:
            why = damaged(f"marker {marker:#x} has length {length}")
            break
        found.append(Segment(marker, start, body, position))
        if marker == SOS:
            coverage = coverage or Coverage(frame_of(found, data))
            coverage.add(data[body:position])
            pattern = MARKER_AFTER_SCAN
    if ending is None:
        raise why
    pieces, end = ending
    return [*found[:pieces], Segment(EOI, end, end, end)]


def frame_of(found: list[Segment], data: bytes) -> FrameHeader:
    """Raises PictureError."""
    for marker, _, body, end in found:
        if marker in FRAMES:
            return read_frame(marker, data[body:end])
    raise damaged("no frame")
