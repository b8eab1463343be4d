"""Whatever the bytes are: a picture or an error of ours, never a warning, in bounded memory."""

from __future__ import annotations

import subprocess
import sys
import zlib
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from picture_files import adobe_rgb_profile, chunk, exif_orientation, file_of, into_jpeg, photo, png_file, segment
from PIL import Image

from app.errors import PasticheError
from app.imaging import jpeg
from app.imaging.decode import decode, probe

HERE = Path(__file__).parent
SIZE = (41, 29)


@cache
def seeds():
    """One small file of every kind."""
    image = photo(size=SIZE)
    translucent = image.copy()
    translucent.putalpha(Image.linear_gradient("L").resize(SIZE))
    palette = image.quantize(16)
    extras = {"exif": exif_orientation(6), "icc_profile": adobe_rgb_profile()}
    rows = b"".join(b"\0" + bytes(range(82)) for _ in range(29))
    return {
        "jpeg": file_of(image, "jpeg", **extras),
        "progressive": file_of(image, "jpeg", progressive=True),
        "cmyk": file_of(image.convert("CMYK"), "jpeg"),
        "grey jpeg": file_of(image.convert("L"), "jpeg"),
        "restarts": into_jpeg(file_of(image, "jpeg", restart_marker_rows=1), segment(0xFE, b"note")),
        "png": file_of(image, "png", **extras),
        "alpha png": file_of(translucent, "png"),
        "palette": file_of(palette, "png", transparency=bytes(range(16))),
        "bits": file_of(image.convert("1"), "png"),
        "deep": png_file(41, 29, 16, 0, rows, chunk(b"tRNS", b"\0\1")),
        "lossy": file_of(image, "webp", **extras),
        "lossless": file_of(image, "webp", lossless=True),
        "alpha webp": file_of(translucent, "webp"),
        "animated": file_of(image, "webp", save_all=True, append_images=[image.rotate(180)]),
        "avif": file_of(translucent, "avif"),
    }


def outcome(data, longer_edge):
    try:
        return decode(data, 0.1, longer_edge)
    except PasticheError as error:
        return error


def read(data):
    """A whole picture or a PasticheError; anything else fails the test. Both readers agree on the size."""
    for longer_edge in (None, 9):
        result = outcome(data, longer_edge)
        if isinstance(result, PasticheError):
            assert result.detail.endswith(".")
            assert not any(word in result.detail for word in ("PIL", "Error", "0x", "chunk", "marker"))
        elif longer_edge is None:
            header = probe(data, 0.1)
            assert (header.width, header.height) == (result.width, result.height)
        else:
            assert max(result.width, result.height) <= 9


@given(
    st.binary(max_size=300), st.sampled_from([b"", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"RIFF\xf0\0\0\0WEBPVP8 "])
)
def test_any_bytes(data, magic):
    read(magic + data)


@pytest.mark.sweep
@pytest.mark.parametrize("kind", seeds())
def test_changed_bytes(kind):
    """Every byte of the headers, and every 19th of the rest: its lowest bit, and all of its bits."""
    data = seeds()[kind]
    for position in [*range(min(400, len(data))), *range(400, len(data), 19)]:
        for change in (0x01, 0xFF):
            changed = bytearray(data)
            changed[position] ^= change
            read(bytes(changed))


@pytest.mark.sweep
@pytest.mark.parametrize("kind", seeds())
def test_cut_files(kind):
    data = seeds()[kind]
    for length in range(0, len(data), 3):
        read(data[:length])


@settings(max_examples=150)
@given(st.data())
def test_files_with_parts_removed_doubled_and_exchanged(data):
    file = data.draw(st.sampled_from(list(seeds().values())))
    other = data.draw(st.sampled_from(list(seeds().values())))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(file)), min_size=2, max_size=2)))
    middle = data.draw(st.sampled_from([b"", file[cuts[0] : cuts[1]] * 2, other[cuts[0] : cuts[1]], b"\xff" * 9]))
    read(file[: cuts[0]] + middle + file[cuts[1] :])


@settings(max_examples=150)
@given(
    st.sampled_from([b"PLTE", b"tRNS", b"iCCP", b"eXIf", b"acTL", b"IDAT", b"gAMA"]), st.binary(max_size=900), st.data()
)
def test_png_chunks_of_any_content(kind, body, data):
    depth, colour = data.draw(
        st.sampled_from([(1, 0), (4, 0), (16, 0), (8, 2), (16, 2), (2, 3), (8, 3), (8, 4), (16, 6)])
    )
    interlace = data.draw(st.integers(0, 1))
    before = [chunk(b"PLTE", b"\1\2\3" * 3)] if data.draw(st.booleans()) else []
    rows = data.draw(st.binary(max_size=200)) + bytes(400)
    read(png_file(5, 7, depth, colour, rows, *before, chunk(kind, body), interlace=interlace))


