"""Style images of principals: kept for a while, and read by the encoders of generators.

A handle names an image for its principal alone, and the same image has the same handle each time. What an encoder has
read of it is kept for each generator, so that no other server process reads it again.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from sqlalchemy import ColumnElement, Connection, Row, Select, and_, delete, func, select, update
from sqlalchemy.dialects import postgresql, sqlite

from app.errors import TooManyStyleImages
from app.sql.database import Database
from app.sql.schema import jobs, now_ms, style_images, style_readings

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# Of a handle, before the hash.
PREFIX = "style:"
HASH_CHARACTERS = 32
# Deleted in one transaction, so that no sweep holds others up for long.
AT_ONCE = 100

# Read by the encoder; being refined by a job; refined by one, and better for it.
Stage = Literal["encoded", "refining", "refined"]


@dataclass(frozen=True)
class Keeping:
    """How many style images are kept, in all and of one principal, and for how long."""

    most: int
    most_each: int
    seconds: float


@dataclass(frozen=True)
class Reading:
    """What a style image is to a generator.

    Attributes:
        generator: SHA-256 in hex of its weights.
        encoder: label of the encoder that has read the code.
        code: of the encoder, float32.
        row: gamma and beta, float32: the code's, or what a refinement has made of them.
        job: id of the job that refines it, or did.
    """

    generator: str
    encoder: str
    code: bytes
    row: bytes
    refined: bool = False
    job: str | None = None


@dataclass(frozen=True)
class KeptStyleImage:
    """A style image that is kept; `width` and `height` are as it was sent, `reading` and `stage` are of one generator.

    `reading` is None where that generator has not had it yet.
    """

    hash: str
    width: int
    height: int
    created_at: datetime
    expires_at: datetime
    reading: Reading | None
    stage: Stage

    @property
    def handle(self) -> str:
        return PREFIX + self.hash


class StyleImages:
    """Their rows. Every method raises LedgerUnavailable when the database cannot be reached.

    An image that has expired is as one that was never there, whether or not it has been deleted yet.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def keep(self, principal: str, hash: str, picture: bytes, size: tuple[int, int], keeping: Keeping) -> bool:
        """Keep an image, or keep it longer. Returns whether it is new.

        Args:
            picture: a JPEG of it.
            size: its width and height as it was sent.

        Raises:
            TooManyStyleImages.
        """
        with self._database.write() as connection:
            connection.execute(delete(style_images).where(_of(principal), style_images.c.expires_at <= now_ms()))
            if _renew(connection, principal, hash, keeping):
                return False
            _check_room(connection, principal, keeping)
            values = {"principal": principal, "hash": hash, "picture": picture, "width": size[0], "height": size[1]}
            new = _inserting(connection)(style_images).values(
                **values, created_at=now_ms(), expires_at=_expiry(keeping)
            )
            made = new.on_conflict_do_nothing().returning(style_images.c.hash)
            return connection.scalar(made) is not None

    def renew(self, principal: str, hash: str, keeping: Keeping) -> None:
        """Keep it longer, if it is there."""
        with self._database.write() as connection:
            _renew(connection, principal, hash, keeping)

    def picture(self, principal: str, hash: str) -> bytes | None:
        """The JPEG; None: there is no such image."""
        with self._database.read() as connection:
            found: bytes | None = connection.scalar(select(style_images.c.picture).where(_is(principal, hash)))
        return found

    def get(self, principal: str, hash: str, generator: str) -> KeptStyleImage | None:
        with self._database.read() as connection:
            row = connection.execute(_images(generator).where(_is(principal, hash))).one_or_none()
        return None if row is None else _image(row)

    def all(self, principal: str, generator: str) -> list[KeptStyleImage]:
        """The newest first."""
        mine = _images(generator).where(_of(principal), style_images.c.expires_at > now_ms())
        with self._database.read() as connection:
            rows = connection.execute(mine.order_by(style_images.c.created_at.desc(), style_images.c.hash))
            return [_image(row) for row in rows]

    def found(self, principal: str, hashes: Collection[str], generator: str) -> dict[str, Reading | None]:
        """By hash, those of the images that there are, each with what it is to the generator."""
        wanted = style_images.c.hash.in_(hashes) & (style_images.c.expires_at > now_ms())
        with self._database.read() as connection:
            rows = connection.execute(_images(generator).where(_of(principal), wanted))
            return {row.hash: _reading(row) for row in rows}

    def read(self, principal: str, hash: str, reading: Reading) -> None:
        """Keep what an encoder has read; what a refinement has made for the same generator stays.

        Nothing happens if the image is gone.
        """
        values = {
            "encoder": reading.encoder,
            "code": reading.code,
            "row": reading.row,
            "refined": False,
        }
        at = {"principal": principal, "hash": hash, "generator": reading.generator}
        with self._database.write() as connection:
            if connection.scalar(select(style_images.c.hash).where(_is(principal, hash))) is None:
                return
            new = _inserting(connection)(style_readings).values(**at, **values)
            connection.execute(
                new.on_conflict_do_update(
                    index_elements=list(at), set_=values, where=style_readings.c.refined.is_(False)
                )
            )

    def refining(self, principal: str, hash: str, generator: str, job: str) -> None:
        """The job of that id refines it from now on."""
        with self._database.write() as connection:
            connection.execute(update(style_readings).where(_is_reading(principal, hash, generator)).values(job=job))

    def refine(self, principal: str, hash: str, generator: str, job: str, row: bytes) -> bool:
        """Put a better row in the place of the one before, in one step. False: the image or its job has changed."""
        mine = _is_reading(principal, hash, generator) & (style_readings.c.job == job)
        with self._database.write() as connection:
            better = update(style_readings).where(mine).values(row=row, refined=True)
            return connection.execute(better).rowcount == 1

    def delete(self, principal: str, hash: str) -> bool:
        """Whether there was one."""
        with self._database.write() as connection:
            return connection.execute(delete(style_images).where(_is(principal, hash))).rowcount == 1

    def forget_expired(self) -> int:
        """Delete some of those that have expired. Returns how many."""
        old = select(style_images.c.principal, style_images.c.hash).where(style_images.c.expires_at <= now_ms())
        with self._database.write() as connection:
            gone = connection.execute(old.limit(AT_ONCE)).all()
            for row in gone:
                connection.execute(
                    delete(style_images).where(
                        _of(row.principal), style_images.c.hash == row.hash, style_images.c.expires_at <= now_ms()
                    )
                )
        return len(gone)


