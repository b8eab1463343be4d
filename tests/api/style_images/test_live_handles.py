"""Handles of style images in live sessions."""

import pytest
from live_painter import Painter
from pydantic import SecretStr

from app.api.live.seats import Seats

KEYS = (SecretStr("the-first-key"), SecretStr("the-second-key"))


@pytest.fixture(scope="module")
def keyed(connect_once, encoded_models, tmp_path_factory):
    return connect_once(models_dir=encoded_models, data_dir=tmp_path_factory.mktemp("live"), api_keys=KEYS)


@pytest.fixture(autouse=True)
def any_speed(monkeypatch):
    """The second session may come before the first has ended, however slow this machine is."""
    monkeypatch.setattr(Seats, "_speed_suffices", lambda self, seats: True)


def begin(client, key):
    painter = Painter(str(client.base_url), key.get_secret_value())
    assert "ready" in painter.said()
    return painter


def test_a_handle_is_painted_as_by_the_route_and_is_its_keys_alone(keyed, image, photo):
    mine, other = KEYS
    headers = {"Authorization": f"Bearer {mine.get_secret_value()}"}
    handle = keyed.post("/v1/styles", content=image(0), headers=headers).json()["id"]
    styles = f"{handle}:0.7,great_wave:0.3"
    with begin(keyed, mine) as painter:
        painter.choose(styles=styles, rate=0)
        painter.send(photo)
        answer = keyed.post("/v1/stylize", params={"styles": styles}, content=photo, headers=headers)
        assert painter.picture()[1] == answer.content
    with begin(keyed, other) as painter:
        assert painter.choose(styles=handle)["problem"]["type"] == "/problems/unknown-style-image"
