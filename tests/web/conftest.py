"""The page in a real browser, in front of a real server."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from PIL import Image
from playwright.sync_api import Browser, Page, expect, sync_playwright
from serving import ADMIN_TOKEN, CHROMIUM_ARGUMENTS, ROOT, Service

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or "/usr/bin/chromium"
# Answers that are no success are shown on the page, and logged by the browser all the same.
SHOWN = ("Failed to load resource", "WebSocket connection to")
# Waits end as soon as the thing happens; the machine may be very busy.
expect.set_options(timeout=300_000)


@pytest.fixture(scope="session")
def chromium() -> str:
    if not Path(CHROMIUM).exists():
        reason = "no Chromium: apt-get install chromium, or name one in CHROMIUM"
        if os.environ.get("CI") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    return CHROMIUM


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    """For a module: Playwright's event loop runs as long as it does, and tests of other modules have their own."""
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium, args=CHROMIUM_ARGUMENTS)
        yield started
        started.close()


@pytest.fixture(scope="session")
def studio(chromium, tmp_path_factory) -> Iterator[Service]:
    """With the model that ships, a worker, and an operator; shared by all tests that do not stop it."""
    service = Service(
        tmp_path_factory.mktemp("studio"),
        {
            "models_dir": ROOT / "models",
            "models": "compact",
            "workers": 1,
            "admin_token": ADMIN_TOKEN,
        },
    )
    service.start()
    yield service
    service.stop()


@pytest.fixture(scope="module")
def launch(chromium, models_dir, tmp_path_factory) -> Iterator:
    """launch(**settings): further servers, with the small models of tests/conftest.py."""
    services: list[Service] = []

    def start(**settings: object) -> Service:
        models = {"models_dir": models_dir, "models": "compact,sketch"}
        services.append(Service(tmp_path_factory.mktemp("service"), models | settings))
        services[-1].start()
        return services[-1]

    yield start
    for service in services:
        service.stop()


@pytest.fixture(scope="session")
def small(chromium, models_dir, tmp_path_factory) -> Iterator[Service]:
    """With the small models, and nobody's keys."""
    service = Service(tmp_path_factory.mktemp("small"), {"models_dir": models_dir, "models": "compact,sketch"})
    service.start()
    yield service
    service.stop()


class Watched:
    """A context whose pages may not fail, break the policy, or ask another host."""

    def __init__(self, browser: Browser, service: Service, **options) -> None:
        self.context = browser.new_context(**({"viewport": {"width": 1280, "height": 800}} | options))
        self.context.set_default_timeout(300_000)
        self.context.on("console", self._hear)
        self.context.on("weberror", lambda error: self.complaints.append(str(error.error)))
        self.context.on("request", self._see)
        self.complaints: list[str] = []
        self.url = service.url

    def page(self, fragment: str = "") -> Page:
        page = self.context.new_page()
        page.goto(f"{self.url}/{fragment}")
        return page

    def _hear(self, message) -> None:
        if message.type == "error" and not any(words in message.text for words in SHOWN):
            self.complaints.append(message.text)

    def _see(self, request) -> None:
        if not request.url.startswith((self.url, "blob:", "data:")):
            self.complaints.append(f"asked another host: {request.url}")


@pytest.fixture
def visit(browser, request) -> Iterator:
    """visit(fragment="", service=studio, **options): a page in a browser context of its own."""
    visits: list[Watched] = []

    def go(fragment: str = "", service: Service | None = None, **options) -> Page:
        chosen = service or request.getfixturevalue("studio")
        visits.append(Watched(browser, chosen, **options))
        return visits[-1].page(fragment)

    yield go
    complaints = [complaint for watched in visits for complaint in watched.complaints]
    for watched in visits:
        watched.context.close()
    assert complaints == []


@pytest.fixture(scope="session")
def photo_file(photos, tmp_path_factory) -> Path:
    """A photo as people have them, a JPEG of 600 x 400."""
    file = tmp_path_factory.mktemp("photos") / "my photo.jpg"
    Image.open(photos / "coffee.png").convert("RGB").save(file, quality=90)
    return file


@pytest.fixture(scope="session")
def large_photo(photos, tmp_path_factory):
    """A photo of six megapixels."""
    file = tmp_path_factory.mktemp("large") / "large.jpg"
    Image.open(photos / "coffee.png").convert("RGB").resize((3000, 2000)).save(file, quality=90)
    return file


@pytest.fixture(scope="session")
def style_file(photos, tmp_path_factory) -> Path:
    file = tmp_path_factory.mktemp("styles") / "red_bricks.jpg"
    Image.open(photos / "brick.png").convert("RGB").resize((256, 256)).save(file, quality=90)
    return file


@pytest.fixture(scope="session")
def text_file(tmp_path_factory) -> Path:
    file = tmp_path_factory.mktemp("texts") / "letter.jpg"
    file.write_text("Dear service, this is no picture.")
    return file


@pytest.fixture(scope="session")
def check_access():
    """check_access(page): axe finds nothing that keeps people from using it (WCAG 2.2 AA and axe's best practices)."""
    axe = Axe()

    def check(page: Page) -> None:
        found = axe.run(page, options={"resultTypes": ["violations"]})
        assert found.response["violations"] == [], found.generate_report()

    return check
