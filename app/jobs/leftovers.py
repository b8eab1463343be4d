"""What an ended job leaves in the storage beside what can still be read of it."""

from __future__ import annotations

import structlog

from app.errors import StorageUnavailable
from app.jobs.job import Job, JobStatus, job_prefix
from app.storage.blobs import Blobs

_log = structlog.get_logger(__name__)


def discard_leftovers(job: Job, storage: Blobs) -> None:
    """Delete the checkpoints and segments of a job that has ended, and everything of one that was cancelled.

    What cannot be deleted now is when the job expires.
    """
    try:
        if job.status is JobStatus.CANCELLED:
            storage.delete_prefix(job_prefix(job.id))
            return
        shown = {job.result_key, job.preview_key}
        for key in storage.list(f"{job_prefix(job.id)}attempts/"):
            if key not in shown:
                storage.delete(key)
    except StorageUnavailable as error:
        _log.warning("blobs_not_deleted", job=job.id, reason=error.private)
