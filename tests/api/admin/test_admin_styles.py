"""Paintings of the operator: brought, listed, looked at and deleted; and everything that is no painting."""

import hashlib
import io
import struct
import zlib

import numpy as np
import pytest
from picture_bytes import encoded, pixels, waves
from PIL import Image, PngImagePlugin

from app.api.admin.style_library import StyleLibrary
from app.jobs.job import NewJob, new_job_id
from app.jobs.ledger import Ledger, Quota
from app.jobs.training_params import StyleImageRef, TrainingParams
from app.model_store.style_pictures import StylePictures
from app.model_store.version import VersionStatus
from app.model_store.version_rows import VersionRows
from app.sql.schema import jobs, model_versions, style_pictures

ROUTE = "/v1/admin/styles"
ABOUT = {"title": "The Great Wave", "artist": "Hokusai", "year": "1831", "licence": "Public domain"}


@pytest.fixture
def database(operator):
    """Of the operator's application, without paintings, trainings and versions."""
    database = operator_desk(operator).database
    with database.write() as connection:
        for table in (style_pictures, jobs, model_versions):
            connection.execute(table.delete())
    operator_desk(operator)._blobs.delete_prefix("style_pictures/")
    return database


@pytest.fixture
def bring(operator, database):
    def bring(data=None, files=None, **fields):
        image = {"image": encoded(waves()) if data is None else data}
        return operator.post(ROUTE, data=ABOUT | fields, files=image if files is None else files)

    return bring


def operator_desk(operator):
    return operator.service.jobs


def problem(response, status, slug):
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    found = response.json()
    assert (found["status"], found["type"]) == (status, f"/problems/{slug}")
    return found


def test_a_painting_is_kept_under_an_id_of_its_title(operator, bring):
    made = bring()
    assert made.status_code == 201
    assert made.headers["Location"] == f"{ROUTE}/the_great_wave"
    entry = made.json()
    assert {name: entry[name] for name in ("id", "title", "artist", "year", "licence")} == {
        "id": "the_great_wave",
        **ABOUT,
        "year": 1831,
    }
    assert (entry["width"], entry["height"], entry["used_by"]) == (96, 72, [])
    assert operator.get(made.headers["Location"]).json() == entry
    assert operator.get(ROUTE).json() == {"styles": [entry]}
    picture = operator.get(entry["links"]["picture"])
    assert hashlib.sha256(picture.content).hexdigest() == entry["sha256"]
    assert np.array_equal(pixels(picture.content), waves())
    again = operator.get(entry["links"]["picture"], headers={"If-None-Match": picture.headers["ETag"]})
    assert again.status_code == 304


def test_only_the_title_is_needed(bring, operator, database):
    made = operator.post(ROUTE, data={"title": "Plain"}, files={"image": encoded(waves())}).json()
    assert [made[name] for name in ("artist", "year", "licence")] == [None, None, None]


def test_an_id_is_given_once_whatever_the_spelling_of_the_title(bring, operator):
    bring()
    for title in ("The Great Wave", "the great wave!", "Thé Great\u00a0Wave"):
        problem(bring(title=title), 409, "style-exists")
    assert len(operator.get(ROUTE).json()["styles"]) == 1


def test_of_two_at_once_one_is_kept_and_no_picture_too_many(operator, bring, database, monkeypatch):
    async def seems_free(self, style_id):
        pass

    bring()
    monkeypatch.setattr(StyleLibrary, "check_free", seems_free)
    problem(bring(), 409, "style-exists")
    assert len(operator_desk(operator)._blobs.list("style_pictures/the_great_wave/")) == 1


def test_a_painting_is_kept_without_metadata_and_transparency_and_not_larger_than_anything_looks_at(bring, operator):
    file = io.BytesIO()
    info = PngImagePlugin.PngInfo()
    info.add_text("Comment", "who took it and where")
    picture = Image.new("RGBA", (2400, 300), (10, 20, 30, 0))
    picture.paste((200, 100, 50, 255), (0, 0, 1200, 300))
    picture.save(file, "png", pnginfo=info, exif=Image.Exif())
    entry = bring(file.getvalue()).json()
    assert (entry["width"], entry["height"]) == (2048, 256)
    kept = operator.get(entry["links"]["picture"]).content
    assert b"who took it" not in kept
    assert tuple(pixels(kept)[10, 10]) == (200, 100, 50)
    assert tuple(pixels(kept)[10, 2000]) == (255, 255, 255)


