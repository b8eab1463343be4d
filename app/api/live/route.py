"""The WebSocket `/v1/live`: who may open it, and how it ends."""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
from contextlib import suppress
from functools import partial

import structlog
from fastapi import FastAPI
from fastapi.security import HTTPAuthorizationCredentials
from fastapi.security.utils import get_authorization_scheme_param
from starlette.requests import Request
from starlette.websockets import WebSocket, WebSocketDisconnect

from app.api.http.auth import identify, principal_of, recognised
from app.api.http.keyring import Keyring
from app.api.http.origin import check_origin
from app.api.http.problems import counted, problem_response
from app.api.http.rate_limit import RateLimit
from app.api.live.messages import problem_of
from app.api.live.seats import Seat
from app.api.live.session import GOODBYE_SECONDS, Session
from app.api.service import Service
from app.errors import Forbidden, ModelUnavailable, PasticheError, Unauthorized, UpgradeRequired

PATH = "/v1/live"
# What a client may offer, and is told that it speaks. A browser can send no header, so its key comes in a second offer,
# which is not answered: this prefix and the key in base64url.
SUBPROTOCOL = "pastiche.live"
KEY_SUBPROTOCOL = "pastiche.key."
# Close codes: of a problem 4000 and its status, but when the service stops the registered one, after which clients
# come back (RFC 6455, section 7.4; IANA's registry).
PROBLEM_CODE = 4000
SERVICE_RESTART = 1012

_log = structlog.get_logger(__name__)


class LiveRoute:
    """
    Args:
        keyring: None where the routes are open.
        unauthorized: of connections without a right key, by address.
    """

    def __init__(self, service: Service, keyring: Keyring, unauthorized: RateLimit) -> None:
        self._service = service
        self._keyring = keyring
        self._unauthorized = unauthorized

    async def open(self, websocket: WebSocket) -> None:
        try:
            check_origin(websocket, self._service.settings.cors_origins)
        except Forbidden as error:
            await websocket.send_denial_response(problem_response(websocket.scope, error))
            return
        # Whatever else is wrong is told in words: scripts cannot read the response to a handshake.
        offered = websocket.scope["subprotocols"]
        await websocket.accept(SUBPROTOCOL if SUBPROTOCOL in offered else None)
        with suppress(WebSocketDisconnect):
            await self._serve(websocket)

    async def _serve(self, websocket: WebSocket) -> None:
        try:
            try:
                seat = self._seat(websocket)
            except PasticheError as error:
                self._service.metrics.count_live_refusal(error)
                raise
            try:
                await websocket.send_text(self._greeting())
                await Session(websocket, self._service, seat, partial(self._check_key, websocket)).run()
            finally:
                self._service.live.leave(seat)
        except PasticheError as error:
            self._service.metrics.count_problem(error)
            await say_goodbye(websocket, error)
        except WebSocketDisconnect:
            raise
        except Exception as error:  # noqa: BLE001 - the client is told, as by the request log
            _log.error("unexpected_error", exc_info=error)
            await say_goodbye(websocket, PasticheError())

    def _seat(self, websocket: WebSocket) -> Seat:
        """Raises PasticheError: whoever it is, it cannot paint now."""
        self._identify(websocket)
        self._service.check_warm()
        if self._service.draining:
            raise ModelUnavailable("The service is being stopped: connect again.")
        return self._service.live.take(principal_of(websocket))

    def _identify(self, websocket: WebSocket) -> None:
        """Raises Unauthorized, TooManyRequests."""
        credentials = credentials_of(websocket)
        if not self._service.settings.api_keys:
            recognised(websocket, credentials, self._keyring)
            return
        try:
            identify(websocket, credentials, self._keyring)
        except Unauthorized as error:
            raise counted(websocket, error, self._unauthorized) from None

    def _check_key(self, websocket: WebSocket) -> None:
        """Raises Unauthorized: the key was removed from the service's file after the session was opened."""
        if not self._service.settings.api_keys:
            return
        try:
            identify(websocket, credentials_of(websocket), self._keyring)
        except Unauthorized:
            raise Unauthorized("The key of this session is no longer valid: connect with another one.") from None

    def _greeting(self) -> str:
        settings = self._service.settings
        limits = {
            "frame_bytes": settings.live_frame_bytes,
            "edge_pixels": min(settings.live_edge_pixels, settings.edge_pixels),
            "idle_seconds": settings.live_idle_seconds,
        }
        return json.dumps({"ready": limits})


def credentials_of(websocket: WebSocket) -> HTTPAuthorizationCredentials | None:
    """The key, from the header or from a subprotocol; None where there is none. A URL, which is logged, has none."""
    scheme, sent = get_authorization_scheme_param(websocket.headers.get("authorization"))
    if scheme.lower() == "bearer" and sent:
        return HTTPAuthorizationCredentials(scheme=scheme, credentials=sent)
    for offer in websocket.scope["subprotocols"]:
        if offer.startswith(KEY_SUBPROTOCOL):
            return HTTPAuthorizationCredentials(scheme="Bearer", credentials=decoded(offer))
    return None


def decoded(offer: str) -> str:
    """The key in an offer, each byte as a character, as headers have it; "" where it is no base64url."""
    coded = offer.removeprefix(KEY_SUBPROTOCOL)
    try:
        return base64.b64decode(coded + "=" * (-len(coded) % 4), altchars=b"-_", validate=True).decode("latin-1")
    except (binascii.Error, ValueError):
        return ""


async def say_goodbye(websocket: WebSocket, error: PasticheError) -> None:
    """The problem, and the end. A client that reads nothing does not hold it up."""
    code = SERVICE_RESTART if isinstance(error, ModelUnavailable) else PROBLEM_CODE + error.status
    with suppress(TimeoutError, WebSocketDisconnect):
        async with asyncio.timeout(GOODBYE_SECONDS):
            await websocket.send_text(problem_of(websocket, error))
            await websocket.close(code, error.slug)


def add_live(app: FastAPI, service: Service, keyring: Keyring, unauthorized: RateLimit) -> None:
    """The WebSocket, and what a plain request to its path is told."""
    app.add_api_websocket_route(PATH, LiveRoute(service, keyring, unauthorized).open)

    @app.get(PATH, include_in_schema=False)
    async def live(_: Request) -> None:
        raise UpgradeRequired("This route is a WebSocket: send an HTTP/1.1 request with `Upgrade: websocket`.")
