"""API keys and the operator's token."""

import pytest
from playwright.sync_api import expect
from serving import ADMIN_TOKEN

KEY = "a-key-of-the-pages-tests-that-is-long"


@pytest.fixture(scope="module")
def guarded(launch, make_version, tmp_path_factory):
    """A service with a key, an operator, and two versions of its model."""
    models = tmp_path_factory.mktemp("versions")
    for version in (1, 2):
        make_version(models, "compact", version, seed=version)
    return launch(models_dir=models, models="compact", admin_token=ADMIN_TOKEN, api_keys=KEY)


def test_a_key_is_asked_for_until_it_is_right_and_kept_for_this_tab(visit, guarded):
    page = visit("#paint?photo=cat&styles=starry_night&size=256", guarded)
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("This service needs a key")
    page.get_by_role("textbox", name="API key").fill("wrong")
    page.get_by_role("button", name="Use this key").click()
    expect(dialog).to_contain_text("The key is not valid.")
    page.get_by_role("textbox", name="API key").fill("no letters: ö")
    page.get_by_role("button", name="Use this key").click()
    expect(dialog).to_contain_text("plain letters")
    page.get_by_role("textbox", name="API key").fill(KEY)
    page.get_by_role("button", name="Use this key").click()
    expect(page.locator("a.primary[download]")).to_be_visible()
    expect(page.locator(".tile-preview").first).to_be_visible()
    page.reload()
    expect(page.locator("a.primary[download]")).to_be_visible()
    expect(dialog).to_have_count(0)
    other = page.context.new_page()
    other.goto(page.url)
    expect(other.get_by_role("dialog")).to_be_visible()
    page.get_by_role("button", name="Forget the API key").click()
    page.reload()
    expect(dialog).to_be_visible()


def test_without_a_key_the_page_says_what_it_wants_and_stays_usable(visit, guarded):
    page = visit("", guarded)
    page.get_by_role("button", name="Not now").click()
    expect(page.get_by_role("alert")).to_contain_text("Send one of the service's keys")
    page.get_by_role("button", name="A cat").click()
    page.get_by_role("button", name="Enter a key").first.click()
    page.get_by_role("textbox", name="API key").fill(KEY)
    page.get_by_role("button", name="Use this key").click()
    expect(page.locator("a.primary[download]")).to_be_visible()


def test_the_operators_token_stays_in_the_tabs_memory(visit):
    page = visit("#operator")
    page.get_by_label("Token").fill("not the token of the operator, at all".replace(" ", "-"))
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_contain_text("The admin token is not valid.")
    page.get_by_label("Token").fill(ADMIN_TOKEN)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Models")).to_be_visible()
    stored = page.evaluate("JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie])")
    assert ADMIN_TOKEN not in stored
    page.reload()
    expect(page.get_by_label("Token")).to_be_visible()


def test_the_operator_brings_and_deletes_a_style_image(visit, style_file):
    page = visit("#operator")
    page.get_by_label("Token").fill(ADMIN_TOKEN)
    page.get_by_role("button", name="Sign in").click()
    page.locator(".bring input[type=file]").set_input_files(style_file)
    page.get_by_label("Title").fill("Red bricks")
    page.get_by_label("Artist").fill("A mason")
    page.get_by_label("Add it to compact at once").uncheck()
    page.get_by_role("button", name="Add", exact=True).click()
    image = page.locator(".style-images li", has_text="Red bricks")
    expect(image).to_contain_text("A mason")
    expect(image.get_by_alt_text("Red bricks")).to_be_visible()
    page.locator(".bring input[type=file]").set_input_files(style_file)
    page.get_by_label("Title").fill("Red bricks")
    page.get_by_role("button", name="Add", exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text("red_bricks")
    page.get_by_role("button", name="Delete Red bricks").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(image).to_have_count(0)


def test_the_operator_activates_a_version_and_goes_back(visit, guarded):
    page = visit("#operator", guarded)
    page.get_by_label("Token").fill(ADMIN_TOKEN)
    page.get_by_role("button", name="Sign in").click()
    row = page.get_by_role("row")
    expect(row.nth(1)).to_contain_text("2Active")
    page.get_by_role("button", name="Roll back").click()
    page.get_by_role("dialog").get_by_role("button", name="Roll back").click()
    expect(row.nth(2)).to_contain_text("1Active")
    expect(page.get_by_text("serves compact@1")).to_be_visible()
    page.get_by_role("button", name="Activate").click()
    page.get_by_role("dialog").get_by_role("button", name="Activate").click()
    expect(page.get_by_text("serves compact@2")).to_be_visible()


def test_without_an_operator_the_page_says_so(visit, small):
    page = visit("#operator", small)
    page.get_by_label("Token").fill(ADMIN_TOKEN)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_contain_text("PASTICHE_ADMIN_TOKEN")
