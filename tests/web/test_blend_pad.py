"""The pad on which styles are blended."""

import re

import pytest
from playwright.sync_api import expect
from traffic import Traffic


def test_under_load_the_newest_point_of_a_drag_wins(visit, launch):
    """Every painting takes longer than the pointer rests, and never more than one is asked for at a time."""
    slow = launch(paint_seconds=0.25, result_cache_megabytes=0)
    page = visit("#paint?photo=cat&styles=starry_night:0.5,great_wave:0.5&size=256", slow)
    expect(page.locator("a[download]")).to_be_visible()
    # Previews of the gallery are asked for beside it, with a quality of their own.
    traffic = Traffic(page, lambda url: "quality=82" not in url)
    box = page.locator(".pad-field").bounding_box()
    middle = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] / 2, middle)
    page.mouse.down()
    for step in range(60):
        page.mouse.move(box["x"] + box["width"] * (0.5 + 0.4 * step / 60), middle)
        page.wait_for_timeout(15)
    page.mouse.move(box["x"] + box["width"] * 0.9, middle)
    page.mouse.up()
    expect(page.locator("a[download]")).to_be_visible()
    expect(page.locator(".share-weight")).to_have_text(["10 %", "90 %"])
    # The browser tells of an aborted one after the one that takes its place.
    assert traffic.most <= 2
    assert 2 <= len(traffic.asked) < 20
    assert re.search(r"starry_night%3A0\.1\d*%2Cgreat_wave%3A0\.[89]", traffic.asked[-1])
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
    page.get_by_role("button", name="Take The Scream out of the blend").last.press("Enter")
    expect(page.get_by_role("heading", name="The Great Wave off Kanagawa")).to_be_visible()
