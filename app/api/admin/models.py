"""Model versions as the operator sees them, and the choice of the one that every replica serves."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter
from starlette.requests import Request

from app.api.admin.audit import note
from app.api.admin.openapi import activation_body
from app.api.admin.schemas import ActivationEntry, ModelEntry, ModelList, activation_entry, model_entry
from app.api.http.auth import fingerprint_of
from app.api.http.json_body import receive_json
from app.api.http.openapi import problems
from app.api.service import service_of
from app.errors import (
    BodyTooLarge,
    EmptyBody,
    InvalidOption,
    LedgerUnavailable,
    MalformedBody,
    ModelUnavailable,
    NotFound,
    Overloaded,
    StorageUnavailable,
    VersionRefused,
)

router = APIRouter(prefix="/v1/admin/models", tags=["admin"])

ModelPath = Annotated[str, Path(description="Name of a model.", examples=["compact"])]


class ActiveVersion(BaseModel):
    """The version to serve."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: int = Field(ge=1, lt=10**9, description="Number of the version.", examples=[2])
    force: bool = Field(
        False, description="Activate it although it is a candidate. That is recorded.", examples=[False]
    )


ACTIVE_VERSION: TypeAdapter[ActiveVersion] = TypeAdapter(ActiveVersion)


@router.get("", summary="All models", responses=problems(LedgerUnavailable))
async def list_models(request: Request) -> ModelList:
    """Every model with its versions, which of them is active, and which one this process serves."""
    model_store = service_of(request).jobs.model_store
    names = await service_of(request).jobs.ask(model_store.names)
    return ModelList(models=[await shown(request, name) for name in names])


@router.get("/{name}", summary="One model", responses=problems(NotFound, LedgerUnavailable))
async def get_model(request: Request, name: ModelPath) -> ModelEntry:
    """Its versions with what was measured of each, and why a candidate is one."""
    return await shown(request, name)


async def shown(request: Request, name: str) -> ModelEntry:
    service = service_of(request)
    gateway = service.jobs
    versions = await gateway.ask(gateway.model_store.versions, name)
    if not versions:
        raise NotFound("There is no such model.")
    served = [manifest.label for manifest in service.catalogue.manifests if manifest.name == name]
    return model_entry(name, versions, served)


@router.put(
    "/{name}/active",
    summary="Activate a version, or roll back",
    responses=problems(
        EmptyBody,
        MalformedBody,
        NotFound,
        VersionRefused,
        BodyTooLarge,
        InvalidOption,
        Overloaded,
        LedgerUnavailable,
        StorageUnavailable,
        ModelUnavailable,
    ),
    openapi_extra={"requestBody": activation_body(ActiveVersion)},
)
async def activate_model_version(request: Request, name: ModelPath) -> ActivationEntry:
    """The version is loaded and tried first; then every replica follows within seconds, and no request fails.

    `curl -X PUT -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json' -d '{"version": 1}'
    /v1/admin/models/compact/active`
    """
    wanted = await receive_json(request, ACTIVE_VERSION)
    note(request, model=f"{name}@{wanted.version}"[:100], force=wanted.force)
    gateway = service_of(request).jobs
    # In a ledger thread first: this finds a wrong name, and a database that is away.
    await gateway.ask(gateway.model_store.version, name, wanted.version)
    by = f"admin {fingerprint_of(request)}"
    activation = await gateway.work(gateway.model_store.activate, name, wanted.version, by=by, force=wanted.force)
    return activation_entry(activation)
