import pytest

from app.api.http.negotiation import negotiate
from app.errors import NotAcceptable

FORMATS = {"jpeg": "image/jpeg", "png": "image/png", "webp": "image/webp", "avif": "image/avif"}
CHROME = "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8"


@pytest.mark.parametrize(
    ("accept", "format"),
    [
        ("", "jpeg"),
        ("*/*", "jpeg"),
        ("image/*", "jpeg"),
        ("image/png", "png"),
        ("IMAGE/PNG", "png"),
        ("image/jpg, image/png;q=0.9", "jpeg"),
        ("image/jpg;q=0.5, image/png", "png"),
        ("image/pjpeg", "jpeg"),
        ("image/webp;q=0.5, image/png;q=0.6", "png"),
        ("image/webp;q=0.501, image/png;q=0.5", "webp"),
        # Of equal weights: the named one before a wildcard, then the service's own order.
        (CHROME, "webp"),
        ("image/avif, */*", "avif"),
        ("image/avif, image/png", "png"),
        ("image/avif, image/png, image/jpeg", "jpeg"),
        # The closest range decides, wherever it stands and whatever the wider ones say.
        ("image/*;q=0.1, image/jpeg;q=0, */*;q=0.9", "webp"),
        ("*/*, image/jpeg;q=0", "webp"),
        ("image/*, image/jpeg;q=0.2, image/webp;q=0.2", "png"),
        ("text/html, application/xhtml+xml, */*;q=0.1", "jpeg"),
        ("image/png;q=1.000 , image/jpeg ; q=0.999", "png"),
        ("image/png;level=1;q=0.9, image/jpeg;q=0.8", "png"),
        # Members that are malformed are passed over; nothing left is as no header.
        ("image/jpeg;q=2, image/png", "png"),
        ("image/jpeg;q=-1, image/png;q=0.1", "png"),
        ("image/jpeg;q=nan, image/png;q=0.1", "png"),
        ("image, png, ;q=1, */png/x", "jpeg"),
        (",,,", "jpeg"),
    ],
)
def test_accept_chooses_the_format(accept, format):
    assert negotiate(accept, FORMATS) == format


@pytest.mark.parametrize(
    "accept",
    ["application/json", "image/gif", "image/*;q=0", "*/*;q=0.000", "text/*, image/jpeg;q=0, application/json"],
)
def test_no_acceptable_format_is_a_problem_that_names_those_there_are(accept):
    with pytest.raises(NotAcceptable, match="image/jpeg, image/png, image/webp, image/avif"):
        negotiate(accept, FORMATS)


def test_only_what_can_be_written_is_chosen():
    assert negotiate("image/avif, image/png;q=0.1", {"jpeg": "image/jpeg", "png": "image/png"}) == "png"
