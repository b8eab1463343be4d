"""What came instead of a picture is named."""

import io

import pytest
from PIL import Image

from app.errors import UnsupportedPicture
from app.imaging.decode import probe
from app.imaging.foreign import name_of


def saved(format):
    file = io.BytesIO()
    Image.new("RGB", (8, 8)).save(file, format)
    return file.getvalue()


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (saved("GIF"), "a GIF"),
        (saved("TIFF"), "a TIFF or a camera's raw picture"),
        (saved("BMP"), "a BMP"),
        (saved("ICO"), "an ICO"),
        (saved("PDF"), "a PDF"),
        (saved("JPEG2000"), "a JPEG 2000"),
        (b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic", "a HEIC"),
        (b"\x00\x00\x00\x18ftypisom\x00\x00\x02\x00", "an MP4 or QuickTime video"),
        (b"RIFF\x24\x00\x00\x00WAVEfmt ", "a RIFF file that is not WebP"),
        (b'{"image": "/9j/"}', "JSON"),
        (b" <!DOCTYPE html><html>", "HTML"),
        (b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg"/>', "an SVG"),
        (b"<?xml version='1.0'?><a/>", "XML"),
        (b"data:image/png;base64,iVBORw0KGgo=", "a data URL; send the bytes that it stands for"),
        (b"/9j/4AAQSkZJRg==", "a picture as base64 text; send the bytes that it stands for"),
        (b"--cut\r\nContent-Disposition: form-data", "a form without its `Content-Type: multipart/form-data`"),
        (b"image=abc&styles=great_wave", "a form as application/x-www-form-urlencoded"),
        (b"https://example.org/photo.jpg", "a URL; send the picture itself"),
        (b"hello", "text"),
        (bytes(range(100, 200)), None),
        (b"", None),
    ],
)
def test_the_first_bytes_tell_what_it_is(data, name):
    assert name_of(data) == name


def test_the_error_says_what_came():
    with pytest.raises(UnsupportedPicture, match=r"^The bytes are not a JPEG, .* but a GIF\.$") as refused:
        probe(saved("GIF"), 40)
    assert refused.value.status == 415
    with pytest.raises(UnsupportedPicture, match=r"picture\.$"):
        probe(bytes(range(100, 200)), 40)
