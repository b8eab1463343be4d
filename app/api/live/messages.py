"""What is said in a live session: JSON text beside the frames."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from starlette.requests import HTTPConnection

from app.api.http.json_body import check_json
from app.api.http.request_id import request_id
from app.api.live.seats import DEFAULT_RATE
from app.errors import BodyTooLarge, InvalidOption, MalformedBody, PasticheError
from app.retry_after import seconds_to_wait

MESSAGE_BYTES = 16_384
MAX_RATE = 60.0
# Options on which the network's output depends, beside the size; with regions, the strength does too, since what is not
# seen is not painted.
PAINTING = ("styles", "model", "stroke", "boldness", "regions")


@dataclass(frozen=True)
class Wishes:
    """What the client has asked for until now.

    Attributes:
        options: of `POST /v1/stylize`, as it would have them in a query.
        rate: frames a second to hold by the size; 0 leaves the size as it is.
        steady: whether strokes stay where nothing changes, and move with what moves.
    """

    options: Mapping[str, str]
    rate: float = DEFAULT_RATE
    steady: bool = True

    def changed(self, text: str) -> Wishes:
        """With the members of a JSON object, which name options; null takes one back.

        Raises:
            BodyTooLarge, MalformedBody, InvalidOption: the options themselves are not looked at.
        """
        options, rate, steady = dict(self.options), self.rate, self.steady
        for name, value in parsed(text).items():
            if name == "rate":
                rate = read_rate(value)
            elif name == "steady":
                steady = read_steady(value)
            elif value is None:
                options.pop(name, None)
            elif isinstance(value, str) or is_number(value):
                options[name] = str(value)
            else:
                raise InvalidOption("An option is a string, a number or null.")
        return replace(self, options=options, rate=rate, steady=steady)

    def paints_as(self, other: Wishes) -> bool:
        """Whether the same frame is painted alike: steady strokes can go on."""
        names = (*PAINTING, "strength") if "regions" in self.options else PAINTING
        return all(self.options.get(name) == other.options.get(name) for name in names)


def parsed(text: str) -> dict[str, Any]:
    data = text.encode(errors="replace")
    if len(data) > MESSAGE_BYTES:
        raise BodyTooLarge(f"A text message has at most {MESSAGE_BYTES} bytes.")
    if not data.strip():
        raise MalformedBody("The message is empty: send a JSON object with options.")
    check_json(data)
    found: dict[str, Any] = json.loads(data)
    return found


def read_rate(value: Any) -> float:
    if value is None:
        return DEFAULT_RATE
    if not is_number(value) or not 0 <= value <= MAX_RATE:
        raise InvalidOption(f"`rate` is a number of frames a second from 0 to {MAX_RATE:g}.")
    return float(value)


def read_steady(value: Any) -> bool:
    if value is None:
        return True
    if not isinstance(value, bool):
        raise InvalidOption("`steady` is true or false.")
    return value


def is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def problem_of(connection: HTTPConnection, error: PasticheError, frame: int | None = None) -> str:
    """The members of a problem response.

    Args:
        frame: number of the frame that it is about.
    """
    about = {} if frame is None else {"frame": frame}
    seconds = seconds_to_wait(error)
    waiting = {} if seconds is None else {"retry_after": seconds}
    members = {
        "type": f"{connection.scope.get('root_path', '')}/problems/{error.slug}",
        "title": error.title,
        "status": error.status,
        "detail": error.detail,
        "instance": request_id(connection.scope),
    }
    return json.dumps({"problem": members | error.extra | members | waiting | about})
