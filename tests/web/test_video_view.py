"""Clips in the page: chosen, sent, followed, played beside the original, and found again."""

import re
import shutil
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

from app.imaging.picture import Picture
from app.video.frame import Frame
from app.video.writing import write_clip

FRAMES = 8
KEY = "a-key-of-the-pages-tests-that-is-long"


@pytest.fixture(scope="module")
def clip_file(photos, tmp_path_factory):
    """clip_file(suffix): eight frames of 96 x 64 pixels that move over a photo."""
    photo = np.asarray(Image.open(photos / "coffee.png").convert("RGB"))
    folder = tmp_path_factory.mktemp("clips")

    def made(suffix: str) -> Path:
        file = folder / f"my clip.{suffix}"
        views = (np.ascontiguousarray(photo[100:164, 100 + 4 * t : 196 + 4 * t]) for t in range(FRAMES))
        frames = (Frame(Picture(view), Fraction(t, 10), Fraction(1, 10)) for t, view in enumerate(views))
        write_clip(file, suffix, frames, 90)
        return file

    return made


@pytest.fixture(scope="module")
def guarded(launch):
    return launch(workers=1, api_keys=KEY)


def choose(page, file):
    page.locator(".order input[type=file]").set_input_files(file)
    expect(page.locator(".clip-about")).to_contain_text(file.name)


def paint(page):
    page.get_by_role("button", name="Paint the clip").click()


def test_a_clip_is_painted_and_played_beside_its_original_across_a_reload(visit, clip_file):
    page = visit("#video")
    choose(page, clip_file("mp4"))
    expect(page.locator(".clip-about")).to_have_text(re.compile(r"my clip\.mp4, 96 × 64, 0\.8 s, \d+.kB"))
    page.get_by_role("button", name="The Great Wave off Kanagawa", exact=True).click()
    page.get_by_label("Style at the end").select_option(label="Udnie")
    paint(page)
    expect(page.get_by_role("heading", name=re.compile("Great Wave.* → .*Udnie"))).to_be_visible()
    expect(page.locator(".job.chosen")).to_contain_text("Done")
    painted = page.get_by_label("The painted clip")
    expect(painted).to_be_visible()
    page.reload()
    expect(painted).to_be_visible()
    page.wait_for_function("() => document.querySelectorAll('.clip-stage video').length === 2")
    # Both play, and stay together.
    page.wait_for_function(
        """() => {
            const [before, after] = document.querySelectorAll('.clip-stage video');
            return !before.paused && !after.paused && after.currentTime > 0
                && Math.abs(before.currentTime - after.currentTime) < 0.2;
        }"""
    )
    with page.expect_download() as started:
        page.get_by_role("link", name="Download").click()
    assert started.value.suggested_filename.endswith(".mp4")
    assert started.value.path().read_bytes()[4:8] == b"ftyp"
    expect(page.get_by_text(f"96 × 64, {FRAMES} frames")).to_be_visible()
    page.get_by_role("button", name="Painting", exact=True).click()
    expect(page.get_by_label("The original clip")).to_have_count(0)
    page.get_by_role("button", name=re.compile("^Delete")).click()
    expect(page.get_by_text("Your jobs appear here")).to_be_visible()


def test_a_job_of_a_clip_opens_in_its_own_view(visit, clip_file):
    page = visit("#video")
    choose(page, clip_file("mp4"))
    paint(page)
    expect(page.locator(".job.chosen")).to_be_visible()
    link = page.url
    page.get_by_role("link", name="Any style image").click()
    expect(page.get_by_role("heading", name="Any painting can be the style.")).to_be_visible()
    page.locator(".job-open").click()
    expect(page.get_by_label("Clip", exact=True)).to_be_visible()
    assert page.url == link
    # Somebody else's link, whose view is not known before the service has said what it is.
    other = page.context.browser.new_page()
    other.goto(link.replace("#video", "#any"))
    expect(other.get_by_label("Clip", exact=True)).to_be_visible()
    other.close()


