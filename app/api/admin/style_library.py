"""Style images to train from, as the routes see them: rows, images, and what was made from them."""

from __future__ import annotations

from collections.abc import Iterator

from app.api.admin.style_form import StyleFields
from app.api.jobs.gateway import JobGateway
from app.api.stylize.result_key import digest
from app.errors import InvalidOption, NotFound, PictureDamaged, RequestError, ResultExpired, StyleExists, StyleInUse
from app.imaging.cost import Cost, encoding_cost
from app.imaging.decode import Header, decode
from app.imaging.encode import encode, on_white
from app.imaging.picture import Picture
from app.jobs.job import JobStatus
from app.jobs.training_params import KIND, TrainingParams
from app.model_store.style_pictures import NewStylePicture, StylePicture, StylePictures, new_blob_key
from app.model_store.version_rows import VersionRows
from app.storage.blobs import BlobNotFound
from app.style_id import style_id_of

# The largest `stroke` of a training: no training looks at a larger image.
MAX_EDGE = 2048
# A smaller image has too few pixels for statistics.
MIN_EDGE = 64
# In a version's report: the SHA-256 of each style image by id.
PAINTINGS = "paintings"
MAX_TRAININGS = 1000
QUALITY = 100  # which PNG ignores


class StyleLibrary:
    """Every method raises LedgerUnavailable or StorageUnavailable within seconds."""

    def __init__(self, gateway: JobGateway) -> None:
        self._gateway = gateway
        self._pictures = StylePictures(gateway.database)
        self._versions = VersionRows(gateway.database)

    async def all(self) -> list[tuple[StylePicture, list[str]]]:
        """Every style image with what was made from it."""
        return await self._gateway.ask(self._all)

    async def find(self, style_id: str) -> tuple[StylePicture, list[str]]:
        """Raises NotFound."""
        picture = await self._gateway.ask(self._pictures.get, style_id)
        if picture is None:
            raise NotFound("There is no such style image.")
        return picture, (await self._gateway.ask(self._users, [picture]))[picture.id]

    async def check_free(self, style_id: str) -> None:
        """Called before the image is decoded and stored. Raises StyleExists."""
        if await self._gateway.ask(self._pictures.get, style_id) is not None:
            raise StyleExists(f"There is a style {style_id} already.")

    async def add(self, fields: StyleFields, png: bytes, size: tuple[int, int], by: str) -> StylePicture:
        """Store what `as_style_image` has made. Raises StyleExists, InvalidOption."""
        style_id = style_id_of(fields.title)
        new = NewStylePicture(
            id=style_id,
            **fields.model_dump(exclude={"train"}),
            blob_key=new_blob_key(style_id),
            sha256=await digest(png),
            width=size[0],
            height=size[1],
            created_by=by,
        )
        await self._gateway.store(new.blob_key, png)
        try:
            return await self._gateway.ask(self._pictures.add, new)
        except RequestError:
            # Not after LedgerUnavailable: the row may have been written although nobody could tell.
            await self._gateway.discard(new.blob_key)
            raise

    async def picture(self, picture: StylePicture) -> bytes:
        """Raises ResultExpired, PictureDamaged."""
        try:
            data = await self._gateway.blob(picture.blob_key)
        except BlobNotFound:
            raise ResultExpired(
                "This style image is no longer in the storage. Delete it and upload it again."
            ) from None
        if await digest(data) != picture.sha256:
            raise PictureDamaged("The stored style image is not what was uploaded. Delete it and upload it again.")
        return data

    async def delete(self, style_id: str) -> None:
        """Raises NotFound, StyleInUse."""
        picture, users = await self.find(style_id)
        if users:
            raise StyleInUse(f"It is used by {', '.join(users)}.", used_by=users)
        if not await self._gateway.ask(self._pictures.delete, style_id):
            raise NotFound("There is no such style image.")
        await self._gateway.discard(picture.blob_key)

    def _all(self) -> list[tuple[StylePicture, list[str]]]:
        pictures = self._pictures.all()
        users = self._users(pictures)
        return [(picture, users[picture.id]) for picture in pictures]

    def _users(self, pictures: list[StylePicture]) -> dict[str, list[str]]:
        """By id: versions made from exactly this image, and jobs that will make one."""
        users: dict[str, list[str]] = {picture.id: [] for picture in pictures}
        for user, hashes in [*self._versions_made(), *self._trainings()]:
            for picture in pictures:
                if hashes.get(picture.id) == picture.sha256:
                    users[picture.id].append(user)
        return users

    def _versions_made(self) -> Iterator[tuple[str, dict[str, str]]]:
        """Label of each, and the SHA-256 by id of the style images that its new styles were trained from."""
        for name in self._versions.names():
            for row in self._versions.of(name):
                yield f"{name}@{row.version}", dict(row.report.get(PAINTINGS, {}))

    def _trainings(self) -> Iterator[tuple[str, dict[str, str]]]:
        """Jobs that are queued or running."""
        for status in (JobStatus.QUEUED, JobStatus.RUNNING):
            for job in self._gateway.ledger.page(kind=KIND, status=status, limit=MAX_TRAININGS):
                params = TrainingParams.model_validate(job.params)
                yield f"job {job.id}", {painting.id: painting.sha256 for painting in params.paintings}


def keeping_cost(header: Header) -> Cost:
    """What `as_style_image` returns."""
    longer = max(header.width, header.height)
    pixels = header.width * header.height * min(1.0, MAX_EDGE / longer) ** 2
    return header.cost(MAX_EDGE) + encoding_cost("png", int(pixels), QUALITY)


def as_style_image(data: bytes, max_megapixels: float, max_bytes: int) -> tuple[bytes, tuple[int, int]]:
    """The image to store, a PNG without metadata or transparency, and its width and height. Runs in a codec thread.

    Raises:
        PictureError: the bytes cannot be read.
        InvalidOption: it is too small, or too long and thin, for anything to be learned from it.
    """
    picture = decode(data, max_megapixels, MAX_EDGE, max_bytes=max_bytes)
    if min(picture.width, picture.height) < MIN_EDGE:
        raise InvalidOption(
            f"A style image, scaled to {MAX_EDGE} pixels at most, must have at least {MIN_EDGE} on its shorter edge."
        )
    rgb = picture.rgb if picture.alpha is None else on_white(picture.rgb, picture.alpha)
    return encode(Picture(rgb), "png", QUALITY), (picture.width, picture.height)