def _of(principal: str) -> ColumnElement[bool]:
    return style_images.c.principal == principal


def _is(principal: str, hash: str) -> ColumnElement[bool]:
    return and_(_of(principal), style_images.c.hash == hash, style_images.c.expires_at > now_ms())


def _is_reading(principal: str, hash: str, generator: str) -> ColumnElement[bool]:
    return and_(
        style_readings.c.principal == principal,
        style_readings.c.hash == hash,
        style_readings.c.generator == generator,
    )


def _expiry(keeping: Keeping) -> ColumnElement[int]:
    return now_ms() + int(keeping.seconds * 1000)


def _renew(connection: Connection, principal: str, hash: str, keeping: Keeping) -> bool:
    longer = update(style_images).where(_is(principal, hash)).values(expires_at=_expiry(keeping))
    return connection.execute(longer).rowcount == 1


def _check_room(connection: Connection, principal: str, keeping: Keeping) -> None:
    """Raises TooManyStyleImages unless there is room for one more."""
    count = select(func.count()).select_from(style_images)
    if (connection.scalar(count.where(_of(principal))) or 0) >= keeping.most_each:
        raise TooManyStyleImages(
            f"You have {keeping.most_each} style images, as many as allowed: delete one, or wait until one expires."
        )
    if (connection.scalar(count) or 0) >= keeping.most:
        raise TooManyStyleImages("As many style images are kept as allowed in all. Try again later.")


def _inserting(connection: Connection) -> Any:
    return sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert


def _images(generator: str) -> Select[Any]:
    """Images without their pictures, with their readings for the generator and whether a job is at it."""
    whole = style_images.outerjoin(
        style_readings,
        and_(
            style_readings.c.principal == style_images.c.principal,
            style_readings.c.hash == style_images.c.hash,
            style_readings.c.generator == generator,
        ),
    ).outerjoin(jobs, and_(jobs.c.id == style_readings.c.job, jobs.c.finished_at.is_(None)))
    image = [column for column in style_images.c if column.name not in ("principal", "picture")]
    reading = [style_readings.c[name] for name in ("generator", "encoder", "code", "row", "refined", "job")]
    return select(*image, *reading, jobs.c.id.label("at_work")).select_from(whole)


def _image(row: Row[Any]) -> KeptStyleImage:
    reading = _reading(row)
    refined: Stage = "refined" if reading is not None and reading.refined else "encoded"
    return KeptStyleImage(
        hash=row.hash,
        width=row.width,
        height=row.height,
        created_at=EPOCH + timedelta(milliseconds=row.created_at),
        expires_at=EPOCH + timedelta(milliseconds=row.expires_at),
        reading=reading,
        stage=refined if row.at_work is None else "refining",
    )


def _reading(row: Row[Any]) -> Reading | None:
    if row.generator is None:
        return None
    return Reading(row.generator, row.encoder, bytes(row.code), bytes(row.row), row.refined, row.job)
