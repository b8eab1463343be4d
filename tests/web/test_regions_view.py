"""Regions of the photo: drawn by lasso and brush, with styles of their own."""

import json
import math
import re
import shutil
import subprocess
import sys
from urllib.parse import parse_qsl, urlsplit

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

STYLES = "#paint?photo=coffee&styles=great_wave&size=128&format=png"


def painted(page):
    """Waits until the newest painting is there."""
    download = page.locator("a.primary[download]")
    expect(download).to_be_visible()
    return download


def bytes_of(page):
    with page.expect_download() as started:
        painted(page).click()
    return started.value.path().read_bytes()


def pixels(data, tmp_path):
    file = tmp_path / "painting.png"
    file.write_bytes(data)
    with Image.open(file) as picture:
        return np.array(picture.convert("RGB")).astype(int)


def regions_of(page):
    """As the page's address has them."""
    given = dict(parse_qsl(urlsplit(page.url).fragment.partition("?")[2]))
    return json.loads(given.get("regions", "[]"))


def take(page, tool):
    page.get_by_role("button", name=tool, exact=True).first.click()
    surface = page.get_by_role("application")
    expect(surface).to_be_visible()
    return surface


def draw(page, surface, points):
    """Press, move and release along points in fractions of the picture."""
    box = surface.bounding_box()
    places = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in points]
    page.mouse.move(*places[0])
    page.mouse.down()
    for place in places[1:]:
        page.mouse.move(*place, steps=3)
    page.mouse.up()


def circle(radius=0.3, x=0.5, y=0.5):
    return [(x + radius * math.cos(t / 4), y + radius * math.sin(t / 4)) for t in range(26)]


def listed(page):
    return page.locator(".region-name")


