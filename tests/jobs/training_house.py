"""Trainings small enough for a test, as jobs: paintings in the storage, photos in a folder, a ledger of their own."""

from __future__ import annotations

import hashlib
import io
import threading
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from app.jobs.context import JobContext
from app.jobs.job import Job
from app.jobs.training import Training
from app.jobs.training_params import StyleImageRef, TrainingParams
from app.model_store.store import ModelStore, open_model_store
from app.settings import Settings
from app.storage.folder import Folder

# Of a training of a second or two.
QUICK: dict[str, Any] = {"steps": 4, "batch": 1, "crop": 64, "stroke": 64, "precision": "float32"}


def picture(seed: int, width: int = 160, height: int = 144) -> Image.Image:
    """Waves of colours, and noise."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width] / 20
    waves = [np.sin(x * rng.uniform(0.2, 3) + y * rng.uniform(0.2, 3) + rng.uniform(0, 6)) for _ in range(3)]
    pixels = np.stack(waves, axis=2) * 90 + 128 + rng.normal(0, 8, (height, width, 3))
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


def write_photos(folder: Path, count: int = 12) -> Path:
    folder.mkdir()
    for number in range(count):
        picture(100 + number).save(folder / f"{number:02d}.jpg", quality=90)
    return folder


class TrainingHouse:
    """`desk` is a Desk of conftest."""

    def __init__(self, desk: Any, settings: Settings) -> None:
        self.desk = desk
        self.settings = settings
        self.storage = Folder(settings.data_dir / "blobs")
        self.task = Training(settings)
        self.model_store: ModelStore = open_model_store(settings)

    def painting(self, style: str, seed: int = 1) -> StyleImageRef:
        file = io.BytesIO()
        picture(seed).save(file, "png")
        key = f"style_pictures/{style}/{seed}.png"
        self.storage.put(key, file.getvalue())
        return StyleImageRef(
            id=style,
            title=style.title(),
            artist="Nobody",
            year=None,
            licence=None,
            blob_key=key,
            sha256=hashlib.sha256(file.getvalue()).hexdigest(),
        )

    def ask(self, *styles: str, mode: str = "add", model: str = "compact", recipe: Any = None, **options: Any) -> Job:
        params = TrainingParams(
            mode=mode,
            model=model,
            paintings=[self.painting(style, seed) for seed, style in enumerate(styles, start=1)],
            recipe=QUICK | (recipe or {}),
            **{"by": "test", **options},
        )
        return self.desk.create(kind="training", params=params.model_dump(mode="json"))

    def claim(self, job: Job) -> JobContext:
        claimed = self.desk.leases.claim(job.id, "w")
        return JobContext(claimed, self.desk.leases, self.storage, stopping=threading.Event(), checkpoint_seconds=0.001)

    def close(self) -> None:
        self.model_store.close()
