"""The thread in which a worker delivers webhooks."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping

import structlog

from app.errors import LedgerUnavailable
from app.jobs.webhook_request import encoded, payload_of, post, signed
from app.jobs.webhook_url import Undelivered
from app.jobs.webhooks import Webhook, Webhooks

EVERY_SECONDS = 1
STOP_SECONDS = 2

_log = structlog.get_logger(__name__)


class WebhookThread:
    """Runs until `stop`; an outage of the database makes it try again.

    Args:
        key: of the signatures.
        root_path: of the links in what is told.
        send: takes a URL, a body and headers. Raises Undelivered.

    Attributes:
        faults: errors of ours that it has survived.
    """

    def __init__(
        self,
        webhooks: Webhooks,
        key: bytes,
        root_path: str,
        send: Callable[[str, bytes, Mapping[str, str]], None] = post,
    ) -> None:
        self._webhooks = webhooks
        self._key = key
        self._root_path = root_path
        self._send = send
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="webhooks", daemon=True)
        self.faults = 0

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Return when what is being sent has arrived, or hangs."""
        self._over.set()
        self._thread.join(STOP_SECONDS)

    def _run(self) -> None:
        while not self._over.wait(EVERY_SECONDS):
            try:
                self.once()
            except LedgerUnavailable:
                continue  # the reaper beside it has said so
            except Exception:  # noqa: BLE001 - a worker that reports nothing any more would look healthy all the same
                _log.exception("webhooks_failed")
                self.faults += 1

    def once(self) -> None:
        """Deliver what is due. Raises LedgerUnavailable."""
        while not self._over.is_set() and (webhook := self._webhooks.claim()) is not None:
            self._deliver(webhook)

    def _deliver(self, webhook: Webhook) -> None:
        job = webhook.job
        body = encoded(payload_of(job, self._root_path))
        try:
            self._send(webhook.url, body, signed(job, body, self._key, int(time.time())))
        except Undelivered as error:
            pause = self._webhooks.again(webhook)
            _log.warning("webhook_undelivered", job=job.id, reason=str(error), again_in_seconds=pause)
        else:
            self._webhooks.end(webhook)
            _log.info("webhook_delivered", job=job.id, attempt=webhook.attempt)
