"""Errors as `application/problem+json` (RFC 9457), whatever they were before."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Scope

from app.api.http.request_id import request_id
from app.api.schemas import Problem
from app.api.stylize.options import invalid_options
from app.errors import DeadlineExceeded, MethodNotAllowed, NotFound, PasticheError, RequestError, Unauthorized

MEDIA_TYPE = "application/problem+json"


def problem_response(scope: Scope, error: PasticheError) -> Response:
    """The answer that tells of `error`; the scope keeps it for the request's log line."""
    scope["state"]["problem"] = error
    body = Problem(
        type=f"/problems/{error.slug}",
        title=error.title,
        status=error.status,
        detail=error.detail,
        instance=request_id(scope),
    )
    headers = {}
    if error.retry_after_seconds is not None:
        headers["Retry-After"] = str(error.retry_after_seconds)
    if isinstance(error, Unauthorized):
        headers["WWW-Authenticate"] = 'Bearer realm="pastiche"'
    if isinstance(error, DeadlineExceeded):
        # The body may still be trickling in; its client gets no more of the server's patience.
        headers["Connection"] = "close"
    members = body.model_dump()
    # Once more at the end: `extra` may add to the standard members, not replace them.
    return JSONResponse(members | error.extra | members, error.status, headers, MEDIA_TYPE)


def answer_errors_as_problems(app: FastAPI) -> None:
    """Every error that the framework or a route raises; what nobody expected is the request log's to catch."""

    async def ours(request: Request, error: Any) -> Response:
        return problem_response(request.scope, error)

    async def validation(request: Request, error: Any) -> Response:
        return problem_response(request.scope, invalid_options(error.errors()))

    app.exception_handler(PasticheError)(ours)
    app.exception_handler(RequestValidationError)(validation)
    app.exception_handler(HTTPException)(framework_error)


async def framework_error(request: Request, error: Any) -> Response:
    """The router's own: no such route, or not with this method; OPTIONS is answered with what there is."""
    allowed = (error.headers or {}).get("Allow")
    if error.status_code == MethodNotAllowed.status and allowed:
        return wrong_method(request, {method.strip() for method in allowed.split(",")})
    if error.status_code == NotFound.status:
        return problem_response(request.scope, NotFound("There is no such route."))
    kind = RequestError if error.status_code < PasticheError.status else PasticheError
    return problem_response(request.scope, kind(private=repr(error)))


def wrong_method(request: Request, methods: set[str]) -> Response:
    allowed = sorted(methods | {"OPTIONS"} | ({"HEAD"} if "GET" in methods else set()))
    if request.method == "OPTIONS":
        response = Response(status_code=204)
    else:
        response = problem_response(request.scope, MethodNotAllowed(f"This route takes {', '.join(allowed)}."))
    response.headers["Allow"] = ", ".join(allowed)
    return response
