"""URLs of the database, the queue and the storage: checked before anything connects, and normalized.

No message shows a part of the URL: if a password has an unescaped `/`, `:`, `@` or `?`, a part of it is where the port
or a parameter should be.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated
from urllib.parse import SplitResult, urlsplit

from pydantic import AfterValidator

if TYPE_CHECKING:
    from sqlalchemy.engine import URL

ENCODED = "percent-encode `/`, `:`, `@`, `?` and `%` in its password (`@` is `%40`)"
# Parameters of SQLite's driver that are safe for a database that several processes share.
SQLITE_PARAMETERS = ("cached_statements", "timeout")


def database_url(url: str) -> str:
    """`postgresql://...` or `sqlite:///path`, with every part escaped. Raises ValueError with a sentence."""
    from sqlalchemy.engine import make_url  # imported here: only needed if a database is set
    from sqlalchemy.exc import ArgumentError

    scheme, colon, rest = url.partition("://")
    kind = {"postgres": "postgresql", "postgresql+psycopg": "postgresql"}.get(scheme.lower(), scheme.lower())
    if not colon or kind not in ("postgresql", "sqlite"):
        raise ValueError("it has to begin with postgresql:// or sqlite:///")
    try:
        parsed = make_url(f"{kind}://{rest}")
    except (ArgumentError, ValueError):
        raise ValueError(f"it cannot be parsed; the port must be a number; {ENCODED}") from None
    if kind == "sqlite":
        if parsed.host or not parsed.database:
            raise ValueError("an SQLite database is sqlite:/// and a path; an absolute path makes it four slashes")
        if not parsed.query.keys() <= set(SQLITE_PARAMETERS):
            raise ValueError(f"it has a parameter that is not known; {' and '.join(SQLITE_PARAMETERS)} are")
    elif parsed.port is not None and not 0 < parsed.port < 65536:
        raise ValueError(f"its port has to be between 1 and 65535; {ENCODED}")
    _check_values(parsed)
    spelled = parsed.render_as_string(hide_password=False)
    if kind == "postgresql":
        _check_postgresql(spelled)
    return spelled


def _check_postgresql(url: str) -> None:
    """What PostgreSQL's own client would refuse: `?sslmod=require`, `?sslmode=always`. Raises ValueError."""
    from psycopg import ProgrammingError, conninfo, pq

    try:
        given = conninfo.conninfo_to_dict(url)
    except ProgrammingError:
        raise ValueError(f"it has a parameter that PostgreSQL's client does not know; {ENCODED}") from None
    try:
        conninfo.timeout_from_conninfo(given)
    except ProgrammingError:
        raise ValueError("its connect_timeout has to be a number of seconds") from None
    # It checks values when it begins to connect: to a socket that cannot be there, since this is no time to wait.
    values = {name: value for name, value in given.items() if name not in ("host", "hostaddr", "port")}
    connection = pq.PGconn.connect_start(conninfo.make_conninfo("", host="/dev/null", **values).encode())
    refused = re.search(rb"invalid ([a-z_]+) value", connection.error_message)
    connection.finish()
    if refused and refused[1].decode() in given:
        raise ValueError(f"PostgreSQL's client does not know the value of its parameter {refused[1].decode()}")


def _check_values(parsed: URL) -> None:
    """What the driver would find only when it connects: `?timeout=soon`, `?port=first`. Raises ValueError."""
    from sqlalchemy.exc import ArgumentError

    driver = parsed.set(drivername="postgresql+psycopg") if parsed.drivername == "postgresql" else parsed
    try:
        driver.get_dialect()().create_connect_args(driver)
    except (ArgumentError, ValueError):
        raise ValueError("one of its parameters has a value that is no number, where a number is needed") from None


def redis_url(url: str) -> str:
    """`redis://`, `rediss://` or `unix://`. Raises ValueError with a sentence."""
    from redis import ConnectionPool, RedisError

    parts = _split(url, ("redis", "rediss", "unix"), "redis://, rediss:// or unix://")
    number = parts.path.strip("/")
    if parts.scheme != "unix" and number and not number.isdecimal():
        raise ValueError(f"the path has to be the number of a database, such as redis://host:6379/0; {ENCODED}")
    url = _spelled(url, parts)
    try:
        ConnectionPool.from_url(url).make_connection()  # does not connect yet
    except (ValueError, TypeError, AttributeError, RedisError):
        raise ValueError(f"it has a parameter that Redis's client does not know, or a bad value; {ENCODED}") from None
    return url


def storage_url(url: str) -> str:
    """`s3://bucket/prefix` or `file:///folder`. Raises ValueError with a sentence."""
    parts = _split(url, ("s3", "file"), "s3://bucket or file:///")
    if parts.query or parts.fragment:
        raise ValueError("it takes no parameters; in a path, ? is %3F and # is %23")
    if parts.scheme == "file" and (parts.netloc or parts.path.strip("/") == ""):
        raise ValueError("a folder is file:// and an absolute path, such as file:///srv/pastiche")
    if parts.scheme == "s3" and not parts.netloc:
        raise ValueError("it has to name a bucket: s3://bucket/prefix")
    return _spelled(url, parts)


def http_url(url: str) -> str:
    """`http://host` or `https://host`. Raises ValueError with a sentence."""
    parts = _split(url, ("http", "https"), "http:// or https://")
    if not parts.hostname:
        raise ValueError("it has to name a host: http://host:9000")
    return _spelled(url, parts)


def _split(url: str, schemes: tuple[str, ...], beginnings: str) -> SplitResult:
    scheme, colon, _ = url.partition("://")
    if not colon or scheme.lower() not in schemes:
        raise ValueError(f"it has to begin with {beginnings}")
    try:
        parts = urlsplit(url)
        bad_port = parts.port == 0
    except ValueError:
        bad_port = True
    if bad_port:
        raise ValueError(f"its port has to be a number between 1 and 65535; {ENCODED}")
    return parts


def _spelled(url: str, parts: SplitResult) -> str:
    """The URL with its scheme in lower case. `geturl` would drop the slashes of unix:///path."""
    return parts.scheme + url[len(parts.scheme) :]


DatabaseUrl = Annotated[str, AfterValidator(database_url)]
RedisUrl = Annotated[str, AfterValidator(redis_url)]
StorageUrl = Annotated[str, AfterValidator(storage_url)]
HttpUrl = Annotated[str, AfterValidator(http_url)]
