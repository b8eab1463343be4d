"""What the operator's routes say, as the OpenAPI document shows it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, Field
from starlette.requests import Request

from app.api.jobs.schemas import EXAMPLE_ID
from app.model_store.store import GOLDEN
from app.model_store.style_pictures import StylePicture
from app.model_store.version import Activation, VersionState, VersionStatus, version_served

EXAMPLE_STYLE = "the_great_wave"


class StylePictureLinks(BaseModel):
    self: str = Field(examples=[f"/v1/admin/styles/{EXAMPLE_STYLE}"])
    picture: str = Field(examples=[f"/v1/admin/styles/{EXAMPLE_STYLE}/picture"])
    training: str | None = Field(
        None, description="The training job, where `train` started one.", examples=[f"/v1/jobs/{EXAMPLE_ID}"]
    )


class StylePictureEntry(BaseModel):
    """A style image that styles can be trained from."""

    id: str = Field(examples=[EXAMPLE_STYLE])
    title: str = Field(examples=["The Great Wave"])
    artist: str | None = Field(examples=["Hokusai"])
    year: int | None = Field(examples=[1831])
    licence: str | None = Field(examples=["Public domain"])
    width: int = Field(description="Pixels of the stored image.", examples=[1024])
    height: int = Field(examples=[704])
    sha256: str = Field(description="Of the stored image.", examples=["9f86d081884c7d65" * 4])
    created_at: datetime = Field(examples=["2026-01-05T10:00:00Z"])
    created_by: str = Field(description="Fingerprint of the token that uploaded it.", examples=["5f0c1d6d0a3c"])
    used_by: list[str] = Field(
        description="Model versions made from it, and jobs that will make one; with any, it cannot be deleted.",
        examples=[["compact@2"]],
    )
    links: StylePictureLinks


class VersionEntry(BaseModel):
    """A version of a model."""

    version: int = Field(examples=[2])
    label: str = Field(examples=["compact@2"])
    status: Literal["ready", "candidate"] = Field(
        description="A candidate has not passed the gates and is activated with `force` only.", examples=["ready"]
    )
    active: bool = Field(description="Whether it is the version that every replica serves.", examples=[True])
    forced: bool = Field(description="Whether it was activated although it is a candidate.", examples=[False])
    shipped: bool = Field(description="Whether it ships with the program.", examples=[False])
    reasons: list[str] = Field(description="Why it is a candidate.", examples=[[]])
    metrics: dict[str, Any] = Field(
        description="What was measured: the gates' figures and warnings, the job, the style images.",
        examples=[{"passed": True, "warnings": [], "figures": {}, "job": EXAMPLE_ID}],
    )
    created_at: datetime | None = Field(examples=["2026-01-05T10:00:00Z"])
    created_by: str | None = Field(examples=[f"admin 5f0c1d6d0a3c by job {EXAMPLE_ID}"])


class ModelEntry(BaseModel):
    """A model and its versions, ascending."""

    name: str = Field(examples=["compact"])
    active: int | None = Field(description="The version that replicas should serve.", examples=[2])
    served_here: list[str] = Field(
        description="The version that the responding process serves now.", examples=[["compact@2"]]
    )
    versions: list[VersionEntry]


class ModelList(BaseModel):
    models: list[ModelEntry]


class ActivationEntry(BaseModel):
    """Which version is active now."""

    model: str = Field(examples=["compact@2"])
    changed_at: datetime = Field(examples=["2026-01-05T10:00:00Z"])
    changed_by: str = Field(examples=["admin 5f0c1d6d0a3c"])
    forced: bool = Field(examples=[False])


class StylePictureList(BaseModel):
    styles: list[StylePictureEntry]


def style_picture_entry(
    request: Request, picture: StylePicture, used_by: list[str], training: str | None = None
) -> StylePictureEntry:
    path = f"{request.scope.get('root_path', '')}/v1/admin/styles/{picture.id}"
    return StylePictureEntry(
        id=picture.id,
        title=picture.title,
        artist=picture.artist,
        year=picture.year,
        licence=picture.licence,
        width=picture.width,
        height=picture.height,
        sha256=picture.sha256,
        created_at=picture.created_at,
        created_by=picture.created_by,
        used_by=used_by,
        links=StylePictureLinks(self=path, picture=f"{path}/picture", training=training),
    )


def model_entry(name: str, versions: Sequence[VersionState], served: list[str]) -> ModelEntry:
    active = version_served(versions)
    return ModelEntry(
        name=name,
        active=active,
        served_here=served,
        versions=[version_entry(version, active=version.version == active) for version in versions],
    )


def version_entry(version: VersionState, *, active: bool) -> VersionEntry:
    """Without the golden images, which are hundreds of figures that mean nothing to people."""
    return VersionEntry(
        version=version.version,
        label=version.label,
        status="candidate" if version.status is VersionStatus.CANDIDATE else "ready",
        active=active,
        forced=version.forced,
        shipped=version.shipped,
        reasons=list(version.reasons),
        metrics={key: value for key, value in version.report.items() if key != GOLDEN},
        created_at=version.created_at,
        created_by=version.created_by,
    )


def activation_entry(activation: Activation) -> ActivationEntry:
    return ActivationEntry(
        model=activation.label,
        changed_at=activation.changed_at,
        changed_by=activation.changed_by,
        forced=activation.forced,
    )
