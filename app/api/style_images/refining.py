"""Jobs that make the styles of style images better."""

from __future__ import annotations

import asyncio

from starlette.requests import Request

from app.api.http.auth import is_admin, principal_of
from app.api.jobs.creation import admit, make_job
from app.api.jobs.routes import described
from app.api.jobs.schemas import JobEntry
from app.api.service import service_of
from app.errors import InvalidOption
from app.jobs.gatys import check_descriptor
from app.jobs.refinement import KIND, RefinementParams
from app.model_store.style_images import KeptStyleImage
from app.registry.manifest import Manifest
from app.serving.served_encoder import ServedEncoder


async def look_ahead(request: Request, seconds: float) -> None:
    """Everything that could refuse the job, before anything is done.

    Raises:
        InvalidOption, DescriptorUnavailable, TooManyRequests, TooManyJobs, LedgerUnavailable.
    """
    settings = service_of(request).settings
    if seconds > settings.job_seconds and not is_admin(request):
        raise InvalidOption(f"A style image is refined for at most {settings.job_seconds:g} seconds here.")
    await asyncio.to_thread(check_descriptor, settings)
    await admit(request)


async def refine(
    request: Request, image: KeptStyleImage, manifest: Manifest, encoder: ServedEncoder, seconds: float
) -> tuple[KeptStyleImage, JobEntry]:
    """The job that refines it, made now unless there is one; and the image with it. Raises as making a job does."""
    service = service_of(request)
    library, principal = service.style_images, principal_of(request)
    if image.stage == "refining" and image.reading is not None and image.reading.job is not None:
        return image, await described(request, await service.jobs.find(image.reading.job, principal))
    params = RefinementParams(hash=image.hash, model=manifest.label, seconds=seconds)
    given = params.model_dump(mode="json")
    job, _ = await make_job(request, KIND, given, {}, 0, asked=given)
    await library.refining(principal, image, encoder, job.id)
    return await library.find(principal, image.handle, encoder), job