def test_an_unused_painting_is_deleted_with_its_picture(operator, bring):
    path = bring().json()["links"]["self"]
    assert operator.delete(path).status_code == 204
    for response in (operator.get(path), operator.get(f"{path}/picture"), operator.delete(path)):
        problem(response, 404, "not-found")
    assert operator_desk(operator)._blobs.list("style_pictures/the_great_wave/") == []
    assert bring().status_code == 201


def test_a_painting_that_a_training_or_a_version_uses_stays(operator, bring, database):
    path = bring().json()["links"]["self"]
    painting = StyleImageRef.of(StylePictures(database).get("the_great_wave"))
    params = TrainingParams(mode="add", model="compact", paintings=[painting]).model_dump(mode="json")
    ledger = Ledger(database, expiry_seconds=60)
    job, _ = ledger.create(NewJob(new_job_id(), "training", params, "admin"), Quota(10, 10))
    assert problem(operator.delete(path), 409, "style-in-use")["used_by"] == [f"job {job.id}"]
    ledger.cancel(job.id)
    rows = VersionRows(database)
    for report in ({"paintings": {"the_great_wave": "another picture"}}, {}, {"paintings": {"x": painting.sha256}}):
        publish(rows, report)
    assert operator.get(path).json()["used_by"] == []
    label = publish(rows, {"paintings": {"the_great_wave": painting.sha256}})
    assert operator.get(path).json()["used_by"] == [label]
    problem(operator.delete(path), 409, "style-in-use")


def publish(rows, report):
    number = rows.reserve("compact", 1, "")
    files = {"blob_prefix": "models/x/", "manifest_sha256": "0" * 64}
    assert rows.publish("compact", number, status=VersionStatus.CANDIDATE, reasons=[], report=report, by="", **files)
    return f"compact@{number}"


def png(width, height, data=b""):
    """The header of a PNG, and whatever `data` is said to be its pixels."""
    parts = [(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)), (b"IDAT", data), (b"IEND", b"")]
    chunks = (struct.pack(">I", len(d)) + n + d + struct.pack(">I", zlib.crc32(n + d)) for n, d in parts)
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def huge_jpeg():
    """Of 65,500 pixels an edge, says its header."""
    data = bytearray(encoded(waves(), "jpeg"))
    start = data.index(b"\xff\xc0") + 5
    data[start : start + 4] = struct.pack(">HH", 65_500, 65_500)
    return bytes(data)


BOMB = zlib.compress(bytes(30_000_000), 9)
ANIMATED = io.BytesIO()
Image.new("RGB", (80, 80)).save(
    ANIMATED, "webp", save_all=True, append_images=[Image.new("RGB", (80, 80), "red")], duration=100
)


