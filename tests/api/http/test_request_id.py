import re

import pytest


@pytest.mark.parametrize("given", ["abc", "5f0c1d6d-0a3c-4f6f-9d7e-2b1a", "1:2.3_4", "a" * 128, "0"])
def test_a_sane_id_is_kept(client, given):
    assert client.get("/healthz/live", headers={"X-Request-ID": given}).headers["x-request-id"] == given


@pytest.mark.parametrize("given", ["", "a b", "a" * 129, "-rf", "a;b", 'a"b', "{}", "<script>", "ä".encode()])
def test_any_other_is_replaced(client, given):
    made = client.get("/healthz/live", headers={"X-Request-ID": given}).headers["x-request-id"]
    assert re.fullmatch(r"[0-9a-f]{32}", made)


def test_every_request_has_its_own_on_one_connection(client):
    ids = {client.get("/healthz/live").headers["x-request-id"] for _ in range(5)}
    assert len(ids) == 5


def test_a_problem_bears_it(client):
    response = client.get("/nowhere", headers={"X-Request-ID": "abc"})
    assert response.json()["instance"] == response.headers["x-request-id"] == "abc"
