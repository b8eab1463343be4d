"""Probes and measurements for operators: liveness (else restart), readiness (else send no requests), metrics."""

from __future__ import annotations

from fastapi import APIRouter
from prometheus_client.exposition import choose_encoder
from starlette.requests import Request
from starlette.responses import Response

from app.api.http.openapi import problems
from app.api.jobs.metrics import KINDS
from app.api.schemas import Live, Ready
from app.api.service import service_of
from app.errors import LedgerUnavailable, ModelUnavailable, ServiceError

router = APIRouter(tags=["operation"])
# Prometheus' own, and the one that has exemplars.
FORMATS = ("text/plain", "application/openmetrics-text")
TEXT = {"schema": {"type": "string"}}
# Apart, since an operator may keep the measurements to those with a key.
metrics_router = APIRouter(tags=["operation"])


@router.get("/healthz/live", summary="Whether the process is worth keeping", responses=problems(ServiceError))
async def get_liveness(request: Request) -> Live:
    """Follows the engine's heartbeat: 503 when its thread has died, or when one batch takes too long."""
    health = service_of(request).health()
    if not health.live:
        raise ServiceError(health.reason)
    return Live()


@router.get("/healthz/ready", summary="Whether requests should come here", responses=problems(ModelUnavailable))
async def get_readiness(request: Request) -> Ready:
    """200 when the models are loaded and warm and the engine works, else 503 with the reason."""
    service = service_of(request)
    if reason := service.health().reason:
        raise ModelUnavailable(reason)
    refused = {refusal.label: refusal.reason for refusal in service.model_watcher.refusals}
    return Ready(
        models=service.catalogue.labels,
        device=service.device,
        refused=refused,
        workers=workers_of(await service.jobs.workers()),
    )


def workers_of(alive: dict[str, int] | None) -> dict[str, int] | None:
    """Also the kinds that have no worker."""
    return None if alive is None else dict.fromkeys(KINDS, 0) | alive


@metrics_router.get(
    "/metrics",
    summary="Measurements in Prometheus' text format",
    response_class=Response,
    responses={200: {"description": "The measurements.", "content": dict.fromkeys(FORMATS, TEXT)}},
)
async def get_metrics(request: Request) -> Response:
    """Requests, stages, queue, engine, jobs and process at this moment.

    In OpenMetrics' format where `Accept` asks for it, with the trace of a recent request at each bucket (exemplars).
    """
    service = service_of(request)
    try:
        service.metrics.jobs.update(await service.jobs.statistics())
    except LedgerUnavailable:
        service.metrics.jobs.update(None)
    encode, content_type = choose_encoder(request.headers.get("accept", ""))
    return Response(encode(service.metrics.registry), headers={"Content-Type": content_type, "Vary": "Accept"})
