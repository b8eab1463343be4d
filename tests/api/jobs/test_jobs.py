"""Jobs are made once, belong to their principal, and are cancelled or deleted by what they do at the moment."""

import hashlib
import re
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from hand_worker import HandWorker
from job_requests import ANNA, BERT, ROUTE, form, make, problem
from picture_bytes import encoded, pixels
from pydantic import SecretStr

from app.errors import StorageUnavailable
from app.jobs.context import JobContext
from app.jobs.gatys import Gatys, GatysParams
from app.jobs.job import JOB_ID, new_job_id
from app.jobs.presence import Presence
from app.jobs.stylize import Stylize, StylizeParams, Stylizers
from app.serving.catalogue import Catalogue, ServedModel
from app.storage.folder import Folder


def test_a_job_is_accepted_with_its_pictures_and_its_options(client, photo, painting, worker):
    response = client.post(
        ROUTE,
        data={"size": "64", "weights": "3,1", "style_layers": "relu1_1,relu2_1:0.5", "priority": "2", "format": "png"},
        files=form(photo, painting, photo),
    )
    assert response.status_code == 202
    shown = response.json()
    assert response.headers["location"] == f"/v1/jobs/{shown['id']}" == shown["links"]["self"]
    assert (shown["kind"], shown["status"], shown["queue_position"], shown["priority"]) == ("gatys", "queued", 1, 2)
    job = worker.ledger.get(shown["id"])
    params = GatysParams.model_validate(job.params)
    assert (params.weights, params.options.size, params.format) == ([0.75, 0.25], 64, "png")
    assert params.options.style_layers == {"relu1_1": 1.0, "relu2_1": 0.5}
    stored = [worker.storage.get(job.input_key(name)) for name in ("content", "style-0", "style-1")]
    assert stored == [photo, painting, photo]
    assert client.get(response.headers["location"]).json() == shown


def test_a_generators_picture_to_start_from(client, photo, painting, worker):
    made = make(client, photo, painting, start="picture", styles="great_wave:3,the_scream")
    params = GatysParams.model_validate(worker.ledger.get(made["id"]).params)
    assert params.start.model == "compact@1"
    assert params.start.blend == {"great_wave": 0.75, "the_scream": 0.25}


@pytest.mark.parametrize(
    ("sent", "answered"),
    [((32, 48), (48, 32)), ((220, 110), (110, 220)), ((300, 512), (256, 150)), ((10, 5), (8, 16))],
)
@pytest.mark.parametrize("kind", ["gatys", "stylize"])
def test_the_size_without_one_is_the_photos_own_up_to_the_limit(
    client, settings, astronaut, painting, worker, sent, answered, kind
):
    photo = encoded(astronaut[: sent[0], : sent[1]])
    if kind == "gatys":
        made = make(client, photo, painting, iterations=1, scales=1, format="png")
    else:
        later, asked = {"Prefer": "respond-async"}, {"styles": "great_wave", "format": "png"}
        made = client.post("/v1/stylize", params=asked, content=photo, headers=later).json()
        # The loss network wants 16 pixels an edge; a generator none.
        answered = (5, 10) if sent == (10, 5) else answered
    job = worker.claim(made["id"])
    context = JobContext(job, worker.leases, worker.storage, stopping=threading.Event(), checkpoint_seconds=60)
    stylizers = Stylizers(settings)
    task = Gatys(settings, stylizers) if kind == "gatys" else Stylize(settings, stylizers)
    result = task(context)
    assert (result.facts["width"], result.facts["height"]) == answered
    assert pixels(result.data).shape[1::-1] == answered