@settings(max_examples=100)
@given(st.data())
def test_profiles_with_changed_bytes(data):
    profile = bytearray(adobe_rgb_profile())
    for _ in range(data.draw(st.integers(1, 8))):
        profile[data.draw(st.integers(0, len(profile) - 1))] = data.draw(st.integers(0, 255))
    image = photo(size=(8, 8))
    assert decode(file_of(image, "png", icc_profile=bytes(profile)), 40).rgb.shape == (8, 8, 3)


def in_a_process(script):
    """Output of `script` in a fresh interpreter in which every warning is an error."""
    code = f"import sys; sys.path[:0] = [{str(HERE)!r}]\n" + script
    command = [sys.executable, "-W", "error", "-c", code]
    done = subprocess.run(command, cwd=HERE.parent.parent, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


PEAK = """
import resource
from app.imaging.decode import decode
from app.errors import PasticheError
decode(open({small!r}, "rb").read(), 40)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    print(*decode(open({path!r}, "rb").read(), 64, 512).rgb.shape)
except PasticheError as error:
    print(error.slug)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


@pytest.mark.process
@pytest.mark.skipif(sys.platform != "linux", reason="ru_maxrss counts kilobytes on Linux")
@pytest.mark.parametrize(
    "kind",
    ["photo", "many pixels", "text", "promise", "strip", "flat webp", "deep grey", "keyed", "panorama", "progressive"],
)
def test_memory_is_bounded_by_what_is_needed(tmp_path, kind):
    """Megabytes beyond those of a small picture; 12 megapixels at full size would be 48 in Pillow alone."""
    bomb = zlib.compress(bytes(200_000_000))
    data, expected, most = {
        "photo": lambda: (file_of(photo("coffee.png").resize((4000, 3000)), "jpeg"), ["384", "512", "3"], 16),
        "many pixels": lambda: (png_file(30_000, 30_000, 1, 0, bytes(3751 * 30_000)), ["picture-too-large"], 4),
        "text": lambda: (
            png_file(1, 1, 8, 0, b"\0\7", chunk(b"zTXt", b"a\0\0" + bomb), chunk(b"iCCP", b"a\0\0" + bomb)),
            ["1", "1", "3"],
            16,
        ),
        "promise": lambda: (png_file(6000, 6000, 8, 6, bytes(9999)), ["broken-picture"], 4),
        "strip": lambda: (png_file(20_000_000, 1, 8, 0, bytes(20_000_001)), ["1", "512", "3"], 200),
        "flat webp": lambda: (
            file_of(Image.new("RGBA", (16_383, 2441)), "webp", lossless=True),
            ["76", "512", "3"],
            200,
        ),
        "deep grey": lambda: (png_file(8000, 5000, 16, 0, bytes(16_001 * 5000)), ["320", "512", "3"], 40),
        "keyed": lambda: (
            png_file(8000, 5000, 8, 2, bytes(24_001 * 5000), chunk(b"tRNS", bytes(6))),
            ["320", "512", "3"],
            40,
        ),
        "panorama": lambda: (file_of(Image.new("RGB", (16_382, 3628)), "jpeg"), ["113", "512", "3"], 24),
        "progressive": lambda: (
            file_of(Image.new("CMYK", (8000, 8000)), "jpeg", progressive=True),
            ["picture-too-large"],
            8,
        ),
    }[kind]()
    (tmp_path / "file").write_bytes(data)
    (tmp_path / "small").write_bytes(seeds()["jpeg"])
    *result, megabytes = in_a_process(PEAK.format(small=str(tmp_path / "small"), path=str(tmp_path / "file")))
    assert result == expected
    assert int(megabytes) <= most


@pytest.mark.process
def test_no_other_plugin_is_ever_loaded(tmp_path):
    for name, data in seeds().items():
        (tmp_path / name).write_bytes(data)
    script = f"""
from pathlib import Path
from app.errors import PasticheError
from app.imaging.decode import decode
for path in Path({str(tmp_path)!r}).iterdir():
    try:
        decode(path.read_bytes(), 40, 16)
    except PasticheError:
        pass
from PIL import Image
print(*Image.ID)
"""
    assert set(in_a_process(script)) <= {"JPEG", "PNG", "WEBP", "MPO", "AVIF"}


def test_ninety_megapixels_bring_no_warning_where_the_limit_allows_them():
    """Pillow itself warns from 89 megapixels on, and warnings are errors here."""
    data = file_of(Image.new("1", (12_000, 7_500)), "png")
    assert decode(data, 100, longer_edge=64).rgb.shape == (40, 64, 3)


def test_memory_that_is_not_there_is_an_out_of_memory_error(monkeypatch):
    def no_memory(*_):
        raise MemoryError

    monkeypatch.setattr(jpeg, "load", no_memory)
    with pytest.raises(PasticheError) as caught:
        decode(seeds()["jpeg"], 40)
    assert caught.value.slug == "out-of-memory"
