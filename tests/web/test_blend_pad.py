"""The pad on which styles are blended."""

import re

import pytest
from playwright.sync_api import expect
from traffic import Traffic


def test_under_load_the_newest_point_of_a_drag_wins(visit, small):
    """While one painting is asked for nothing else is, wherever the pointer goes, until it rests at last."""
    page = visit("#paint?photo=cat&styles=starry_night:0.5,great_wave:0.5&size=256", small)
    expect(page.locator("a.primary[download]")).to_be_visible()
    # Previews of the gallery are asked for beside it, with a quality of their own.
    traffic = Traffic(page, lambda url: "quality=82" not in url)
    held = []
    page.route(lambda url: "/v1/stylize?" in url and "quality=82" not in url, lambda route: held.append(route))
    box = page.locator(".pad-field").bounding_box()
    middle = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] / 2, middle)
    page.mouse.down()

    def drag(first, last):
        for step in range(first, last + 1):
            page.mouse.move(box["x"] + box["width"] * (0.5 + 0.4 * step / 60), middle)
            page.wait_for_timeout(15)

    def wait_for(requests):
        while len(held) < requests:
            page.wait_for_timeout(20)

    drag(0, 30)
    wait_for(1)
    held[0].continue_()
    wait_for(2)
    drag(31, 60)
    page.mouse.up()
    wait_for(3)
    held[2].continue_()
    expect(page.locator("a.primary[download]")).to_be_visible()
    expect(page.locator(".share-weight")).to_have_text(["10 %", "90 %"])
    # The browser tells of an aborted one after the one that takes its place.
    assert traffic.most <= 2
    begun, half_way, rested = traffic.asked
    assert "starry_night%3A0.5" in begun
    assert re.search(r"starry_night%3A0\.3\d*%2Cgreat_wave%3A0\.7", half_way)
    assert re.search(r"starry_night%3A0\.1\d*%2Cgreat_wave%3A0\.[89]", rested)
    assert "styles=starry_night:0.1" in page.url


@pytest.mark.parametrize("count", [2, 3, 4])
def test_a_styles_corner_is_that_style_alone_and_the_middle_is_all(visit, count):
    page = visit("docs")
    script = """async count => {
        const { corners, weightsAt, pointOf } = await import("./web/state/pad.js");
        const middle = pointOf(Array(count).fill(1));
        return {
            corners: corners(count).map((corner) => weightsAt(corner, count)),
            middle: weightsAt(middle, count),
            back: corners(count).map((corner) => pointOf(weightsAt(corner, count))),
            where: corners(count),
            outside: weightsAt({ x: -3, y: 7 }, count),
        };
    }"""
    found = page.evaluate(script, count)
    for index, weights in enumerate(found["corners"]):
        assert weights == [float(other == index) for other in range(count)]
    assert found["middle"] == pytest.approx([1 / count] * count)
    assert found["back"] == found["where"]
    assert sum(found["outside"]) == pytest.approx(1)
    assert min(found["outside"]) >= 0


def test_styles_are_blended_and_taken_out_by_keyboard(visit):
    page = visit("#paint?photo=cat&styles=great_wave&size=256")
    page.get_by_role("button", name="Blend with The Scream").press("Enter")
    point = page.get_by_role("slider", name="Blend")
    expect(point).to_have_attribute("aria-valuetext", "The Great Wave off Kanagawa 50 %, The Scream 50 %")
    point.press("ArrowRight")
    expect(point).to_have_attribute("aria-valuetext", "The Great Wave off Kanagawa 45 %, The Scream 55 %")
    page.get_by_role("button", name="Remove The Scream from the blend").last.press("Enter")
    expect(page.get_by_role("heading", name="The Great Wave off Kanagawa")).to_be_visible()