@pytest.mark.parametrize(
    ("options", "slug", "detail"),
    [
        ({"styel": "x"}, "invalid-option", "no option 'styel'"),
        ({"method": "magic"}, "invalid-option", "`method`"),
        ({"size": "8"}, "invalid-option", "`size`"),
        ({"size": "512"}, "invalid-option", "at most 256"),
        ({"size": "9" * 4000}, "invalid-option", "`size`"),
        ({"seed": "-1"}, "invalid-option", "`seed`"),
        ({"stroke": "nan"}, "invalid-option", "`stroke`"),
        ({"learning_rate": "inf"}, "invalid-option", "`learning_rate`"),
        ({"seconds": "1e999"}, "invalid-option", "`seconds`"),
        ({"style_layers": "relu9_1"}, "invalid-option", "`style_layers`"),
        ({"style_layers": "relu1_1,relu1_1"}, "invalid-option", "twice"),
        ({"content_layers": "relu4_2:0"}, "invalid-option", "`content_layers`"),
        ({"style_weight": "0", "content_weight": "0"}, "invalid-option", "cannot both be 0"),
        ({"weights": "1,2"}, "invalid-option", "2 numbers for 1"),
        ({"weights": "-1"}, "invalid-option", "above 0"),
        ({"priority": "11"}, "invalid-option", "`priority`"),
        ({"format": "gif"}, "invalid-option", "`format`"),
        ({"start": "picture"}, "invalid-option", "needs `styles`"),
        ({"styles": "great_wave"}, "invalid-option", "start=picture"),
        ({"start": "picture", "styles": "grate_wave"}, "unknown-style", "nearest is great_wave"),
    ],
)
def test_options_that_are_refused_leave_nothing_behind(
    client, photo, painting, worker, settings, options, slug, detail
):
    before = blobs(settings)
    found = problem(client.post(ROUTE, data=options, files=form(photo, painting)), 422, slug)
    assert detail in found["detail"]
    assert blobs(settings) == before
    assert worker.ledger.page() == []


def blobs(settings):
    return sorted((settings.data_dir / "blobs").rglob("*"))


@pytest.mark.parametrize(
    ("name", "data", "status", "slug"),
    [
        ("content", b"", 400, "empty-body"),
        ("style-0", b"no picture", 415, "unsupported-picture"),
        ("style-0", b"\x89PNG\r\n\x1a\n" + bytes(100), 422, "broken-picture"),
    ],
)
def test_pictures_are_checked_before_the_job_is_accepted(client, photo, worker, name, data, status, slug):
    files = form(data, photo) if name == "content" else form(photo, data)
    assert problem(client.post(ROUTE, files=files), status, slug)["picture"] == name
    assert worker.ledger.page() == []


@pytest.mark.parametrize(
    ("files", "detail"),
    [
        ([("content", b"x")], "no `style`"),
        ([("style", b"x")], "no `content`"),
        ([("content", b"x"), ("content", b"x"), ("style", b"x")], "more than one `content`"),
        ([("content", b"x"), *[("style", b"x")] * 9], "more than 8 `style`"),
    ],
)
def test_forms_that_are_no_jobs(client, files, detail):
    assert detail in problem(client.post(ROUTE, files=files), 400, "malformed-body")["detail"]


def test_a_job_is_no_raw_body_and_has_no_options_in_the_query(client, photo):
    assert "form" in problem(client.post(ROUTE, content=photo), 400, "malformed-body")["detail"]
    response = client.post(ROUTE, params={"size": 64}, files=form(photo, photo))
    assert "not in the query" in problem(response, 422, "invalid-option")["detail"]


@pytest.mark.parametrize("content", [None, b"", b"no loss network"])
def test_without_a_loss_network_no_job_is_accepted(connect, photo, painting, tmp_path, content):
    client = connect(descriptor=tmp_path / "network")
    if content is not None:
        (tmp_path / "network").write_bytes(content)
    problem(client.post(ROUTE, files=form(photo, painting)), 503, "descriptor-unavailable")


def test_the_same_key_and_contents_give_the_same_job(client, photo, painting, worker, settings):
    headers = {"Idempotency-Key": "once"}
    first = client.post(ROUTE, data={"size": "64"}, files=form(photo, painting), headers=headers)
    # The boundary is another one, and so are the bytes of the body.
    again = client.post(ROUTE, data={"size": "64", "weights": "5"}, files=form(photo, painting), headers=headers)
    assert (first.status_code, again.status_code) == (202, 202)
    assert first.json() == again.json()
    assert "idempotent-replayed" not in first.headers
    assert again.headers["idempotent-replayed"] == "true"
    assert len(worker.ledger.page()) == 1
    assert [path.name for path in (settings.data_dir / "blobs" / "jobs").iterdir()] == [first.json()["id"]]


@pytest.mark.parametrize(
    ("options", "swapped"), [({"size": "65"}, False), ({"size": "64", "priority": "1"}, False), ({"size": "64"}, True)]
)
def test_the_same_key_with_other_contents_is_a_conflict(client, photo, painting, worker, options, swapped):
    headers = {"Idempotency-Key": "once"}
    client.post(ROUTE, data={"size": "64"}, files=form(photo, painting), headers=headers)
    files = form(painting, photo) if swapped else form(photo, painting)
    problem(client.post(ROUTE, data=options, files=files, headers=headers), 409, "idempotency-conflict")
    assert len(worker.ledger.page()) == 1


