"""The requests of a page to paint, as they come and go."""

from collections.abc import Callable

from playwright.sync_api import Page, Request


class Traffic:
    """Attributes: asked: addresses, in their order. most: how many were under way at the same time."""

    def __init__(self, page: Page, counts: Callable[[str], bool]) -> None:
        self.asked: list[str] = []
        self.most = 0
        self._counts = counts
        self._running: set[Request] = set()
        page.on("request", self._begin)
        page.on("requestfinished", lambda request: self._running.discard(request))
        page.on("requestfailed", lambda request: self._running.discard(request))

    def _begin(self, request: Request) -> None:
        if "/v1/stylize?" in request.url and self._counts(request.url):
            self.asked.append(request.url)
            self._running.add(request)
            self.most = max(self.most, len(self._running))
