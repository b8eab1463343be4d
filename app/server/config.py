"""uvicorn's configuration, from the settings."""

from __future__ import annotations

import math

import uvicorn
from fastapi import FastAPI

from app.api.live.route import PATH
from app.server.crowd import Crowd
from app.server.limits import limits_of
from app.server.protocol import BoundedProtocol
from app.server.websocket import BoundedWebSocket
from app.settings import Settings

# Beyond the deadline of the last request: its response must still reach the client.
SHUTDOWN_MARGIN_SECONDS = 5
# A frame beyond the limit is refused with a reason, and the session goes on; one that is so many times as large would
# fill the memory, and ends it.
FRAME_MARGIN = 4


class ServerConfig(uvicorn.Config):
    """
    Attributes:
        crowd: the server's connections.
        drain_seconds: how long requests are accepted after SIGTERM.
        prefix: the path below which a proxy serves the application.
        websocket_paths: where an offer of a WebSocket is taken. Elsewhere the request is answered as it is.
    """

    def __init__(self, app: FastAPI, settings: Settings) -> None:
        """Raises SettingsError."""
        self.crowd = Crowd(limits_of(settings))
        self.drain_seconds = settings.drain_seconds
        self.prefix = settings.root_path
        self.websocket_paths = {PATH, self.prefix + PATH} if settings.live_sessions else set()
        super().__init__(
            app,
            http=BoundedProtocol,
            ws=BoundedWebSocket,
            ws_max_size=FRAME_MARGIN * settings.live_frame_bytes,
            ws_per_message_deflate=False,  # pictures are compressed
            lifespan="on",
            log_config=None,
            access_log=False,
            server_header=False,
            # FastAPI adds `root_path` itself, which works whether the proxy strips it or not.
            proxy_headers=bool(settings.trusted_proxies),
            forwarded_allow_ips=list(settings.trusted_proxies),
            timeout_keep_alive=settings.keep_alive_seconds,
            timeout_graceful_shutdown=math.ceil(settings.deadline_seconds) + SHUTDOWN_MARGIN_SECONDS,
        )