@pytest.mark.parametrize("later", [True, False], ids=["stylize", "gatys"])
def test_a_repetition_after_another_version_became_active_is_one(connect, photo, painting, tmp_path, later):
    client = connect(data_dir=tmp_path)
    key = {"Idempotency-Key": "once"}

    def ask():
        if later:
            asynchronous = key | {"Prefer": "respond-async"}
            return client.post("/v1/stylize", params={"styles": "great_wave"}, content=photo, headers=asynchronous)
        options = {"start": "picture", "styles": "great_wave"}
        return client.post(ROUTE, data=options, files=form(photo, painting), headers=key)

    first = ask()
    catalogue = client.service.catalogue
    manifest = catalogue.model("compact")
    newer = manifest.model_copy(update={"version": manifest.version + 1})
    client.service.catalogue = Catalogue([ServedModel(newer, catalogue.stylizer(manifest), {})])
    again = ask()
    assert (first.status_code, again.status_code, again.headers.get("idempotent-replayed")) == (202, 202, "true")
    assert again.json()["id"] == first.json()["id"]


def test_a_key_sent_many_times_at_once_makes_one_job(client, photo, painting, worker, settings):
    start = threading.Barrier(6)

    def send(_):
        start.wait()
        return client.post(ROUTE, files=form(photo, painting), headers={"Idempotency-Key": "race"}).json()["id"]

    with ThreadPoolExecutor(6) as threads:
        [job_id] = set(threads.map(send, range(6)))
    [job] = worker.ledger.page()
    assert job.id == job_id
    # What the others had stored is gone, what the job needs is there.
    assert worker.storage.get(worker.ledger.get(job_id).input_key("style-0")) == painting
    assert [path.name for path in (settings.data_dir / "blobs" / "jobs").iterdir()] == [job_id]


@pytest.mark.parametrize("key", ["", "x" * 256, "tab\there"])
def test_keys_that_are_none(client, photo, painting, key):
    response = client.post(ROUTE, files=form(photo, painting), headers={"Idempotency-Key": key})
    problem(response, 422, "invalid-option")


def test_stylize_as_a_job(client, photo, worker):
    response = client.post(
        "/v1/stylize",
        params={"styles": "great_wave:1,the_scream:3", "color": "keep", "size": 64, "strength": 0.5, "stroke": 2},
        content=photo,
        headers={"Prefer": "wait=5, Respond-Async;x=1", "Accept": "application/json", "Idempotency-Key": "k"},
    )
    assert response.status_code == 202
    assert response.headers["preference-applied"] == "respond-async"
    job = worker.ledger.get(response.json()["id"])
    assert job.kind == "stylize"
    assert response.headers["location"] == f"/v1/jobs/{job.id}"
    params = StylizeParams.model_validate(job.params)
    assert params == StylizeParams(
        model="compact@1",
        blend={"great_wave": 0.25, "the_scream": 0.75},
        strength=0.5,
        color="keep",
        stroke=2.0,
        size=64,
        format="jpeg",
    )
    assert worker.storage.get(job.input_key("photo")) == photo


def test_stylize_as_a_job_refuses_what_the_fast_path_refuses(client, photo, worker):
    later = {"Prefer": "respond-async"}
    problem(client.post("/v1/stylize?styles=x", content=photo, headers=later), 422, "unknown-style")
    problem(client.post("/v1/stylize?styles=great_wave", content=photo[:60], headers=later), 422, "broken-picture")
    webp = client.post("/v1/stylize?styles=great_wave", content=photo, headers=later | {"Accept": "image/webp"})
    assert worker.ledger.get(webp.json()["id"]).params["format"] == "webp"


def test_a_job_may_be_larger_than_an_answer_and_the_answer_says_so(connect, photo):
    client = connect(edge_pixels=64, network_edge_pixels=64, large_edge_pixels=128, large_megapixels=0.01)
    asked, later = {"styles": "great_wave", "size": "120"}, {"Prefer": "respond-async"}
    refused = problem(client.post("/v1/stylize", params=asked, content=photo), 422, "invalid-option")
    assert refused["detail"] == (
        "`size` is at most 64 pixels here. A job's may be larger: send `Prefer: respond-async`."
    )
    made = client.post("/v1/stylize", params=asked, content=photo, headers=later)
    assert made.status_code == 202
    for size, why in ((129, "`size` is at most 128 pixels here."), (128, "at most 0.01 are painted")):
        more = client.post("/v1/stylize", params=asked | {"size": size}, content=photo, headers=later)
        found = problem(more, 422, "invalid-option")["detail"]
        assert why in found
        assert "respond-async" not in found
    halved = client.post("/v1/stylize", params=asked | {"stroke": "0.5"}, content=photo, headers=later)
    assert "at most 64 pixels here with a `stroke` of 0.5." in problem(halved, 422, "invalid-option")["detail"]


