"""Rows of the style images to train from. The images themselves are blobs."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Row, delete, insert, select
from sqlalchemy.exc import IntegrityError

from app.errors import StyleExists
from app.sql.database import Database
from app.sql.schema import now_ms, style_pictures

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MEDIA_TYPE = "image/png"


@dataclass(frozen=True)
class NewStylePicture:
    """A stored style image.

    Attributes:
        id: an app.style_id.StyleId.
        blob_key: from `new_blob_key`; the image is stored there already.
        sha256: SHA-256 of the blob, in hex.
        width, height: size in pixels.
        created_by: who uploaded it.
    """

    id: str
    title: str
    artist: str | None
    year: int | None
    licence: str | None
    blob_key: str
    sha256: str
    width: int
    height: int
    created_by: str


@dataclass(frozen=True)
class StylePicture(NewStylePicture):
    """A stored style image, with the time at which it was stored."""

    created_at: datetime


class StylePictures:
    """The table of style images. Every method raises LedgerUnavailable if the database cannot be reached."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, new: NewStylePicture) -> StylePicture:
        """Add a style image. Raises StyleExists if the id is taken."""
        values = {**vars(new), "created_at": now_ms()}
        try:
            with self._database.write() as connection:
                row = connection.execute(insert(style_pictures).values(values).returning(style_pictures)).one()
        except IntegrityError:
            raise StyleExists(f"There is a style {new.id} already.") from None
        return _picture(row)

    def get(self, style_id: str) -> StylePicture | None:
        if not style_id.isprintable():  # with a NUL, which PostgreSQL refuses
            return None
        with self._database.read() as connection:
            found = select(style_pictures).where(style_pictures.c.id == style_id)
            row = connection.execute(found).one_or_none()
        return None if row is None else _picture(row)

    def all(self) -> list[StylePicture]:
        """All style images, sorted by id."""
        with self._database.read() as connection:
            return [_picture(row) for row in connection.execute(select(style_pictures).order_by(style_pictures.c.id))]

    def delete(self, style_id: str) -> bool:
        """Delete the row; False if there is none. The caller then deletes the blob."""
        with self._database.write() as connection:
            return connection.execute(delete(style_pictures).where(style_pictures.c.id == style_id)).rowcount == 1


def new_blob_key(style_id: str) -> str:
    """A new key, never used before, also if the id had another image once."""
    return f"style_pictures/{style_id}/{secrets.token_hex(8)}.png"


def _picture(row: Row[Any]) -> StylePicture:
    values = dict(row._mapping)
    return StylePicture(**values | {"created_at": EPOCH + timedelta(milliseconds=values["created_at"])})
