"""Settings of trainings."""

from __future__ import annotations

from pydantic import BaseModel, Field

from app.settings.values import ExistingFolder, network_threads


class TrainingSettings(BaseModel):
    """Trainings."""

    photos_dir: ExistingFolder | None = Field(
        None,
        description="Folder of photos (JPEG, PNG or WebP) that trainings learn from; by default, the built-in images.",
    )
    training_threads: int = Field(default_factory=network_threads, ge=1, le=1024, description="Threads of a training.")
    training_niceness: int = Field(
        19,
        ge=0,
        le=19,
        description="Priority of the process that trains: 19 takes only what other processes leave, 0 as much "
        "as they do.",
    )
