"""Where a job's end is to be reported: taken with every kind of job, at origins that the operator allows."""

from __future__ import annotations

import pytest
from job_requests import ROUTE, form, problem
from pydantic import SecretStr
from sqlalchemy import select

from app.settings import Settings
from app.sql.schema import webhooks

KEY = SecretStr("whsec_" + "A" * 32)
URL = "https://hooks.example.org/pastiche"


def asking(url: str) -> dict[str, str]:
    return {"Pastiche-Webhook-Url": url}


@pytest.fixture(scope="module")
def reporting(connect_once, tmp_path_factory):
    origins = ("https://hooks.example.org",)
    return connect_once(webhook_key=KEY, webhook_origins=origins, data_dir=tmp_path_factory.mktemp("webhooks"))


def reported(client) -> dict[str, str]:
    with client.service.jobs.database.read() as connection:
        return {row.job: row.url for row in connection.execute(select(webhooks))}


def test_each_way_to_create_a_job_takes_it(reporting, photo, painting):
    optimised = reporting.post(ROUTE, files=form(photo, painting), headers=asking(URL))
    later = asking(URL) | {"Prefer": "respond-async"}
    stylized = reporting.post("/v1/stylize?styles=great_wave", content=photo, headers=later)
    silent = reporting.post(ROUTE, files=form(photo, painting))
    assert {each.status_code for each in (optimised, stylized, silent)} == {202}
    assert reported(reporting) == {each.json()["id"]: URL for each in (optimised, stylized)}


def test_the_same_key_with_another_url_is_another_request(reporting, photo, painting):
    key = {"Idempotency-Key": "webhooks"}
    answers = [
        reporting.post(ROUTE, files=form(photo, painting), headers=key | asking(url)) for url in (URL, URL, URL + "/2")
    ]
    assert [each.status_code for each in answers] == [202, 202, 409]
    assert reported(reporting)[answers[0].json()["id"]] == URL


@pytest.mark.parametrize("url", ["https://example.org/", "http://hooks.example.org/", "https://127.0.0.1/", "", "x"])
def test_other_origins_are_refused_before_the_upload(reporting, url):
    unread = {"Content-Type": "multipart/form-data; boundary=b"}
    refused = reporting.post(ROUTE, content=b"no form", headers=unread | asking(url))
    assert "Pastiche-Webhook-Url" in problem(refused, 422, "invalid-option")["detail"]


def test_without_origins_there_are_none(client, photo, painting):
    refused = client.post(ROUTE, files=form(photo, painting), headers=asking(URL))
    assert "sends no webhooks" in problem(refused, 422, "invalid-option")["detail"]


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"webhook_origins": "https://hooks.example.org"}, "needs PASTICHE_WEBHOOK_KEY"),
        ({"webhook_key": "whsec_AAAA"}, "at least 24 bytes"),
        ({"webhook_key": "A" * 40}, "must be whsec_"),
        ({"webhook_key": "whsec_" + "?" * 40}, "in base64"),
        ({"webhook_key": KEY, "webhook_origins": "https://hooks.example.org/path"}, "use origins"),
        ({"webhook_key": KEY, "webhook_origins": "*"}, "use origins"),
    ],
)
def test_settings_that_cannot_be_meant_are_refused(given, sentence):
    with pytest.raises(ValueError, match=sentence):
        Settings(**given)
