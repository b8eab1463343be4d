"""Style images as the routes see them: read by a style encoder, and kept for whoever sent them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable
from dataclasses import dataclass
from typing import Literal

from cachetools import LRUCache

from app.api.backend import Backend
from app.api.codecs.threads import CodecThreads
from app.api.http.rate_limit import RateLimit, Usage
from app.api.jobs.gateway import JobGateway
from app.api.stages import Stages
from app.api.stylize.result_key import digest
from app.engine.blend import HANDLE
from app.engine.memory import release_memory
from app.engine.row import Row
from app.engine.style_reader import StyleReader
from app.errors import ModelUnavailable, NotFound, Overloaded, UnknownStyleImage
from app.imaging.cost import encoding_cost
from app.imaging.decode import Header, decode
from app.imaging.encode import encode, on_white
from app.imaging.picture import Picture, Pixels
from app.model_store.style_images import (
    HASH_CHARACTERS,
    PREFIX,
    Keeping,
    KeptStyleImage,
    Reading,
    StyleImages,
)
from app.registry.error import InvalidModel
from app.serving.served_encoder import ServedEncoder
from app.settings import Settings

# Longer edge in pixels of what is kept of an image: the shipped encoder sees it at this size, and trainings do. Read
# again from half of it, the code of a painting was as far away as another painting's; from this, 3 % of its length.
KEPT_EDGE = 512
KEPT_QUALITY = 95
KEPT_MEDIA_TYPE = "image/jpeg"
# Rows of images that came with a photo: 11 kB each with the shipped model.
KNOWN_ROWS = 256

# Whether an encoder had to read the image.
Source = Literal["read", "known"]


@dataclass(frozen=True)
class Read:
    """What an encoder makes of a style image."""

    code: bytes
    row: Row


class StyleImageLibrary:
    """One for the application. Every method that asks the database raises LedgerUnavailable.

    Images are read one after the other, by a thread of its own.

    Args:
        count: is told of every image whether it had to be read.
    """

    def __init__(
        self, settings: Settings, gateway: JobGateway, codecs: CodecThreads, count: Callable[[Source], None]
    ) -> None:
        self._settings = settings
        self._gateway = gateway
        self._codecs = codecs
        self._count = count
        self._images = StyleImages(gateway.database)
        self._rate = RateLimit(settings.style_images_per_minute, settings.redis_url, "style images")
        self._keeping = Keeping(
            settings.style_images, settings.style_images_each, settings.style_image_expiry_hours * 3600
        )
        self._reading = Backend("style-reader", 1, settings.deadline_seconds, Overloaded)
        self._known: LRUCache[Hashable, Row] = LRUCache(KNOWN_ROWS)

    async def count(self, principal: str) -> Usage | None:
        """Count a request, before its upload is read."""
        return await self._gateway.ask(self._rate.count, principal)

    async def keep(
        self, principal: str, data: bytes, encoder: ServedEncoder, deadline: float
    ) -> tuple[KeptStyleImage, bool]:
        """Read an image and keep it, or keep it longer where it is known. Returns it, and whether it is new.

        Raises:
            PictureError, Overloaded, TooManyStyleImages.
        """
        hash = await name_of(data)
        kept = await self._gateway.ask(self._images.get, principal, hash, encoder.generator_sha256)
        new = False
        if kept is not None and is_current(kept.reading, encoder):
            self._count("known")
            await self._gateway.ask(self._images.renew, principal, hash, self._keeping)
        else:
            header, pixels = await self._decoded(data, deadline)
            picture, size = await self._small(pixels, deadline), (header.width, header.height)
            reading = await self._read_for(encoder, hash, pixels)
            new = await self._gateway.ask(self._images.keep, principal, hash, picture, size, self._keeping)
            await self._gateway.ask(self._images.read, principal, hash, reading)
        return await self.find(principal, PREFIX + hash, encoder), new

    async def find(self, principal: str, handle: str, encoder: ServedEncoder) -> KeptStyleImage:
        """One's own. Raises NotFound."""
        found = await self._gateway.ask(self._images.get, principal, hash_in(handle), encoder.generator_sha256)
        if found is None:
            raise missing()
        return found

    async def all(self, principal: str, encoder: ServedEncoder) -> list[KeptStyleImage]:
        """One's own, the newest first."""
        return await self._gateway.ask(self._images.all, principal, encoder.generator_sha256)

    async def picture(self, principal: str, handle: str) -> bytes:
        """The image as a small JPEG. Raises NotFound."""
        found = await self._gateway.ask(self._images.picture, principal, hash_in(handle))
        if found is None:
            raise missing()
        return found

    async def delete(self, principal: str, handle: str) -> None:
        """Raises NotFound."""
        if not await self._gateway.ask(self._images.delete, principal, hash_in(handle)):
            raise missing()

    async def refining(self, principal: str, image: KeptStyleImage, encoder: ServedEncoder, job: str) -> None:
        """The job of that id refines it from now on."""
        await self._gateway.ask(self._images.refining, principal, image.hash, encoder.generator_sha256, job)

    async def kept_rows(
        self, principal: str, handles: Collection[str], encoder: ServedEncoder, deadline: float
    ) -> dict[str, Row]:
        """What stands for handles in a blend. One that another encoder has read is read again.

        Raises:
            UnknownStyleImage, Overloaded.
        """
        hashes = {handle: handle.removeprefix(PREFIX) for handle in handles}
        found = await self._gateway.ask(
            self._images.found, principal, sorted(hashes.values()), encoder.generator_sha256
        )
        rows = {}
        for handle, hash in hashes.items():
            if hash not in found:
                raise UnknownStyleImage(
                    f"There is no style image {handle} of yours: it has expired, was deleted, or was sent with another "
                    "key. Send the image again to `POST /v1/styles`."
                )
            reading = found[hash]
            if reading is None or not is_current(reading, encoder):
                reading = await self._read_again(principal, hash, encoder, deadline)
            rows[handle] = Row.from_bytes(handle, reading.row)
        return rows

    async def row(self, owner: str | None, data: bytes, encoder: ServedEncoder, deadline: float) -> Row:
        """What stands for an image that came with a photo. It is known for a while, and kept nowhere.

        Args:
            owner: whose it is; nobody else learns from the time that it takes what has been sent before.

        Raises:
            PictureError, Overloaded.
        """
        hash = await name_of(data)
        key = (owner, hash, encoder.label)
        row = self._known.get(key)
        if row is None:
            _, pixels = await self._decoded(data, deadline)
            row = self._known[key] = (await self._read(PREFIX + hash, pixels, encoder)).row
        else:
            self._count("known")
        return row

    async def _read_again(self, principal: str, hash: str, encoder: ServedEncoder, deadline: float) -> Reading:
        picture = await self.picture(principal, PREFIX + hash)
        _, pixels = await self._decoded(picture, deadline)
        reading = await self._read_for(encoder, hash, pixels)
        await self._gateway.ask(self._images.read, principal, hash, reading)
        return reading

    async def _read_for(self, encoder: ServedEncoder, hash: str, pixels: Pixels) -> Reading:
        read = await self._read(PREFIX + hash, pixels, encoder)
        return Reading(encoder.generator_sha256, encoder.label, read.code, read.row.to_bytes())

    async def _decoded(self, data: bytes, deadline: float) -> tuple[Header, Pixels]:
        """The header of an image, and its pixels at the size that is kept, transparency on white."""
        settings, stages = self._settings, Stages()
        header = await self._codecs.probe(data, settings.picture_megapixels, deadline, stages)
        cost = header.cost(KEPT_EDGE)
        cost.check(settings.decode_bytes)
        with self._codecs.admit([cost], deadline) as work:
            return header, await work.run(stages, flat, data, settings.picture_megapixels, settings.decode_bytes)

    async def _small(self, pixels: Pixels, deadline: float) -> bytes:
        with self._codecs.admit([encoding_cost("jpeg", pixels.size // 3, KEPT_QUALITY)], deadline) as work:
            return await work.run(Stages(), encode, Picture(pixels), "jpeg", KEPT_QUALITY)

    async def _read(self, name: str, pixels: Pixels, encoder: ServedEncoder) -> Read:
        self._count("read")
        return await self._reading.call(read_style, name, pixels, encoder)

    def stop(self) -> None:
        self._reading.stop()
        self._rate.close()


def is_current(reading: Reading | None, encoder: ServedEncoder) -> bool:
    """Whether it need not be read again: a refined row is the generator's, whichever encoder it began with."""
    return reading is not None and (reading.refined or reading.encoder == encoder.label)


def flat(data: bytes, max_megapixels: float, max_bytes: int) -> Pixels:
    """Runs in a codec thread."""
    picture = decode(data, max_megapixels, KEPT_EDGE, max_bytes=max_bytes)
    return picture.rgb if picture.alpha is None else on_white(picture.rgb, picture.alpha)


def read_style(name: str, pixels: Pixels, encoder: ServedEncoder) -> Read:
    """Raises ModelUnavailable. Runs in the reader's thread."""
    try:
        reader: StyleReader = encoder.reader()
    except InvalidModel as error:
        raise ModelUnavailable("The style encoder of this model cannot be loaded.", private=str(error)) from error
    code = reader.code(pixels)
    gamma, beta = reader.row(code)
    release_memory()  # else the C library would keep the 100 MB that the loss network's features took
    return Read(code[0].float().numpy().astype("<f4").tobytes(), Row(name, gamma[0], beta[0]))


async def name_of(data: bytes) -> str:
    """The hash that an image's handle ends with."""
    return (await digest(data))[:HASH_CHARACTERS]


def hash_in(handle: str) -> str:
    """The hash that a handle ends with. Raises NotFound: it is no handle."""
    if not HANDLE.fullmatch(handle):
        raise missing()
    return handle.removeprefix(PREFIX)


def missing() -> NotFound:
    return NotFound("There is no such style image of yours.")