def test_a_running_job_tells_where_it_is(client, photo, painting, worker):
    made = make(client, photo, painting)
    second = make(client, photo, painting)
    assert second["queue_position"] == 2
    job = worker.claim(made["id"])
    worker.advance(job, 5)
    shown = client.get(made["links"]["self"])
    assert shown.headers["cache-control"] == "no-store"
    running = shown.json()
    assert (running["status"], running["attempt"], running["progress"]) == ("running", 1, 0.5)
    assert (running["eta_seconds"], running["queue_position"]) == (2.5, None)
    assert running["losses"][-1] == {"iteration": 5, "total": 0.2, "style": 0.1}
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", running["started_at"])
    assert running["links"]["loss"] == f"/v1/jobs/{job.id}/loss.png"
    assert client.get(second["links"]["self"]).json()["queue_position"] == 1


def test_a_failed_job_says_why(client, photo, painting, worker):
    job = worker.claim(make(client, photo, painting)["id"])
    worker.leases.fail(job, StorageUnavailable("It was full.", private="/disk3"))
    shown = client.get(f"{ROUTE}/{job.id}").json()
    assert (shown["status"], shown["eta_seconds"]) == ("failed", None)
    assert shown["error"] == {"type": "/problems/storage-unavailable", "detail": "It was full."}


@pytest.mark.parametrize(
    "job_id",
    [new_job_id(), "1", "..%2F..", "x" * 5000, "019a7c3e%00"],
    ids=["unknown", "number", "path", "long", "nul"],
)
@pytest.mark.parametrize("path", ["", "/events", "/result", "/preview", "/loss.png"])
def test_what_is_no_job_is_not_found(client, job_id, path):
    problem(client.get(f"{ROUTE}/{job_id}{path}"), 404, "not-found")
    if not path:
        problem(client.delete(f"{ROUTE}/{job_id}"), 404, "not-found")


def test_a_waiting_job_is_cancelled_and_then_deleted(client, photo, painting, worker):
    made = make(client, photo, painting)
    cancelled = client.delete(made["links"]["self"])
    assert (cancelled.status_code, cancelled.json()["status"]) == (200, "cancelled")
    assert client.get(made["links"]["self"]).json()["status"] == "cancelled"
    assert client.delete(made["links"]["self"]).status_code == 204
    problem(client.get(made["links"]["self"]), 404, "not-found")
    assert worker.storage.list(f"jobs/{made['id']}/") == []


def test_a_running_job_is_asked_to_end(client, photo, painting, worker):
    job = worker.claim(make(client, photo, painting)["id"])
    response = client.delete(f"{ROUTE}/{job.id}")
    assert (response.status_code, response.json()["status"]) == (202, "running")
    assert response.json()["cancel_requested"] is True
    worker.leases.cancelled(job)
    assert client.delete(f"{ROUTE}/{job.id}").status_code == 204


def test_a_job_that_cannot_lose_its_pictures_is_kept(client, photo, painting, worker, monkeypatch):
    made = make(client, photo, painting)
    client.delete(made["links"]["self"])

    def fail(*_):
        raise StorageUnavailable

    monkeypatch.setattr(Folder, "delete_prefix", fail)
    problem(client.delete(made["links"]["self"]), 503, "storage-unavailable")
    assert worker.ledger.get(made["id"]) is not None


def test_a_job_whose_pictures_cannot_be_stored_is_not_made(client, photo, painting, worker, monkeypatch):
    def fail(*_):
        raise StorageUnavailable(private="disk full")

    monkeypatch.setattr(Folder, "put", fail)
    problem(client.post(ROUTE, files=form(photo, painting)), 503, "storage-unavailable")
    assert worker.ledger.page() == []


@pytest.fixture
def keyed(connect, tmp_path, settings):
    client = connect(api_keys=(SecretStr("anna"), SecretStr("bert")), data_dir=tmp_path)
    worker = HandWorker(settings.model_copy(update={"data_dir": tmp_path}))
    yield client, worker
    worker.database.close()


