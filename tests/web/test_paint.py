"""From a photo to a painting of it."""

import re
import shutil
import subprocess
import sys
from urllib.parse import parse_qsl, urlsplit

import pytest
from PIL import Image
from playwright.sync_api import expect
from traffic import Traffic

# Of the gallery's requests alone.
PREVIEW = "quality=82"


def choose(page, file):
    page.locator("input[type=file]:not(.own-drop *)").first.set_input_files(file)


def painted(page):
    """Waits until the newest painting is there at its full size."""
    download = page.locator("a.primary[download]")
    expect(download).to_be_visible()
    return download


def fragment(page):
    return dict(parse_qsl(urlsplit(page.url).fragment.partition("?")[2]))


def test_a_photo_is_painted_at_once_and_downloaded_as_asked(visit, photo_file, tmp_path):
    page = visit()
    choose(page, photo_file)
    painted(page)
    page.get_by_role("button", name=re.compile("^The Scream"), pressed=False).first.click()
    expect(page.get_by_role("heading", name="The Scream")).to_be_visible()
    page.get_by_role("combobox", name="Size").select_option("512")
    page.get_by_role("combobox", name="Format").select_option("png")
    expect(page.locator(".facts")).to_contain_text("512 × 341")
    with page.expect_download() as started:
        painted(page).click()
    assert started.value.suggested_filename == "my photo-the_scream.png"
    with Image.open(started.value.path()) as picture:
        assert (picture.format, picture.size) == ("PNG", (512, 341))


def test_the_same_code_paints_the_same(visit, studio, photo_file):
    """The curl command that the page shows has exactly the options of the address."""
    page = visit()
    choose(page, photo_file)
    painted(page)
    page.get_by_role("button", name="Of the photo").click()
    page.get_by_text("As code").click()
    code = page.locator("pre").inner_text()
    assert code.startswith("curl -f --data-binary @'my photo.jpg'")
    address = urlsplit(re.search(r"'(http://[^']+)'", code)[1])
    assert f"{address.scheme}://{address.netloc}{address.path}" == f"{studio.url}/v1/stylize"
    asked = dict(parse_qsl(address.query))
    assert asked == fragment(page)
    assert asked["color"] == "keep"


@pytest.mark.parametrize(
    ("language", "interpreter"), [("curl", ["sh"]), ("Python", [sys.executable]), ("JavaScript", ["node"])]
)
def test_the_code_runs_as_it_is_and_paints_the_same_bytes(visit, photo_file, tmp_path, language, interpreter):
    if shutil.which(interpreter[0]) is None or (language == "curl" and shutil.which("curl") is None):
        pytest.skip(f"no {language}")
    page = visit()
    choose(page, photo_file)
    painted(page)
    page.get_by_role("slider", name="Strength").press("ArrowLeft")
    page.get_by_role("button", name="Of the photo").click()
    page.get_by_text("As code").click()
    page.get_by_role("button", name=language, exact=True).click()
    with page.expect_download() as photo:
        page.get_by_role("link", name=photo_file.name).click()
    photo.value.save_as(tmp_path / photo_file.name)
    assert (tmp_path / photo_file.name).read_bytes() == photo_file.read_bytes()
    code = page.locator("pre").inner_text()
    subprocess.run(interpreter, input=code.encode(), cwd=tmp_path, check=True, timeout=300)
    with page.expect_download() as painting:
        painted(page).click()
    assert (tmp_path / "painting.jpg").read_bytes() == painting.value.path().read_bytes()


def test_a_link_shows_the_same_photo_and_options(visit):
    options = (
        "photo=cat&styles=starry_night:0.25,great_wave:0.75&strength=0.6&color=keep&stroke=1.5&size=512&format=webp"
    )
    page = visit(f"#paint?{options}&quality=80")
    painted(page)
    expect(page.get_by_role("slider", name="Strength")).to_have_value("0.6")
    expect(page.get_by_role("slider", name="Stroke size")).to_have_value("1.5")
    expect(page.get_by_role("slider", name="Quality")).to_have_value("80")
    expect(page.get_by_role("button", name="Of the photo")).to_have_attribute("aria-pressed", "true")
    expect(page.locator(".share-weight")).to_have_text(["25 %", "75 %"])
    assert urlsplit(page.url).fragment == f"paint?{options}&quality=80"


def test_a_large_photo_is_sent_as_it_is_and_painted_small_first(visit, large_photo):
    page = visit()
    sent = []
    page.on(
        "request", lambda request: PREVIEW not in request.url and "stylize?" in request.url and sent.append(request)
    )
    choose(page, large_photo)
    painted(page)
    expect(page.locator(".facts")).to_contain_text("3000 × 2000")
    glance, whole = sent
    assert "size=448" in glance.url
    assert "size" not in whole.url
    page.get_by_text("As code").click()
    with page.expect_download() as started:
        page.get_by_role("link", name="large.jpg").click()
    assert started.value.path().read_bytes() == large_photo.read_bytes()


