"""Blobs as objects in an S3 bucket, Amazon's or another service's."""

from __future__ import annotations

import builtins
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from app import tracing
from app.errors import StorageUnavailable
from app.storage.blobs import RETRY_AFTER_SECONDS, BlobNotFound, check_key, check_prefix

CONNECT_SECONDS = 3
READ_SECONDS = 20
TRIES = 3
# Most keys in one request to S3.
DELETED_AT_ONCE = 1000
MISSING = {"NoSuchKey", "404", "NotFound"}


class Bucket:
    """Blobs in a bucket. Credentials are found in the same places as by AWS's own tools."""

    def __init__(self, name: str, prefix: str, endpoint_url: str | None) -> None:
        self._name = name
        self._prefix = f"{prefix}/" if prefix else ""
        # One client for all threads: unlike sessions and resources, clients are thread-safe.
        self._s3: Any = boto3.session.Session().client(
            "s3",
            endpoint_url=endpoint_url,
            config=Config(
                connect_timeout=CONNECT_SECONDS,
                read_timeout=READ_SECONDS,
                retries={"mode": "standard", "total_max_attempts": TRIES},
                # Other services seldom have a host name per bucket, or AWS's newer checksums.
                s3={"addressing_style": "path" if endpoint_url else "auto"},
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
            ),
        )

    def put(self, key: str, data: bytes) -> None:
        with _as_storage(key):
            self._s3.put_object(Bucket=self._name, Key=self._object(key), Body=data)

    def get(self, key: str) -> bytes:
        with _as_storage(key):
            data: bytes = self._s3.get_object(Bucket=self._name, Key=self._object(key))["Body"].read()
            return data

    def delete(self, key: str) -> None:
        with _as_storage(key):
            self._s3.delete_object(Bucket=self._name, Key=self._object(key))

    def delete_prefix(self, prefix: str) -> None:
        keys = self.list(prefix)
        with _as_storage(prefix):
            for start in range(0, len(keys), DELETED_AT_ONCE):
                objects = [{"Key": self._prefix + key} for key in keys[start : start + DELETED_AT_ONCE]]
                answer = self._s3.delete_objects(Bucket=self._name, Delete={"Objects": objects, "Quiet": True})
                if failed := answer.get("Errors"):
                    raise _unavailable(failed[0])

    def list(self, prefix: str) -> list[str]:
        start = f"{self._prefix}{check_prefix(prefix)}/"
        with _as_storage(prefix):
            pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=self._name, Prefix=start)
            found = (entry["Key"] for page in pages for entry in page.get("Contents", ()))
            return sorted(key.removeprefix(self._prefix) for key in found)

    def folders(self, prefix: str) -> builtins.list[str]:
        start = f"{self._prefix}{check_prefix(prefix)}/"
        with _as_storage(prefix):
            pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=self._name, Prefix=start, Delimiter="/")
            found = (entry["Prefix"] for page in pages for entry in page.get("CommonPrefixes", ()))
            return sorted(name.removeprefix(start).rstrip("/") for name in found)

    def discard_unfinished(self, older_than_seconds: float) -> None:
        """Does nothing: objects are written atomically."""

    def _object(self, key: str) -> str:
        return self._prefix + check_key(key)


@contextmanager
def _as_storage(key: str) -> Iterator[None]:
    try:
        with tracing.span("storage"):
            yield
    except ClientError as error:
        # A missing bucket is a mistake of the operator, not a missing blob.
        if error.response.get("Error", {}).get("Code") in MISSING:
            raise BlobNotFound(key) from None
        raise _unavailable(error) from error
    except (BotoCoreError, OSError) as error:
        raise _unavailable(error) from error


def _unavailable(reason: object) -> StorageUnavailable:
    return StorageUnavailable(
        "The storage of images does not work.", private=repr(reason), retry_after_seconds=RETRY_AFTER_SECONDS
    )