@pytest.mark.parametrize(
    ("data", "status", "slug"),
    [
        (b"", 400, "empty-body"),
        (b"\0" * 5000, 415, "unsupported-picture"),
        (b"GIF89a" + bytes(500), 415, "unsupported-picture"),
        (
            b"<svg xmlns='http://www.w3.org/2000/svg'><image href='file:///etc/passwd'/></svg>",
            415,
            "unsupported-picture",
        ),
        (b"<!doctype html><script>alert(1)</script>", 415, "unsupported-picture"),
        (b"%PDF-1.7\n" + bytes(500), 415, "unsupported-picture"),
        (b"\x80\x04cos\nsystem\n", 415, "unsupported-picture"),
        (b"\xff\xd8\xff", 422, "broken-picture"),
        (encoded(waves())[:400], 422, "broken-picture"),
        (encoded(waves(), "jpeg")[:600], 422, "broken-picture"),
        (png(96, 72, b"no zlib at all"), 422, "broken-picture"),
        (png(0, 72), 422, "broken-picture"),
        (png(2**31 - 1, 2**31 - 1), 422, "broken-picture"),
        (huge_jpeg(), 413, "picture-too-large"),
        (png(6000, 6000, BOMB), 422, "broken-picture"),
        (ANIMATED.getvalue(), 415, "animated-picture"),
        (encoded(waves(40, 40)), 422, "invalid-option"),
        (encoded(waves(6000, 64)), 422, "invalid-option"),
    ],
    ids=[
        *("empty", "zeros", "gif", "svg", "html", "pdf", "pickle", "three bytes", "cut png", "cut jpeg", "no zlib"),
        *("no columns", "endless", "huge", "bomb", "animated", "small", "thin"),
    ],
)
def test_what_is_no_painting_is_refused_and_leaves_nothing(operator, bring, data, status, slug):
    files = {"image": ("painting.png", data, "image/png")}
    problem(bring(files=files), status, slug)
    assert operator.get(ROUTE).json() == {"styles": []}
    assert operator_desk(operator)._blobs.list("style_pictures/") == []


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("title", ""),
        ("title", "   "),
        ("title", "../../etc/passwd"),
        ("title", "..\\..\\boot.ini"),
        ("title", "http://169.254.169.254/latest"),
        ("title", "a\0b"),
        ("title", "a\nb"),
        ("title", "wave\u202egnp.exe"),
        ("title", "great\u200bwave"),
        ("title", "\U000e0041"),
        ("title", "神奈川沖浪裏"),
        ("title", "x" * 201),
        ("title", "!!!"),
        ("artist", "\x1b[31mred"),
        ("artist", "y" * 201),
        ("year", "nineteen"),
        ("year", "NaN"),
        ("year", "1e400"),
        ("year", "99999999999999999999"),
        ("licence", "\ud7ff\ufffe"),
        ("url", "https://example.org/painting.jpg"),
        ("path", "/etc/passwd"),
        ("id", "mine"),
    ],
)
def test_fields_are_words_and_nothing_else(operator, bring, field, value):
    found = problem(bring(**{field: value}), 422, "invalid-option")
    assert found["detail"].isascii()
    assert found["detail"].isprintable()
    assert operator.get(ROUTE).json() == {"styles": []}


def test_forms_that_are_none(operator, bring):
    image = encoded(waves())
    problem(operator.post(ROUTE, content=image, headers={"Content-Type": "image/png"}), 400, "malformed-body")
    problem(operator.post(f"{ROUTE}?title=x", files={"image": image}), 422, "invalid-option")
    problem(operator.post(ROUTE, files={"image": image}), 422, "invalid-option")
    problem(operator.post(ROUTE, data=ABOUT, files={"picture": image}), 400, "malformed-body")
    problem(operator.post(ROUTE, data=ABOUT, files=[("image", image), ("image", image)]), 400, "malformed-body")
    problem(operator.post(ROUTE, data={"title": ["a", "b"]}, files={"image": image}), 422, "invalid-option")
    cut = operator.build_request("POST", ROUTE, data=ABOUT, files={"image": image})
    content = cut.read()[:-200]
    headers = {"Content-Type": cut.headers["Content-Type"]}
    problem(operator.post(ROUTE, content=content, headers=headers), 400, "malformed-body")


def test_a_form_of_more_bytes_than_the_limit_is_refused(bring):
    problem(bring(b"\x89PNG\r\n\x1a\n" + bytes(17_000_000)), 413, "body-too-large")


@pytest.mark.parametrize("style_id", ["..", "%2e%2e%2f%2e%2e%2fetc%2fpasswd", "a%00b", "x" * 5000, "%ff", "A B"])
def test_an_id_that_is_none_is_not_found(operator, bring, style_id):
    for path in (f"{ROUTE}/{style_id}", f"{ROUTE}/{style_id}/picture"):
        assert operator.get(path).status_code in (404, 405)
    assert operator.delete(f"{ROUTE}/{style_id}").status_code in (404, 405)
