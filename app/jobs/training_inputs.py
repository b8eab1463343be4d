"""The inputs of a training: style images from the storage, photos, and a folder to work in."""

from __future__ import annotations

import hashlib
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from app.errors import PhotosUnavailable, TrainingFailed
from app.jobs.training_params import StyleImageRef
from app.jobs.training_queue import device_id
from app.model_builds.pictures import JUDGED_PICTURES, spread
from app.settings import Settings
from app.storage.blobs import BlobNotFound, Blobs
from app.training.inspection import MIN_PHOTOS, UnusablePhotos, inspect_photos
from app.training.paintings import StyleImage


@contextmanager
def workshop(settings: Settings) -> Iterator[Path]:
    """An empty folder, deleted at the end.

    There is one for each device: the next training deletes what a killed one has left in it.
    """
    folder = settings.data_dir / "trainings" / f"{socket.gethostname()[:40]}-{device_id(settings)}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def fetch_style_images(storage: Blobs, wanted: list[StyleImageRef], folder: Path) -> tuple[StyleImage, ...]:
    """Write the style images into `folder`.

    Raises:
        TrainingFailed: one of them has been deleted, or is not what it was.
        StorageUnavailable.
    """
    folder.mkdir(exist_ok=True)
    return tuple(_fetch(storage, ref, folder / f"{ref.id}.png") for ref in wanted)


def _fetch(storage: Blobs, ref: StyleImageRef, path: Path) -> StyleImage:
    try:
        data = storage.get(ref.blob_key)
    except BlobNotFound:
        raise TrainingFailed(f"The style image {ref.id} has been deleted.") from None
    if hashlib.sha256(data).hexdigest() != ref.sha256:
        raise TrainingFailed(f"The stored style image {ref.id} is not the one that was uploaded.")
    path.write_bytes(data)
    return StyleImage(ref.id, path, ref.title, ref.artist, ref.year, ref.licence)


def split_photos(settings: Settings) -> tuple[tuple[Path, ...], tuple[Path, ...]]:
    """Photos to train on, and others to judge by; none where the built-in pictures are used.

    Raises:
        PhotosUnavailable.
    """
    photos = usable_photos(settings)
    unseen = spread(photos) if photos else ()
    return tuple(path for path in photos if path not in unseen), unseen


def usable_photos(settings: Settings) -> tuple[Path, ...]:
    """Of PASTICHE_PHOTOS_DIR; none where there is none. Raises PhotosUnavailable."""
    if settings.photos_dir is None:
        return ()
    try:
        return inspect_photos(settings.photos_dir, fewest=MIN_PHOTOS + JUDGED_PICTURES).usable
    except UnusablePhotos as error:
        raise PhotosUnavailable(
            "The photos in PASTICHE_PHOTOS_DIR cannot be trained on: too few of them are readable and large enough.",
            private=str(error),
        ) from error