def test_jobs_belong_to_the_key_that_made_them(keyed, photo, painting):
    client, worker = keyed
    made = make(client, photo, painting, ANNA)
    path = made["links"]["self"]
    assert client.get(path, headers=ANNA).status_code == 200
    for suffix in ("", "/events", "/result", "/preview", "/loss.png"):
        problem(client.get(path + suffix, headers=BERT), 404, "not-found")
        assert client.get(path + suffix).status_code == 401
    problem(client.delete(path, headers=BERT), 404, "not-found")
    job = worker.ledger.get(made["id"])
    assert job.principal == f"key-{hashlib.sha256(b'anna').hexdigest()[:32]}"


def test_keys_of_other_principals_are_other_keys(keyed, photo, painting):
    client, _ = keyed
    jobs = [make(client, photo, painting, who | {"Idempotency-Key": "k"}) for who in (ANNA, BERT)]
    assert jobs[0]["id"] != jobs[1]["id"]


def test_pages_are_newest_first_and_ones_own(keyed, photo, painting):
    client, worker = keyed
    made = sorted((make(client, photo, painting, ANNA)["id"] for _ in range(5)), reverse=True)
    make(client, photo, painting, BERT)
    found, path = [], f"{ROUTE}?limit=2"
    while path:
        page = client.get(path, headers=ANNA).json()
        found += [job["id"] for job in page["jobs"]]
        path = page["next"]
    assert found == made
    worker.advance(worker.claim(made[0]), 3)
    [running] = client.get(ROUTE, params={"status": "running"}, headers=ANNA).json()["jobs"]
    assert running["id"] == made[0]
    assert running["losses"] == [{"iteration": 3, "total": 1 / 3, "style": 0.5 / 3}]
    waiting = client.get(ROUTE, params={"status": "queued"}, headers=ANNA).json()["jobs"]
    # One of hers runs, so that Bert is next.
    assert sorted(job["queue_position"] for job in waiting) == [2, 3, 4, 5]


@pytest.fixture(scope="module")
def annas(connect_once, tmp_path_factory):
    """Shared by tests that make no job."""
    return connect_once(api_keys=(SecretStr("anna"),), data_dir=tmp_path_factory.mktemp("annas"))


@pytest.mark.parametrize("query", ["limit=0", "limit=101", "status=lost", "cursor=1", "page=2", "limit=x"])
def test_pages_that_are_none(annas, query):
    problem(annas.get(f"{ROUTE}?{query}", headers=ANNA), 422, "invalid-option")


def test_without_keys_nobody_lists(client):
    problem(client.get(ROUTE), 403, "forbidden")


def test_ids_are_unguessable(client, photo, painting, worker):
    first, second = (make(client, photo, painting)["id"] for _ in range(2))
    assert JOB_ID.fullmatch(first)
    assert first[-12:] != second[-12:]


def test_a_key_that_is_none_is_told_without_prefer_too(client, photo):
    for key in ("", "x" * 256):
        response = client.post("/v1/stylize?styles=great_wave", content=photo, headers={"Idempotency-Key": key})
        problem(response, 422, "invalid-option")


KINDLESS = {"gatys": 0, "refinement": 0, "stylize": 0, "training": 0, "video": 0}


def test_a_job_that_no_worker_can_do_says_so(connect, photo, painting, tmp_path):
    client = connect(data_dir=tmp_path)
    made = make(client, photo, painting)
    assert made["notice"] == "No worker for gatys jobs is running: the job stays queued until one is started."
    assert client.get("/healthz/ready").json()["workers"] == KINDLESS
    assert 'pastiche_workers{kind="gatys"} 0.0' in client.get("/metrics").text
    Presence(client.service.jobs.database, "anna", ["gatys", "stylize"], lambda: 1).tell()
    client.service.jobs._alive = client.service.jobs._measured = (0.0, client.service.jobs._measured[1])
    assert client.get(made["links"]["self"]).json()["notice"] is None
    assert client.get("/healthz/ready").json()["workers"] == KINDLESS | {"gatys": 1, "stylize": 1}
    metrics = client.get("/metrics").text
    assert 'pastiche_workers{kind="gatys"} 1.0' in metrics
    assert "pastiche_worker_faults 1.0" in metrics


def test_without_its_database_file_no_job_is_accepted(connect, photo, painting, tmp_path):
    client = connect(data_dir=tmp_path)
    make(client, photo, painting)
    (tmp_path / "jobs.sqlite").unlink()
    response = client.post(ROUTE, files=form(photo, painting))
    problem(response, 503, "ledger-unavailable")
    assert int(response.headers["retry-after"]) > 0
    client.service.jobs._alive = (0.0, {})  # what was known a moment ago
    assert client.get("/healthz/ready").json()["workers"] is None
