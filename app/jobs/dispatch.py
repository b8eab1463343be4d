"""The queue: ids of jobs on their way to a worker, by priority. The ledger knows better; a message is only a hint.

The reaper sends a lost message again, a duplicate or old message claims nothing, and while the queue cannot be reached
the workers ask the ledger.
"""

from __future__ import annotations

import json
import time
from typing import Any, Protocol

import structlog
from huey import Huey
from huey.registry import Message
from huey.serializer import Serializer
from huey.storage import PostgresStorage, PriorityRedisStorage, SqliteStorage
from redis import ConnectionPool

from app.jobs.job import JOB_ID
from app.settings import Settings

QUEUE = "pastiche"
# How long a worker waits for a message before it looks whether it should stop.
RECEIVE_SECONDS = 1
# SQLite cannot notify a waiting reader.
POLL_SECONDS = 0.2
SOCKET_SECONDS = 5

_log = structlog.get_logger(__name__)


class QueueUnavailable(Exception):
    """The queue cannot be reached."""


class Queue(Protocol):
    """How ids of jobs come to a worker."""

    def send(self, job_id: str, priority: int) -> None:
        """Tell the workers about a job. The message may be lost."""

    def receive(self) -> str | None:
        """The id of the next job, waited for about a second; None if there is none. Raises QueueUnavailable."""

    def messages(self) -> int:
        """How many are waiting. Raises QueueUnavailable."""

    def close(self) -> None:
        """Give connections back."""


class JsonSerializer(Serializer):  # type: ignore[misc]
    """Messages as JSON: what comes out of a queue must not be able to run code, as a pickle is."""

    def _serialize(self, data: Message) -> bytes:
        return json.dumps(data).encode()

    def _deserialize(self, data: bytes) -> Message:
        return Message(*json.loads(data))


class Dispatch:
    """Sends ids of jobs, and receives them. Safe for threads; connects with the first call that needs it.

    Args:
        queue: name of the queue; tests have their own in a shared Redis.
    """

    def __init__(self, settings: Settings, queue: str = QUEUE) -> None:
        self._settings = settings
        self._queue = queue
        self._opened: tuple[Huey, Any] | None = None
        self._reachable = True

    def create(self) -> None:
        """Make the queue's tables in PostgreSQL; the other kinds need nothing. Raises QueueUnavailable."""
        if _in_postgresql(self._settings):
            self._ask(lambda huey, _: huey.storage.initialize_schema())

    def send(self, job_id: str, priority: int) -> None:
        """Tell the workers about a job. If the queue cannot be reached, the reaper does it later."""
        try:
            self._ask(lambda huey, task: huey.enqueue(task.s(job_id, priority=priority)))
        except QueueUnavailable:
            _log.warning("message_not_sent", job=job_id)

    def receive(self) -> str | None:
        """The id of the next job, waited for about a second; None if there is none. Raises QueueUnavailable."""
        data = self._ask(lambda huey, _: huey.storage.dequeue())
        if data is None:
            if not (self._settings.redis_url or _in_postgresql(self._settings)):
                time.sleep(POLL_SECONDS)
            return None
        try:
            [job_id] = self._open()[0].deserialize_task(data).args
            if JOB_ID.fullmatch(job_id):
                return str(job_id)
        except Exception as error:  # noqa: BLE001 - whatever lies in the queue, no message may stop a worker
            _log.warning("message_not_understood", reason=repr(error))
        return None

    def messages(self) -> int:
        """How many are waiting. Raises QueueUnavailable."""
        return int(self._ask(lambda huey, _: huey.storage.queue_size()))

    def close(self) -> None:
        if self._opened is not None:
            self._opened[0].storage.close()

    def _ask(self, question: Any) -> Any:
        try:
            answer = question(*self._open())
        except Exception as error:
            # Each of the three back ends has errors of its own; here they all mean the same.
            if self._reachable:
                _log.warning("queue_unavailable", reason=repr(error))
            self._reachable = False
            raise QueueUnavailable("The queue of the jobs cannot be reached.") from error
        if not self._reachable:
            _log.info("queue_available")
        self._reachable = True
        return answer

    def _open(self) -> tuple[Huey, Any]:
        if self._opened is None:
            huey = _huey(self._settings, self._queue)
            # Only named here, to give messages their form: the worker that gets one asks the ledger what to do.
            self._opened = huey, huey.task(name="run")(lambda job_id: None)
        return self._opened


def _in_postgresql(settings: Settings) -> bool:
    return not settings.redis_url and settings.ledger_url.startswith("postgresql")


def _huey(settings: Settings, queue: str) -> Huey:
    form = {"results": False, "serializer": JsonSerializer()}
    if settings.redis_url:
        pool = ConnectionPool.from_url(
            settings.redis_url, socket_timeout=SOCKET_SECONDS, socket_connect_timeout=SOCKET_SECONDS
        )
        return Huey(
            queue, storage_class=PriorityRedisStorage, connection_pool=pool, read_timeout=RECEIVE_SECONDS, **form
        )
    if _in_postgresql(settings):
        return Huey(
            queue,
            storage_class=PostgresStorage,
            dsn=settings.ledger_url,
            read_timeout=RECEIVE_SECONDS,
            table_prefix="pastiche_queue",
            create_tables=False,  # by `pastiche migrate`, once, and not by every process at its start
            connect_timeout=SOCKET_SECONDS,
            tcp_user_timeout=SOCKET_SECONDS * 1000,
            **form,
        )
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    return Huey(queue, storage_class=SqliteStorage, filename=str(settings.data_dir / "queue.sqlite"), **form)
