"""A style image of one's own, as a job."""

import re

from PIL import Image
from playwright.sync_api import expect


def order(page, style_file, time):
    page.get_by_role("button", name="A cup of coffee").click()
    page.locator(".order-part", has_text="Style image").locator("input[type=file]").set_input_files(style_file)
    page.get_by_role("combobox", name="Size").select_option("256")
    if isinstance(time, str):
        page.get_by_role("combobox", name="Time").select_option(time)
    else:
        # Sooner than the page offers.
        page.evaluate("async seconds => (await import('./web/state/order.js')).change({ seconds })", time)
    page.get_by_role("button", name="Paint at its best").click()


def test_a_job_is_followed_to_its_result_across_a_reload(visit, style_file):
    page = visit("#any")
    order(page, style_file, 4)
    expect(page.get_by_role("heading", name="red bricks")).to_be_visible()
    expect(page.locator("figure.losses svg")).to_have_attribute("aria-label", re.compile("^Losses: total from"))
    expect(page.get_by_alt_text("The painting")).to_be_visible()
    page.reload()
    expect(page.locator(".job.chosen")).to_contain_text("red bricks")
    with page.expect_download() as started:
        page.get_by_role("link", name="Download").click()
    with Image.open(started.value.path()) as picture:
        assert (picture.format, picture.size) == ("JPEG", (256, 171))
    expect(page.locator(".job")).to_contain_text(re.compile(r"Done in \d+ s"))
    # The photo that it was made of is still there to be compared with.
    page.get_by_role("button", name="Divider").click()
    expect(page.get_by_role("region", name="Picture").get_by_alt_text("The photo")).to_be_visible()
    page.get_by_role("button", name="Delete red bricks").click()
    expect(page.get_by_text("Your jobs appear here")).to_be_visible()


def test_a_job_is_cancelled(visit, style_file):
    page = visit("#any")
    order(page, style_file, "5 minutes")
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator(".job")).to_contain_text("Cancelled")
    page.reload()
    expect(page.locator(".job")).to_contain_text("Cancelled")


def test_a_style_image_that_is_none_is_refused_in_the_services_words(visit, text_file):
    page = visit("#any")
    page.locator(".order-part", has_text="Style image").locator("input[type=file]").set_input_files(text_file)
    expect(page.get_by_role("alert")).to_contain_text(re.compile("JPEG, PNG"))
    expect(page.get_by_role("button", name="Paint at its best")).to_be_disabled()


def test_a_job_of_another_tab_appears_in_this_one(visit, style_file):
    page = visit("#any")
    other = page.context.new_page()
    other.goto(page.url)
    order(other, style_file, "5 minutes")
    expect(page.locator(".job")).to_contain_text("red bricks")
    other.get_by_role("button", name="Cancel").click()
    expect(page.locator(".job")).to_contain_text("Cancelled")


def test_a_style_image_beside_the_photo_is_painted_with_at_once(visit, style_file):
    page = visit("#any")
    page.get_by_role("button", name="A cat").click()
    page.locator(".order-part", has_text="Style image").locator("input[type=file]").set_input_files(style_file)
    page.get_by_role("button", name="Paint at once").click()
    expect(page.get_by_role("heading", name="Your style image")).to_be_visible()
    expect(page.locator("a.primary[download]")).to_be_visible()
    page.reload()
    expect(page.get_by_role("heading", name="Your style image")).to_be_visible()
    assert re.search("styles=style:[0-9a-f]{32}", page.url)


def test_a_dropped_style_image_is_painted_with_and_then_refined(visit, photo_file, check_access):
    page = visit("#paint?photo=cat&size=256")
    # A second is enough to see the stages.
    page.context.route(
        "**/refinement?*", lambda route: route.continue_(url=route.request.url.replace("seconds=20", "seconds=1"))
    )
    page.locator(".own-drop input[type=file]").set_input_files(photo_file)
    own = page.get_by_role("region", name="Your style image")
    expect(own).to_contain_text("Painted at once")
    expect(page.locator("a.primary[download]")).to_be_visible()
    check_access(page)
    painted = page.get_by_alt_text("The painting").get_attribute("src")
    own.get_by_role("button", name="Refine").click()
    expect(own).to_contain_text("Learning the style")
    expect(own).to_contain_text(re.compile("Refined:|no better this time"), timeout=600_000)
    if "Refined:" in own.inner_text():
        expect(page.get_by_alt_text("The painting")).not_to_have_attribute("src", painted)
    page.reload()
    tiles = page.get_by_role("region", name="Styles").get_by_text("Your style image", exact=True)
    expect(tiles.first).to_be_visible()  # beside those of other tests
    before = tiles.count()
    own.get_by_role("button", name="Forget this image").click()
    expect(tiles).to_have_count(before - 1)
    expect(page.get_by_role("heading", name="Your style image")).to_have_count(0)


def test_a_style_image_beside_the_photo_is_painted_with_at_its_best(visit, style_file):
    page = visit("#paint?photo=cat&size=256")
    transfer = page.evaluate_handle(
        """bytes => {
            const transfer = new DataTransfer();
            transfer.items.add(new File([new Uint8Array(bytes)], "bricks.jpg", { type: "image/jpeg" }));
            return transfer;
        }""",
        list(style_file.read_bytes()),
    )
    gallery = page.get_by_role("region", name="Styles")
    expect(gallery.locator(".own-drop")).to_be_visible()
    gallery.dispatch_event("dragenter", {"dataTransfer": transfer})
    expect(page.get_by_text("Drop a style image")).to_be_visible()
    gallery.dispatch_event("drop", {"dataTransfer": transfer})
    expect(page.get_by_role("heading", name="Your style image")).to_be_visible()
    page.get_by_role("region", name="Your style image").get_by_role("button", name="Best").click()
    expect(page.locator(".job.chosen")).to_contain_text("Your style image")
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator(".job")).to_contain_text("Cancelled")


def test_a_model_that_takes_no_style_images_is_asked_for_none(visit, small):
    page = visit("#paint?photo=cat&size=64", small)
    expect(page.locator(".tile").first).to_be_visible()
    expect(page.locator(".own-drop")).to_have_count(0)
