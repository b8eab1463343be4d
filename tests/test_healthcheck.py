"""Where a container's health check asks."""

import pytest

from app.healthcheck import address
from app.settings import load_settings


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({}, "http://127.0.0.1:8000"),
        ({"HOST": "0.0.0.0", "PORT": "9000"}, "http://127.0.0.1:9000"),
        ({"HOST": "::"}, "http://127.0.0.1:8000"),
        ({"HOST": "10.1.2.3"}, "http://10.1.2.3:8000"),
        ({"HOST": "::1"}, "http://[::1]:8000"),
        ({"HOST": "", "PORT": ""}, "http://127.0.0.1:8000"),
        # What Kubernetes sets beside a Service of this name.
        ({"PORT": "tcp://10.96.0.7:8000"}, "http://127.0.0.1:8000"),
    ],
)
def test_it_asks_at_the_address_of_the_settings(monkeypatch, variables, expected):
    for name, value in variables.items():
        monkeypatch.setenv(f"PASTICHE_{name}", value)
    assert address(load_settings()) == f"{expected}/healthz/ready"
