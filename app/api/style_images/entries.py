"""Style images of one's own among the styles."""

from __future__ import annotations

from starlette.requests import Request

from app.api.http.auth import principal_of
from app.api.jobs.schemas import job_path
from app.api.schemas import StyleEntry, StyleImageEntry, StyleList
from app.api.service import service_of
from app.model_store.style_images import KeptStyleImage
from app.registry.manifest import Manifest

TITLE = "Your style image"


async def own_styles(request: Request, model: str | None) -> StyleList:
    """The newest first, as they are to a model. Raises InvalidOption, NoStyleEncoder, LedgerUnavailable."""
    service = service_of(request)
    catalogue = service.catalogue
    manifest = catalogue.model(model)
    images = await service.style_images.all(principal_of(request), catalogue.encoder(manifest))
    return StyleList(styles=[entry_of(request, image, manifest) for image in images], style_images=True)


async def own_style(request: Request, handle: str, model: str | None) -> StyleEntry:
    """As it is to a model. Raises NotFound, and as `own_styles`."""
    service = service_of(request)
    catalogue = service.catalogue
    manifest = catalogue.model(model)
    image = await service.style_images.find(principal_of(request), handle, catalogue.encoder(manifest))
    return entry_of(request, image, manifest)


def entry_of(request: Request, image: KeptStyleImage, manifest: Manifest) -> StyleEntry:
    return StyleEntry(
        id=image.handle,
        title=TITLE,
        artist=None,
        year=None,
        licence=None,
        kind="image",
        model=manifest.label,
        preview=None,
        losses=None,
        image=StyleImageEntry(
            stage=image.stage,
            width=image.width,
            height=image.height,
            thumbnail=f"{path_of(request, image.handle)}/thumbnail",
            refinement=job_path(request, job) if (job := image.reading and image.reading.job) else None,
            created_at=image.created_at,
            expires_at=image.expires_at,
        ),
    )


def path_of(request: Request, handle: str) -> str:
    """As the client sees it, also behind a proxy with a path prefix."""
    return f"{request.scope.get('root_path', '')}/v1/styles/{handle}"
