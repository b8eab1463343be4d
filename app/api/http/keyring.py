"""The service's secrets: those it was started with, or the current content of their files."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

import structlog
from pydantic import SecretStr

from app.settings import Settings, SettingsError

# How often the files are looked at, at most.
LOOK_SECONDS = 1.0

Signature = tuple[int, int, int]

_log = structlog.get_logger(__name__)


class Keyring:
    """The API keys and the operator's token. Safe for threads.

    Files are checked when a request needs a secret, at most once a second. If the new content is not valid, the old
    secret stays and the log says why. Which routes exist is decided at the start.
    """

    def __init__(self, settings: Settings, clock: Callable[[], float] = time.monotonic) -> None:
        self._settings = settings
        self._clock = clock
        self._files = [file for file in (settings.api_keys_file, settings.admin_token_file) if file]
        self._seen = self._signatures()
        self._looked_at = clock()
        self._lock = threading.Lock()

    @property
    def api_keys(self) -> tuple[bytes, ...]:
        """Of the public routes; none if these are open."""
        return tuple(key.get_secret_value().encode() for key in self._now().api_keys)

    @property
    def admin_token(self) -> bytes | None:
        """The operator's; None if there are no admin routes."""
        token: SecretStr | None = self._now().admin_token
        return token.get_secret_value().encode() if token else None

    def _now(self) -> Settings:
        with self._lock:
            if self._files and self._clock() - self._looked_at >= LOOK_SECONDS:
                self._looked_at = self._clock()
                self._look()
            return self._settings

    def _look(self) -> None:
        found = self._signatures()
        if found == self._seen:
            return
        self._seen = found
        try:
            self._settings = self._settings.read_again()
        except SettingsError as error:
            _log.error("secrets_not_read", reason=str(error))
        else:
            _log.info("secrets_read_again")

    def _signatures(self) -> list[Signature | None]:
        return [_signature(file) for file in self._files]


def _signature(file: Path) -> Signature | None:
    """Changes with the file's content; the link that Kubernetes turns to another folder is followed."""
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ino, found.st_size