def test_strokes_keep_their_size_beside_the_picture(visit, large_photo):
    page = visit()
    choose(page, large_photo)
    painted(page)
    page.get_by_role("slider", name="Stroke size").fill("1.5")
    assert fragment(page)["stroke"] == "8.79"  # 1.5 times 3000 / 512
    page.get_by_role("combobox", name="Size").select_option("1024")
    assert fragment(page)["stroke"] == "3"
    expect(page.get_by_role("slider", name="Stroke size")).to_have_value("1.5")
    page.get_by_role("button", name="Automatic stroke size").click()
    assert "stroke" not in fragment(page)


def test_the_picture_is_held_to_see_the_photo(visit):
    page = visit("#paint?photo=cat&styles=great_wave&size=512")
    painted(page)
    page.get_by_alt_text("The painting").hover()
    page.mouse.down()
    expect(page.get_by_alt_text("The painting")).to_have_count(0)
    page.mouse.up()
    expect(page.get_by_alt_text("The painting")).to_have_count(1)


def test_what_is_unknown_in_a_link_is_told_in_the_services_words(visit):
    page = visit("#paint?photo=cat&styles=starry_nigth")
    alert = page.get_by_role("alert")
    expect(alert).to_contain_text("starry_nigth")
    expect(alert).to_contain_text("Did you mean starry_night")


def test_the_gallery_shows_this_photo_in_every_style_few_requests_at_a_time(visit, photo_file):
    page = visit()
    traffic = Traffic(page, lambda url: PREVIEW in url)
    choose(page, photo_file)
    tiles = page.locator(".tile:has(.tile-about)")  # another test may have left a style image of its own
    expect(page.locator(".tile-preview").nth(7)).to_be_visible()
    assert tiles.count() == 22
    assert traffic.most <= 4
    page.get_by_label("Search the styles").fill("monet")
    expect(tiles).to_have_count(2)
    expect(page.locator(".tile-about").first).to_contain_text("Claude Monet")
    page.get_by_label("Search the styles").fill("")
    page.get_by_role("combobox", name="Century").select_option("19th century")
    expect(page.locator(".tile-about").first).to_contain_text(re.compile(r"1[89]\d\d"))
    assert all(
        1800 < int(re.search(r"\d{4}$", about)[0]) <= 1900 for about in page.locator(".tile-about").all_inner_texts()
    )


def test_options_are_undone_and_done_again(visit):
    page = visit("#paint?photo=cat&styles=great_wave&size=256")
    painted(page)
    page.get_by_role("button", name="Of the photo").click()
    assert fragment(page)["color"] == "keep"
    page.keyboard.press("Control+z")
    assert "color" not in fragment(page)
    page.get_by_role("button", name="Redo").click()
    assert fragment(page)["color"] == "keep"
    expect(page.get_by_role("button", name="Redo")).to_be_disabled()
    page.get_by_role("button", name="The photo’s palette").click()
    assert fragment(page)["color"] == "match"
    page.reload()
    expect(page.get_by_role("button", name="The photo’s palette")).to_have_attribute("aria-pressed", "true")


def test_the_history_of_the_visit_goes_back_to_a_painting_and_its_photo(visit, photo_file):
    page = visit("#paint?photo=cat&styles=great_wave&size=256")
    painted(page)
    choose(page, photo_file)
    expect(page.locator(".caption")).to_contain_text("my photo.jpg")
    expect(page.get_by_role("button", name="Back to The Great Wave off Kanagawa")).to_have_count(2)
    page.get_by_role("button", name="Back to").last.click()
    expect(page.locator(".caption")).to_contain_text("cat.jpg")


def test_a_reload_keeps_the_photo_and_the_options(visit, photo_file):
    page = visit()
    choose(page, photo_file)
    painted(page)
    page.get_by_role("button", name="Of the photo").click()
    page.reload()
    painted(page)
    expect(page.locator(".caption")).to_contain_text("my photo.jpg, 600 × 400")
    expect(page.get_by_role("button", name="Of the photo")).to_have_attribute("aria-pressed", "true")


def test_a_file_that_is_no_picture_is_refused_in_the_services_words(visit, text_file):
    page = visit()
    choose(page, text_file)
    expect(page.get_by_role("alert")).to_contain_text(re.compile("JPEG, PNG"))
    expect(page.get_by_role("heading", name="Drop a photo.")).to_be_visible()