def test_a_lasso_paints_a_part_in_another_style_and_undo_takes_it_back(visit, small, tmp_path):
    page = visit(STYLES, small)
    before = bytes_of(page)
    surface = take(page, "Lasso")
    draw(page, surface, circle())
    expect(listed(page)).to_have_count(1)
    expect(surface).to_have_count(0)
    page.get_by_role("combobox", name="Style of region 1").select_option("the_scream")
    [region] = regions_of(page)
    assert (region["style"], region["strength"], region["color"]) == ("the_scream", 1, "style")
    assert 3 <= len(region["polygon"]) <= 300
    changed = np.abs(pixels(bytes_of(page), tmp_path) - pixels(before, tmp_path)).max(axis=2)
    height, width = changed.shape
    # Two passes at once may round otherwise than each alone.
    assert changed[: height // 8].max() < 8
    assert changed[height // 3 : 2 * height // 3, width // 3 : 2 * width // 3].mean() > 2
    for _ in range(2):
        page.get_by_role("button", name="Undo").click()
    expect(listed(page)).to_have_count(0)
    assert bytes_of(page) == before
    page.get_by_role("button", name="Redo").click()
    expect(listed(page)).to_have_count(1)
    page.get_by_role("button", name="Remove region 1").click()
    expect(listed(page)).to_have_count(0)
    assert bytes_of(page) == before


def test_without_strength_a_region_is_the_photo(visit, small, tmp_path):
    page = visit(STYLES, small)
    draw(page, take(page, "Lasso"), circle())
    page.get_by_role("slider", name="Strength of region 1").press("Home")
    page.get_by_role("combobox", name="Style of region 1").select_option("The same as around it")
    expect(listed(page)).to_have_text("1. The photo")
    middle = pixels(bytes_of(page), tmp_path)[40:45, 60:68]
    page.get_by_role("slider", name="Strength", exact=True).press("Home")
    np.testing.assert_array_equal(pixels(bytes_of(page), tmp_path)[40:45, 60:68], middle)


def test_a_brush_paints_and_erases(visit, small, tmp_path):
    page = visit(STYLES, small)
    surface = take(page, "Brush")
    draw(page, surface, [(0.1, 0.5), (0.9, 0.5)])
    expect(listed(page)).to_have_count(1)
    page.get_by_role("button", name="Erase").click()
    draw(page, surface, [(0.5, 0.3), (0.5, 0.7)])
    page.get_by_role("button", name="Done").click()
    expect(surface).to_have_count(0)
    [region] = regions_of(page)
    assert [stroke["erase"] for stroke in region["strokes"]] == [False, True]
    page.get_by_text("As code").click()
    with page.expect_download() as started:
        page.get_by_role("link", name="region-1.png").click()
    with Image.open(started.value.path()) as mask:
        assert mask.size == (600, 400)
        shares = np.array(mask.convert("L"))
    assert shares[200, [100, 250, 350, 500]].tolist() == [255] * 4
    assert shares[200, 290:310].max() == 0
    assert shares[[100, 300]].max() == 0
    page.get_by_role("button", name="Paint more of it").click()
    draw(page, page.get_by_role("application"), [(0.5, 0.5), (0.5, 0.9)])
    expect(listed(page)).to_have_count(1)
    assert len(regions_of(page)[0]["strokes"]) == 3


@pytest.mark.parametrize(
    ("language", "interpreter"), [("curl", ["sh"]), ("Python", [sys.executable]), ("JavaScript", ["node"])]
)
def test_the_code_sends_the_regions_and_paints_the_same_bytes(visit, small, tmp_path, language, interpreter):
    if shutil.which(interpreter[0]) is None or (language == "curl" and shutil.which("curl") is None):
        pytest.skip(f"no {language}")
    page = visit(STYLES, small)
    draw(page, take(page, "Lasso"), circle(0.2, x=0.3))
    draw(page, take(page, "Brush"), [(0.7, 0.2), (0.8, 0.8)])
    page.get_by_role("button", name="Done").click()
    page.get_by_role("slider", name="Soft edge of region 2").press("ArrowRight")
    page.get_by_text("As code").click()
    page.get_by_role("button", name=language, exact=True).click()
    for name in ("coffee.jpg", "region-2.png"):
        with page.expect_download() as started:
            page.get_by_role("link", name=name).click()
        started.value.save_as(tmp_path / name)
    code = page.locator("pre").inner_text()
    subprocess.run(interpreter, input=code.encode(), cwd=tmp_path, check=True, timeout=300)
    assert (tmp_path / "painting.png").read_bytes() == bytes_of(page)


def test_a_lasso_is_drawn_by_keys_alone(visit, small, check_access):
    page = visit(STYLES, small)
    page.get_by_role("button", name="Lasso", exact=True).press("Enter")
    page.get_by_label("Follow edges").press("Space")
    surface = page.get_by_role("application")
    surface.focus()
    for keys in ("Space", *["Shift+ArrowRight"] * 4, "Space", *["Shift+ArrowDown"] * 4, "Space"):
        surface.press(keys)
    expect(page.locator(".stage [role=status]", has_text="3 corners")).to_have_count(1)
    check_access(page)
    surface.press("Enter")
    expect(listed(page)).to_have_count(1)
    assert regions_of(page)[0]["polygon"] == [[0.5, 0.5], [0.7, 0.5], [0.7, 0.7]]
    check_access(page)
    page.get_by_role("button", name="Brush", exact=True).press("Enter")
    surface.focus()
    for keys in ("ArrowLeft", "Space", *["Shift+ArrowLeft"] * 3, "Space"):
        surface.press(keys)
    expect(listed(page)).to_have_count(2)
    assert regions_of(page)[1]["strokes"][0]["points"] == [[0.49, 0.5], [0.34, 0.5]]
    check_access(page)
    page.keyboard.press("Escape")
    expect(surface).to_have_count(0)


def test_corners_are_clicked_and_the_first_one_closes(visit, small):
    page = visit(STYLES, small)
    surface = take(page, "Lasso")
    page.get_by_label("Follow edges").uncheck()
    box = surface.bounding_box()
    for x, y in ((0.25, 0.25), (0.75, 0.25), (0.75, 0.75), (0.25, 0.75), (0.25, 0.25)):
        page.mouse.click(box["x"] + x * box["width"], box["y"] + y * box["height"])
    expect(listed(page)).to_have_count(1)
    corners = np.array(regions_of(page)[0]["polygon"])
    np.testing.assert_allclose(corners, [[0.25, 0.25], [0.75, 0.25], [0.75, 0.75], [0.25, 0.75]], atol=0.003)


@pytest.mark.parametrize("snaps", [True, False])
def test_an_outline_follows_the_edges_of_the_photo(visit, small, tmp_path, snaps):
    """A bright disc on a dark ground, and an outline that is up to 2 % beside its edge."""
    y, x = np.mgrid[0:300, 0:400]
    disc = np.hypot(x - 200, y - 150) < 90
    file = tmp_path / "disc.png"
    Image.fromarray(np.where(disc[..., None], [230, 200, 120], [40, 60, 90]).astype(np.uint8)).save(file)
    page = visit("#paint?styles=great_wave&size=128", small)
    page.locator("input[type=file]:not(.own-drop *)").first.set_input_files(file)
    painted(page)
    surface = take(page, "Lasso")
    page.get_by_label("Follow edges").set_checked(snaps)
    page.wait_for_timeout(500)  # for the edges to be found, which nothing shows
    turns = [t / 20 * math.tau for t in range(20)]
    radii = [90 + 7 * math.sin(5 * turn) for turn in turns]
    outline = [
        ((200 + r * math.cos(turn)) / 400, (150 + r * math.sin(turn)) / 300)
        for r, turn in zip(radii, turns, strict=True)
    ]
    draw(page, surface, outline)
    expect(listed(page)).to_have_count(1)
    points = np.array(regions_of(page)[0]["polygon"]) * [400, 300] - [200, 150]
    beside = np.abs(np.hypot(*points.T) - 90)
    if snaps:
        assert beside.mean() < 1.75
    else:
        assert beside.mean() > 3.5


def test_a_link_has_the_regions_and_another_photo_has_none(visit, small, photo_file):
    page = visit(STYLES, small)
    draw(page, take(page, "Lasso"), circle())
    draw(page, take(page, "Brush"), [(0.2, 0.2), (0.3, 0.3)])
    page.get_by_role("button", name="Done").click()
    shown = bytes_of(page)
    other = visit(f"#{urlsplit(page.url).fragment}", small)
    expect(listed(other)).to_have_count(2)
    assert bytes_of(other) == shown
    other.locator("input[type=file]:not(.own-drop *)").first.set_input_files(photo_file)
    expect(listed(other)).to_have_count(0)
    painted(other)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_is_drawn_by_touch_on_a_phone(visit, small, scheme, check_access):
    phone = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True, "color_scheme": scheme}
    page = visit(STYLES, small, reduced_motion="reduce", **phone)
    painted(page)
    page.get_by_role("button", name="Brush", exact=True).tap()
    surface = page.get_by_role("application")
    expect(surface).to_be_visible()
    box = surface.bounding_box()
    touch = page.context.new_cdp_session(page)

    def send(kind, *points):
        places = [{"x": box["x"] + x * box["width"], "y": box["y"] + y * box["height"]} for x, y in points]
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": places})

    send("touchStart", (0.2, 0.5))
    for step in range(1, 9):
        send("touchMove", (0.2 + step / 20, 0.5))
    send("touchEnd")
    expect(listed(page)).to_have_count(1)
    [stroke] = regions_of(page)[0]["strokes"]
    assert stroke["points"][0] == pytest.approx([0.2, 0.5], abs=0.01)
    assert stroke["points"][-1] == pytest.approx([0.6, 0.5], abs=0.01)
    check_access(page)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_there_are_eight_at_the_most(visit, small):
    square = [[0.1, 0.1], [0.3, 0.1], [0.3, 0.3]]
    region = {"polygon": square, "feather": 0.01, "style": "the_scream", "strength": 1, "color": "style"}
    regions = json.dumps([region | {"id": str(place)} for place in range(12)])
    page = visit(f"{STYLES}&regions={regions}", small)
    expect(listed(page)).to_have_count(8)
    expect(page.get_by_role("button", name="Lasso", exact=True)).to_have_count(0)
    painted(page)
    page.get_by_role("button", name=re.compile("Remove region 8")).click()
    expect(page.get_by_role("button", name="Lasso", exact=True)).to_be_visible()