def test_the_options_are_those_of_the_request(visit, clip_file):
    page = visit("#video")
    choose(page, clip_file("webm"))
    page.get_by_role("slider", name="Strength").fill("0.5")
    page.get_by_role("button", name="Of the photo").click()
    page.get_by_label("Steady strokes").uncheck()
    page.get_by_label("Size").select_option("384")
    page.get_by_label("Format").select_option("webm")
    with page.expect_request("**/v1/videos?*") as asked:
        paint(page)
    assert asked.value.url.partition("&")[2] == "strength=0.5&color=keep&steady=false&size=384&format=webm"
    assert asked.value.headers["content-type"] == "video/webm"
    expect(page.locator(".job.chosen")).to_be_visible()
    page.get_by_role("complementary").get_by_role("button", name="Cancel").click()
    expect(page.locator(".job")).to_contain_text("Cancelled")


def test_a_dropped_clip_opens_the_view_and_an_upload_can_be_cancelled(visit, clip_file):
    page = visit("#paint?photo=cat&size=64")
    expect(page.get_by_alt_text("The painting")).to_be_visible()
    transfer = page.evaluate_handle(
        """bytes => {
            const transfer = new DataTransfer();
            transfer.items.add(new File([new Uint8Array(bytes)], "dropped.mp4", { type: "video/mp4" }));
            return transfer;
        }""",
        list(clip_file("mp4").read_bytes()),
    )
    page.locator("body").dispatch_event("drop", {"dataTransfer": transfer})
    expect(page.locator(".clip-about")).to_contain_text("dropped.mp4")
    page.context.route("**/v1/videos?*", lambda route: None)  # never answers
    paint(page)
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_role("button", name="Paint the clip")).to_be_enabled()
    expect(page.get_by_role("alert")).to_have_count(0)
    page.reload()
    expect(page.locator(".clip-about")).to_contain_text("dropped.mp4")


def test_what_is_no_clip_is_refused_in_the_services_words(visit, text_file):
    page = visit("#video")
    choose(page, text_file)
    paint(page)
    expect(page.get_by_role("alert")).to_contain_text("MP4, MOV, WebM, Matroska, GIF or animated WebP")
    expect(page.get_by_role("button", name="Paint the clip")).to_be_enabled()


def test_a_key_is_asked_for_and_used_for_the_clip_too(visit, guarded, clip_file):
    page = visit("#video", guarded)
    page.get_by_role("textbox", name="API key").fill(KEY)
    page.get_by_role("button", name="Use this key").click()
    choose(page, clip_file("gif"))
    page.get_by_label("Format").select_option("webp")
    paint(page)
    expect(page.get_by_alt_text("The painted clip")).to_be_visible()
    expect(page.get_by_alt_text("The original clip")).to_be_visible()


@pytest.mark.parametrize(
    ("language", "interpreter"), [("curl", ["sh"]), ("Python", [sys.executable]), ("JavaScript", ["node"])]
)
def test_the_code_runs_as_it_is_and_makes_the_clip(visit, clip_file, tmp_path, language, interpreter):
    if shutil.which(interpreter[0]) is None or (language == "curl" and shutil.which("curl") is None):
        pytest.skip(f"no {language}")
    file = clip_file("mp4")
    page = visit("#video")
    choose(page, file)
    page.get_by_label("Style at the end").select_option(label="Udnie")
    page.get_by_text("As code").click()
    page.get_by_role("button", name=language, exact=True).click()
    code = page.locator("pre").inner_text()
    assert "styles_end" in code
    shutil.copy(file, tmp_path)
    subprocess.run(interpreter, input=code.encode(), cwd=tmp_path, check=True, timeout=300)
    assert (tmp_path / "painted.mp4").read_bytes()[4:8] == b"ftyp"


@pytest.mark.parametrize("viewport", [{"width": 390, "height": 844}, {"width": 1280, "height": 800}])
def test_everybody_can_stylize_clips(visit, clip_file, check_access, viewport):
    page = visit("#video", viewport=viewport, reduced_motion="reduce")
    expect(page.get_by_role("button", name="The Great Wave off Kanagawa", exact=True)).to_be_visible()
    check_access(page)
    choose(page, clip_file("mp4"))
    page.get_by_role("button", name=re.compile("^Blend with")).first.click()
    check_access(page)
    paint(page)
    painted = page.get_by_label("The painted clip")
    expect(painted).to_be_visible()
    check_access(page)
    assert painted.evaluate("film => film.paused"), "motion is not wanted"
    assert page.evaluate("document.documentElement.scrollWidth") <= viewport["width"]
