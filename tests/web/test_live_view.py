"""Live painting in the page, with the fake camera that Chromium has: a green field with a moving pie, and a clock."""

import re
from collections.abc import Iterator

import pytest
from PIL import Image
from playwright.sync_api import Browser, expect, sync_playwright
from serving import CHROMIUM_ARGUMENTS

CAMERA = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
KEY = "a-key-of-the-pages-tests-that-is-long"
PACE = re.compile(r"\d+ pictures a second, \d+ ms behind, \d+ × \d+")


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium, args=[*CHROMIUM_ARGUMENTS, *CAMERA])
        yield started
        started.close()


def start(page):
    page.get_by_role("button", name="Start the camera").click()
    expect(page.locator(".live-pace")).to_have_text(PACE)


def colours(page):
    """Mean colour of the picture that is shown."""
    return page.evaluate(
        """() => {
            const canvas = document.querySelector(".live-picture");
            const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
            const sum = [0, 0, 0];
            for (let at = 0; at < data.length; at += 4) for (const each of [0, 1, 2]) sum[each] += data[at + each];
            return sum.map((total) => (4 * total) / data.length);
        }"""
    )


def told(page):
    """What the page has sent to the service as text."""
    texts = []
    page.on(
        "websocket", lambda socket: socket.on("framesent", lambda sent: isinstance(sent, str) and texts.append(sent))
    )
    return texts


def wait_for(page, condition):
    while not condition():
        page.wait_for_timeout(50)


def test_the_camera_is_painted_and_styles_change_while_it_runs(visit, small):
    page = visit("#live", small)
    texts = told(page)
    start(page)
    first = colours(page)
    page.get_by_role("button", name="The Great Wave", exact=True).click()
    expect(page.get_by_role("button", name="The Great Wave", exact=True)).to_have_attribute("aria-pressed", "true")
    page.wait_for_function(
        """(before) => {
            const canvas = document.querySelector(".live-picture");
            const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
            let red = 0;
            for (let at = 0; at < data.length; at += 4) red += data[at];
            return Math.abs((4 * red) / data.length - before) > 1;
        }""",
        arg=first[0],
    )
    page.get_by_role("button", name="Blend with The Scream").click()
    page.get_by_role("slider", name="The Scream").fill("0.25")
    page.get_by_role("slider", name="Strength").fill("0.5")
    page.get_by_role("button", name="Of the camera").click()
    assert '"steady":true' in texts[-1]
    page.get_by_label("Steady strokes").uncheck()
    page.get_by_role("button", name="Sharp", exact=True).click()
    expect(page.locator(".live-pace")).to_have_text(PACE)
    expect(page.get_by_role("alert")).to_have_count(0)
    wait_for(page, lambda: '"steady":false,"rate":12' in texts[-1])
    assert '"styles":"great_wave:0.8,the_scream:0.2","strength":0.5,"color":"keep"' in texts[-1]
    page.get_by_role("button", name="Stop").click()
    expect(page.get_by_role("button", name="Start the camera")).to_be_visible()


def test_a_recording_is_a_film_with_frames(visit, small, tmp_path):
    av = pytest.importorskip("av")
    page = visit("#live", small)
    start(page)
    page.get_by_role("button", name="Record").click()
    page.wait_for_timeout(2500)
    page.get_by_role("button", name="End the recording").click()
    with page.expect_download() as started:
        page.get_by_role("link", name="Download the recording").click()
    assert started.value.suggested_filename == "pastiche-live.webm"
    with av.open(str(started.value.path())) as film:
        frames = [frame.to_image() for frame in film.decode(video=0)]
    assert len(frames) >= 2
    assert all(isinstance(frame, Image.Image) and max(frame.size) == 384 for frame in frames)


def test_leaving_the_view_ends_the_session(visit, small):
    page = visit("#live", small)
    start(page)
    page.get_by_role("link", name="Paint", exact=True).click()
    sessions = "async () => (await (await fetch('metrics')).text()).includes('pastiche_live_sessions 0.0')"
    page.wait_for_function(sessions)


def test_a_key_is_asked_for_and_used(visit, launch):
    page = visit("#live", launch(api_keys=KEY))
    page.get_by_role("textbox", name="API key").fill(KEY)
    page.get_by_role("button", name="Use this key").click()
    start(page)


def test_a_busy_service_says_so(visit, launch):
    service = launch(live_sessions_each=1)
    first, second = visit("#live", service), visit("#live", service)
    start(first)
    second.get_by_role("button", name="Start the camera").click()
    expect(second.get_by_role("alert")).to_contain_text("You have reached your limit of 1 live sessions")
    first.get_by_role("button", name="Stop").click()
    second.get_by_role("button", name="Try now").click()
    expect(second.locator(".live-pace")).to_have_text(PACE)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("NotAllowedError", "does not let this page use the camera"),
        ("NotFoundError", "There is no camera."),
        ("NotReadableError", "Perhaps another program uses it."),
    ],
)
def test_a_camera_that_cannot_be_used_is_told(visit, small, name, words):
    page = visit("#live", small)
    page.evaluate(
        "(name) => { navigator.mediaDevices.getUserMedia = async () => { throw new DOMException('', name); }; }", name
    )
    page.get_by_role("button", name="Start the camera").click()
    expect(page.get_by_role("alert")).to_contain_text(words)
    expect(page.get_by_role("button", name="Try now")).to_be_visible()


def test_where_there_is_no_live_painting_it_is_told(visit, launch):
    page = visit("#live", launch(live_sessions=0))
    page.get_by_role("button", name="Start the camera").click()
    expect(page.get_by_role("alert")).to_contain_text("The service offers no live painting here.")


@pytest.mark.parametrize("viewport", [{"width": 390, "height": 844}, {"width": 1280, "height": 800}])
def test_everybody_can_use_it(visit, small, check_access, viewport):
    page = visit("#live", small, viewport=viewport)
    expect(page.get_by_role("button", name="Start the camera")).to_be_enabled()
    check_access(page)
    start(page)
    page.get_by_role("button", name=re.compile("^Blend with")).first.click()
    check_access(page)
