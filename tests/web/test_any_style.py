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
    page.get_by_role("button", name="Paint", exact=True).click()


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
    expect(page.get_by_text("Your jobs will be listed here")).to_be_visible()


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
    expect(page.get_by_role("button", name="Paint", exact=True)).to_be_disabled()


def test_a_job_of_another_tab_appears_in_this_one(visit, style_file):
    page = visit("#any")
    other = page.context.new_page()
    other.goto(page.url)
    order(other, style_file, "5 minutes")
    expect(page.locator(".job")).to_contain_text("red bricks")
    other.get_by_role("button", name="Cancel").click()
    expect(page.locator(".job")).to_contain_text("Cancelled")


def test_a_service_that_paints_any_style_at_once_is_asked_to(visit, small, style_file):
    """The route is not there yet; the page finds it in the OpenAPI document."""
    page = visit("docs", small)
    expect(page.get_by_role("heading", name="Stylize a photo")).to_be_visible()
    page.context.route("**/openapi.json", lambda route: route.fulfill(json={"paths": {"/v1/styles": {"post": {}}}}))
    page.context.route(
        lambda url: url.endswith("/v1/styles"),
        lambda route: (
            route.fulfill(status=201, json={"id": "style:0f3a"})
            if route.request.method == "POST"
            else route.continue_()
        ),
    )
    page.context.route(
        "**/v1/stylize?styles=style%3A0f3a*",
        lambda route: route.fulfill(body=route.request.post_data_buffer, content_type="image/jpeg"),
    )
    page.goto(f"{small.url}/#any")
    page.get_by_role("button", name="A cat").click()
    page.locator(".order-part", has_text="Style image").locator("input[type=file]").set_input_files(style_file)
    page.get_by_role("button", name="Paint at once").click()
    expect(page.get_by_role("heading", name="Your style image")).to_be_visible()
    expect(page.locator("a[download]")).to_be_visible()
    page.reload()
    expect(page.get_by_role("heading", name="Your style image")).to_be_visible()
    assert "styles=style:0f3a" in page.url
