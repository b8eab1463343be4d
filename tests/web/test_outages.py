"""A service that is overloaded, away, or behind a path prefix; and many tabs at once."""

import json
import re

from playwright.sync_api import expect

OVERLOADED = {
    "type": "/problems/overloaded",
    "title": "Overloaded",
    "status": 503,
    "detail": "The queue is full.",
    "instance": "0",
}


def painted(page):
    expect(page.locator("a.primary[download]")).to_be_visible()


def test_an_overloaded_service_is_asked_again_when_it_said_so(visit, small):
    page = visit("#paint?photo=cat&styles=great_wave&size=256", small)
    painted(page)
    refusals = []

    def refuse_once(route):
        if refusals:
            return route.continue_()
        refusals.append(route.request.url)
        headers = {"Retry-After": "2"}
        return route.fulfill(
            status=503, headers=headers, content_type="application/problem+json", body=json.dumps(OVERLOADED)
        )

    page.route(re.compile(r"/v1/stylize\?.*color=keep"), refuse_once)
    page.get_by_role("button", name="Of the photo").click()
    expect(page.get_by_role("alert")).to_contain_text("The queue is full.")
    expect(page.get_by_role("alert")).to_contain_text(re.compile(r"Trying again in [12] s"))
    painted(page)
    expect(page.get_by_role("alert")).to_have_count(0)


def test_a_service_that_restarts_is_waited_for_and_nothing_is_lost(visit, small):
    page = visit("#paint?photo=cat&styles=great_wave&size=256", small)
    painted(page)
    small.stop()
    page.get_by_role("button", name="Of the photo").click()
    expect(page.get_by_text("The service does not answer. Trying again…")).to_be_visible()
    expect(page.get_by_alt_text("The painting")).to_be_visible()
    small.begin()
    painted(page)
    expect(page.get_by_text("The service does not answer")).to_have_count(0)
    assert "color=keep" in page.url


def test_a_photo_that_is_too_large_for_the_service_is_reduced(visit, launch, large_photo):
    page = visit("", launch(picture_megapixels=5))
    page.locator("input[type=file]").first.set_input_files(large_photo)
    painted(page)
    expect(page.locator(".caption")).to_contain_text("large.jpg, 2048 × 1365, reduced")
    expect(page.locator(".facts")).to_contain_text("2048 × 1365")
    expect(page.get_by_role("alert")).to_have_count(0)


def test_it_works_behind_a_path_prefix(visit, small):
    """As a proxy serves it that takes the prefix away: no address of the page begins at the root."""
    page = visit("docs", small)
    page.goto("about:blank")
    outside = []

    def proxy(route):
        path = route.request.url.removeprefix(f"{small.url}/paint-shop/")
        if path == route.request.url:
            outside.append(path)
            return route.abort()
        return route.fulfill(response=route.fetch(url=f"{small.url}/{path}"))

    page.context.route("**/*", proxy)
    page.goto(f"{small.url}/paint-shop/#paint?photo=cat&styles=great_wave&size=256")
    painted(page)
    expect(page.locator(".tile-preview").first).to_be_visible()
    page.get_by_role("link", name="API").click()
    expect(page.get_by_role("heading", name="Stylize a photo")).to_be_visible()
    page.get_by_role("link", name="pastiche").click()
    expect(page.get_by_alt_text("The painting")).to_be_visible()
    assert outside == []


def test_twenty_tabs_all_get_their_painting(visit):
    page = visit("#paint?photo=cat&styles=great_wave&size=256")
    tabs = [page]
    for _ in range(19):
        tabs.append(page.context.new_page())
        tabs[-1].goto(page.url, wait_until="commit")
    for tab in tabs:
        painted(tab)


def test_where_the_reference_is_turned_off_no_link_leads_to_it(visit, small):
    page = visit("", small)
    expect(page.get_by_role("link", name="API")).to_be_visible()
    page.context.route("**/docs", lambda route: route.fulfill(status=404))
    page.reload()
    expect(page.get_by_role("heading", name="Drop a photo.")).to_be_visible()
    expect(page.get_by_role("link", name="API")).to_have_count(0)


def test_a_view_has_its_heading_while_it_is_loaded_and_when_it_is_not_there(visit, small, check_access):
    page = visit("docs", small)
    page.goto("about:blank")
    asked = []
    page.route("**/web/parts/operator.js", lambda route: asked.append(route))
    page.goto(f"{small.url}/#operator", wait_until="commit")
    expect(page.get_by_role("heading", name="Operator", level=1)).to_be_attached()
    check_access(page)
    asked[0].abort()
    expect(page.get_by_text("could not be loaded")).to_be_visible()
    check_access(page)
    page.unroute("**/web/parts/operator.js")
    page.get_by_role("button", name="Try now").click()
    expect(page.get_by_label("Token")).to_be_visible()
