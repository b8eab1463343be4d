"""Requests for jobs, and the problems that answer some of them."""

from __future__ import annotations

ROUTE = "/v1/jobs"
ANNA, BERT = ({"Authorization": f"Bearer {name}"} for name in ("anna", "bert"))


def form(photo, *paintings):
    return [("content", ("photo.png", photo)), *(("style", ("painting.png", painting)) for painting in paintings)]


def make(client, photo, painting, headers=None, **options):
    response = client.post(ROUTE, data=options, files=form(photo, painting), headers=headers)
    assert response.status_code == 202, response.text
    return response.json()


def problem(response, status, slug):
    assert (response.status_code, response.headers["content-type"]) == (status, "application/problem+json")
    assert response.json()["type"] == f"/problems/{slug}"
    return response.json()