def test_a_refused_file_leaves_the_painting_that_is_there(visit, text_file):
    page = visit("#paint?photo=cat&styles=great_wave&size=256")
    painted(page)
    choose(page, text_file)
    expect(page.get_by_role("alert")).to_contain_text(re.compile("JPEG, PNG"))
    expect(page.get_by_alt_text("The painting")).to_be_visible()


def test_a_dropped_photo_is_painted(visit, photo_file):
    page = visit()
    page.get_by_role("heading", name="Drop a photo.").wait_for()
    transfer = page.evaluate_handle(
        """bytes => {
            const transfer = new DataTransfer();
            transfer.items.add(new File([new Uint8Array(bytes)], "dropped.jpg", { type: "image/jpeg" }));
            return transfer;
        }""",
        list(photo_file.read_bytes()),
    )
    page.dispatch_event("main", "dragenter", {"dataTransfer": transfer})
    expect(page.get_by_text("Drop the photo")).to_be_visible()
    page.dispatch_event("main", "drop", {"dataTransfer": transfer})
    painted(page)
    expect(page.locator(".caption")).to_contain_text("dropped.jpg")
    expect(page.get_by_text("Drop the photo")).to_be_hidden()


def test_the_painting_is_compared_with_its_photo(visit):
    page = visit("#paint?photo=cat&styles=great_wave&size=512")
    painted(page)
    page.get_by_role("button", name="Divider").click()
    divider = page.get_by_role("slider", name="Divider")
    expect(divider).to_have_attribute("aria-valuenow", "50")
    box = divider.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] - 100, box["y"] + box["height"] / 2)
    page.mouse.up()
    assert int(divider.get_attribute("aria-valuenow")) < 50
    divider.press("End")
    expect(divider).to_have_attribute("aria-valuenow", "100")
    fitting = page.get_by_alt_text("The painting").bounding_box()
    page.get_by_role("button", name="Side by side").click()
    expect(page.get_by_alt_text("The photo")).to_have_count(2)
    page.get_by_role("button", name="Painting", exact=True).click()
    expect(page.get_by_alt_text("The photo")).to_have_count(1)
    page.wait_for_function(
        "width => document.querySelector('.sheet img').getBoundingClientRect().width === width", arg=fitting["width"]
    )
    hold = page.get_by_role("button", name="Hold for the photo")
    hold.focus()
    page.keyboard.down(" ")
    expect(page.get_by_alt_text("The painting")).to_have_count(0)
    page.keyboard.up(" ")
    expect(page.get_by_alt_text("The painting")).to_be_visible()


def test_a_hundred_per_cent_is_a_pixel_for_a_pixel(visit):
    page = visit("#paint?photo=cat&styles=great_wave&size=1024")
    painted(page)
    page.get_by_role("button", name="Show at 100 %").click()
    expect(page.get_by_role("button", name="Show at 100 %, now 100 %")).to_be_visible()
    assert page.get_by_alt_text("The painting").bounding_box()["width"] == pytest.approx(1024, abs=1)
    before = page.get_by_alt_text("The painting").bounding_box()
    page.mouse.move(640, 400)
    page.mouse.down()
    page.mouse.move(600, 400)
    page.mouse.up()
    assert page.get_by_alt_text("The painting").bounding_box()["x"] == pytest.approx(before["x"] - 40, abs=1)
    page.get_by_role("button", name="Fit").click()
    expect(page.get_by_role("button", name="Fit")).to_be_disabled()


def test_everything_works_by_keyboard(visit):
    page = visit()
    page.get_by_role("button", name="A cat").focus()
    page.keyboard.press("Enter")
    painted(page)
    page.get_by_label("Search the styles").focus()
    page.keyboard.type("starry")
    expect(page.locator(".tile")).to_have_count(2)
    for _ in range(10):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.classList.contains('tile-paint')"):
            break
    page.keyboard.press("Enter")
    expect(page.locator(".tile.chosen")).to_contain_text("Starry")
    page.get_by_role("slider", name="Strength").focus()
    page.keyboard.press("ArrowLeft")
    assert fragment(page)["strength"] == "0.99"


def test_a_photo_taken_by_the_camera_is_painted(browser, visit):
    page = visit(permissions=["camera"])
    page.evaluate(
        """() => {
            const canvas = Object.assign(document.createElement("canvas"), { width: 320, height: 240 });
            const context = canvas.getContext("2d");
            setInterval(() => { context.fillStyle = "#b54"; context.fillRect(0, 0, 320, 240); }, 30);
            navigator.mediaDevices.getUserMedia = async () => canvas.captureStream(30);
        }"""
    )
    page.get_by_role("button", name="Take a photo").click()
    expect(page.locator("video")).to_have_js_property("videoWidth", 320)
    page.get_by_role("button", name="Take the photo").click()
    painted(page)
    expect(page.locator(".caption")).to_contain_text("camera, 320 × 240")
