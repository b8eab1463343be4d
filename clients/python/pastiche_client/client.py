"""The client for programs that wait."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from time import sleep
from typing import Any

import httpx

from pastiche_client.calls import (
    LONGEST_PAUSE_SECONDS,
    RETRIES,
    TIMEOUT_SECONDS,
    Call,
    Picture,
    create_job_call,
    create_video_call,
    delete_job_call,
    events_path,
    headers_of,
    job_call,
    result_call,
    styles_call,
    stylize_call,
)
from pastiche_client.errors import PasticheError, checked
from pastiche_client.events import Event, EventReader
from pastiche_client.responses import Image, Job, Style, image_of, job_of, styles_of
from pastiche_client.retries import Retries


class Client:
    """The service at a base URL. Safe for threads; to be closed, or used in a `with` block.

    Args:
        api_key: one of the service's keys, where it has any.
        retries: how often a request is sent again that the service refuses for now, or whose connection fails.
        longest_pause_seconds: of the pause before that.
        transport: of httpx, for tests.

    Every method raises PasticheError for a refused request, and httpx.TransportError without a connection.
    """

    def __init__(
        self,
        base_url: str,
        *,
        api_key: str | None = None,
        timeout_seconds: float = TIMEOUT_SECONDS,
        retries: int = RETRIES,
        longest_pause_seconds: float = LONGEST_PAUSE_SECONDS,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._http = httpx.Client(
            base_url=base_url, headers=headers_of(api_key), timeout=timeout_seconds, transport=transport
        )
        self._retries = retries
        self._longest = longest_pause_seconds

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._http.close()

    def stylize(
        self, photo: Picture, styles: str, *, regions: Sequence[Mapping[str, Any]] | None = None, **options: Any
    ) -> Image:
        """The photo in a style, or in a blend such as `starry_night:0.7,great_wave:0.3`.

        Args:
            regions: parts that are painted in another way: objects as the service takes them, but with the picture
                itself as `mask`.
        """
        return image_of(self._send(stylize_call(photo, styles, regions, options)))

    def styles(self, **options: Any) -> list[Style]:
        """The styles of the default model; `model`, `all` and `search` choose others."""
        return styles_of(self._send(styles_call(options)))

    def create_job(
        self,
        content: Picture,
        styles: Sequence[Picture],
        *,
        idempotency_key: str | None = None,
        webhook_url: str | None = None,
        **options: Any,
    ) -> Job:
        """A job that optimises the photo until it has the style of the images.

        Args:
            idempotency_key: the same key gets the same job; by default, a new one.
            webhook_url: where the service reports the job's end, if its operator allows that.
        """
        return job_of(self._send(create_job_call(content, styles, idempotency_key, webhook_url, options)))

    def create_video(
        self,
        clip: Picture,
        styles: str,
        *,
        idempotency_key: str | None = None,
        webhook_url: str | None = None,
        **options: Any,
    ) -> Job:
        """A job that paints a clip in a style or blend; `styles_end` is the one that it becomes.

        Args:
            idempotency_key: the same key gets the same job; by default, a new one.
            webhook_url: where the service reports the job's end, if its operator allows that.
        """
        return job_of(self._send(create_video_call(clip, styles, idempotency_key, webhook_url, options)))

    def job(self, job_id: str) -> Job:
        return job_of(self._send(job_call(job_id)))

    def delete_job(self, job_id: str) -> None:
        """Cancel a job that is queued or running; delete one that has ended."""
        self._send(delete_job_call(job_id))

    def result(self, job_id: str) -> Image:
        """Raises Conflict while there is none."""
        return image_of(self._send(result_call(job_id)))

    def wait(self, job_id: str) -> Job:
        """The job, once it has ended."""
        for _ in self.events(job_id):
            pass
        return self.job(job_id)

    def events(self, job_id: str, *, after: int = 0) -> Iterator[Event]:
        """What happens to the job until its end, from its beginning or after the event of that id."""
        reader, retries = EventReader(after), Retries(self._retries, self._longest)
        while not reader.ended:
            try:
                with self._http.stream("GET", events_path(job_id), headers=reader.connect()) as response:
                    if response.is_error:
                        response.read()
                    if checked(response).status_code == httpx.codes.NO_CONTENT:
                        return
                    for line in response.iter_lines():
                        if (event := reader.feed(line)) is not None:
                            retries.reset()
                            yield event
            except (PasticheError, httpx.TransportError) as error:
                sleep(retries.pause_after(error))
            else:
                if not reader.ended:  # the server is stopping; another one goes on
                    sleep(reader.pause_seconds)

    def _send(self, call: Call) -> httpx.Response:
        retries = Retries(self._retries, self._longest, repeatable=call.repeatable)
        while True:
            try:
                return checked(self._http.request(call.method, call.path, **call.arguments))
            except (PasticheError, httpx.TransportError) as error:
                sleep(retries.pause_after(error))
