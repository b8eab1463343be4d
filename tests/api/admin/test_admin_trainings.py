"""Trainings are asked for: options, dry runs, jobs; and bodies that are no such thing."""

import json

import pytest
from hand_worker import HandWorker
from picture_bytes import encoded, waves
from pydantic import SecretStr

from app.api.admin.training_options import ANY_OPTIONS, check_recipe
from app.jobs.job import JobProgress
from app.nets.architectures import ARCHITECTURES
from app.sql.schema import jobs

ROUTE = "/v1/admin/trainings"
ADD = {"mode": "add", "styles": ["own"], "steps": 100}
FULL = {"mode": "full", "name": "mine", "styles": ["own", "other"], "architecture": "compact", "steps": 50}


@pytest.fixture(scope="module")
def paintings(operator):
    for title in ("Own", "Other"):
        operator.post("/v1/admin/styles", data={"title": title}, files={"image": encoded(waves())})


@pytest.fixture
def worker(operator, paintings):
    """Of the operator's application, whose ledger is empty at the start."""
    worker = HandWorker(operator.service.settings)
    with worker.database.write() as connection:
        connection.execute(jobs.delete())
    yield worker
    worker.database.close()


@pytest.fixture
def ask(operator, worker):
    def ask(options, headers=None):
        return operator.post(ROUTE, json=options, headers=headers)

    return ask


def problem(response, status, slug):
    assert response.status_code == status, response.text
    found = response.json()
    assert (found["status"], found["type"]) == (status, f"/problems/{slug}")
    return found


def test_a_training_is_a_job(operator, ask, worker):
    made = ask(ADD | {"weights": {"own": 2.0}, "priority": 3, "force": True})
    assert made.status_code == 202
    entry = made.json()
    assert (entry["kind"], entry["status"], entry["priority"], entry["queue_position"]) == ("training", "queued", 3, 1)
    assert made.headers["Location"] == entry["links"]["self"]
    assert operator.get(made.headers["Location"]).json() == entry
    params = worker.ledger.get(entry["id"]).params
    assert params["recipe"] == {"steps": 100, "style_weights": {"own": 2.0}}
    assert (params["mode"], params["model"], params["activate"], params["force"]) == ("add", "compact", True, True)
    assert [painting["id"] for painting in params["paintings"]] == ["own"]
    assert operator.delete(entry["links"]["self"]).json()["status"] == "cancelled"


def test_a_repetition_is_the_same_training(ask):
    key = {"Idempotency-Key": "mine"}
    first, again = ask(ADD, key), ask(ADD, key)
    assert first.json()["id"] == again.json()["id"]
    assert again.headers["Idempotent-Replayed"] == "true"
    problem(ask(FULL, key), 409, "idempotency-conflict")


def test_a_repetition_with_a_new_token_is_the_same_training(connect, tmp_path):
    answers = []
    for token in ("a" * 32, "b" * 32):
        client = connect(data_dir=tmp_path, admin_token=SecretStr(token))
        client.headers["Authorization"] = f"Bearer {token}"
        client.post("/v1/admin/styles", data={"title": "Own"}, files={"image": encoded(waves())})
        answers.append(client.post(ROUTE, json=ADD, headers={"Idempotency-Key": "mine"}))
    assert [answer.status_code for answer in answers] == [202, 202]
    assert answers[0].json()["id"] == answers[1].json()["id"]


def test_what_no_database_can_be_asked_for_is_not_found(operator):
    for path in ("/v1/admin/styles/a%00b", "/v1/admin/styles/a%00b/picture", "/v1/admin/models/a%00b"):
        problem(operator.get(path), 404, "not-found")
    problem(operator.delete("/v1/admin/styles/a%00b"), 404, "not-found")
    problem(operator.put("/v1/admin/models/a%00b/active", json={"version": 1}), 404, "not-found")


def test_no_other_worker_hears_of_a_training(operator, ask, worker):
    before = operator.service.jobs._dispatch.messages()
    job = ask(ADD).json()
    assert operator.service.jobs._dispatch.messages() == before
    assert worker.leases.claim(job["id"], "other", ["gatys", "stylize"]) is None
    assert worker.ledger.waiting(1, ["gatys"]) == []
    assert [waiting.id for waiting in worker.ledger.waiting(1, ["training"])] == [job["id"]]
    assert worker.leases.claim(job["id"], "mine", ["training"]).id == job["id"]


def test_a_dry_run_tells_what_would_happen_and_does_nothing(operator, ask, worker):
    plan = ask(ADD | {"dry_run": True})
    assert plan.status_code == 200
    told = plan.json()
    assert (told["mode"], told["model"], told["styles"], told["steps"]) == ("add", "compact", ["own"], 100)
    assert (told["photos"], told["estimated_from"], told["trainings_before"]) == ("the built-in pictures", "stated", 0)
    assert told["estimated_seconds"] > 30
    assert (told["recipe"]["steps"], told["recipe"]["batch"]) == (100, 2)
    assert told["would"][0].startswith("Train 1 style for compact")
    assert "active version" in told["would"][-1]
    assert "active version" not in " ".join(ask(ADD | {"dry_run": True, "activate": False}).json()["would"])
    assert worker.ledger.page(kind="training") == []


def test_what_a_training_took_is_what_the_next_one_is_estimated_by(ask, worker):
    job = worker.claim(ask(ADD).json()["id"])
    ask(FULL)
    before = ask(ADD | {"dry_run": True}).json()
    assert (before["trainings_before"], before["estimated_from"]) == (2, "stated")
    curve = [{"iteration": 100, "total": 1.0}]
    worker.leases.heartbeat(job, JobProgress(0.9, seconds_per_iteration=4.0, losses=curve))
    worker.leases.finish(job, "", "image/jpeg", {})
    after = ask(ADD | {"dry_run": True}).json()
    assert (after["trainings_before"], after["estimated_from"]) == (1, "measured")
    assert after["estimated_seconds"] == pytest.approx(400, abs=5)
    assert ask(ADD | {"dry_run": True, "batch": 4}).json()["estimated_seconds"] == pytest.approx(800, abs=5)
    assert ask(FULL | {"dry_run": True}).json()["estimated_from"] == "stated"


def test_with_minutes_the_steps_are_not_known_before(ask):
    options = {name: value for name, value in ADD.items() if name != "steps"}
    told = ask(options | {"minutes": 2, "dry_run": True}).json()
    assert told["steps"] is None
    assert told["estimated_seconds"] >= 120


def test_photos_are_looked_at_before(connect, tmp_path, photos):
    token = {"Authorization": "Bearer " + "t" * 32}
    empty = tmp_path / "photos"
    empty.mkdir()
    for folder in (empty, tmp_path / "absent", tmp_path):
        client = connect(admin_token=SecretStr("t" * 32), photos_dir=folder, data_dir=tmp_path / "data")
        client.post("/v1/admin/styles", data={"title": "Own"}, files={"image": encoded(waves())}, headers=token)
        found = problem(client.post(ROUTE, json=ADD, headers=token), 503, "photos-unavailable")
        assert str(tmp_path) not in found["detail"]
    client = connect(admin_token=SecretStr("t" * 32), photos_dir=photos, data_dir=tmp_path / "data")
    told = client.post(ROUTE, json=ADD | {"dry_run": True}, headers=token).json()
    assert int(told["photos"].removesuffix(" photos")) >= 11


@pytest.mark.parametrize(
    ("change", "slug", "said"),
    [
        ({"styles": ["nothing_like_it"]}, "unknown-style", "nothing_like_it"),
        ({"styles": ["own", "own"]}, "invalid-option", "names a style twice"),
        ({"styles": []}, "invalid-option", "`styles`"),
        ({"styles": ["../../etc/passwd"]}, "invalid-option", "`styles`"),
        ({"styles": ["https://example.org/a.jpg"]}, "invalid-option", "`styles`"),
        ({"styles": "own"}, "invalid-option", "`styles`"),
        ({"styles": [f"s{n}" for n in range(65)]}, "invalid-option", "`styles`"),
        ({"model": "absent"}, "invalid-option", "There is no model absent."),
        ({"model": "compact@9"}, "invalid-option", "There is no model compact@9."),
        ({"model": "../compact"}, "invalid-option", "`model`"),
        ({"model": "/models/compact/1"}, "invalid-option", "`model`"),
        ({"model": "compact@1/../../x"}, "invalid-option", "`model`"),
        ({"model": "x" * 65}, "invalid-option", "a name of at most 64 characters"),
        ({"steps": 0}, "invalid-option", "`steps`"),
        ({"steps": 10**9}, "invalid-option", "`steps`"),
        ({"steps": "100"}, "invalid-option", "`steps`"),
        ({"steps": 1.5}, "invalid-option", "`steps`"),
        ({"minutes": 1}, "invalid-option", "`steps` and `minutes`"),
        ({"steps": None, "minutes": 1e9}, "invalid-option", "`minutes`"),
        ({"batch": 64, "crop": 1024}, "invalid-option", "megapixels"),
        ({"batch": 17}, "invalid-option", "`batch`"),
        ({"learning_rate": -1}, "invalid-option", "`learning_rate`"),
        ({"weights": {"own": 0}}, "invalid-option", "`weights`"),
        ({"weights": {"other": 1}}, "invalid-option", "`weights` names other"),
        ({"photos": "/etc"}, "invalid-option", "'photos'"),
        ({"descriptor": "http://example.org/x.safetensors"}, "invalid-option", "'descriptor'"),
        ({"__proto__": {}}, "invalid-option", "'__proto__'"),
        ({"mode": "other"}, "invalid-option", "`request`"),
        ({"mode": None}, "invalid-option", "`request`"),
        ({"activate": "yes"}, "invalid-option", "`activate`"),
        ({"priority": 99}, "invalid-option", "`priority`"),
    ],
    ids=lambda value: json.dumps(value)[:40] if isinstance(value, dict) else "",
)
def test_options_of_an_addition_are_checked(ask, worker, change, slug, said):
    found = problem(ask(ADD | change), 422, slug)
    assert said in found["detail"]
    assert worker.ledger.page(kind="training") == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"name": "Mine"}, "`name`"),
        ({"name": "../x"}, "`name`"),
        ({"name": None}, "`name`"),
        ({"architecture": "vgg"}, "`architecture`"),
        ({"architecture": "johnson"}, "for one style"),
        ({"norm": "batch", "batch": 4}, "for one style"),
        ({"norm": "batch", "styles": ["own"]}, "batch of at least 4 images"),
        ({"options": {"widths": [0]}}, "`options`"),
        ({"options": {"widths": [512] * 9, "no_such": 1}}, "architecture compact"),
        ({"options": {"blocks": 10**6}}, "`options`"),
        ({"base": "compact"}, "`base`"),
        ({"base": "file:///etc/passwd@1"}, "`base`"),
        ({"base": "x" * 65 + "@1"}, "a name of at most 64 characters"),
        ({"minutes": 1}, "'minutes'"),
        ({"model": "compact"}, "'model'"),
    ],
    ids=lambda value: json.dumps(value)[:40] if isinstance(value, dict) else "",
)
def test_options_of_a_whole_model_are_checked(ask, change, said):
    assert said in problem(ask(FULL | change), 422, "invalid-option")["detail"]


@pytest.mark.parametrize("architecture", sorted(ARCHITECTURES))
def test_every_architecture_can_be_asked_for(ask, architecture):
    plan = ask(FULL | {"architecture": architecture, "styles": ["own"], "norm": "batch", "batch": 4, "dry_run": True})
    assert plan.status_code == 200, plan.json()
    recipe = plan.json()["recipe"]
    assert (recipe["architecture"], recipe["norm"]) == (architecture, "batch")
    assert (recipe["content_weight"] == 0) == (architecture == "texture")


def test_a_style_that_the_model_has_is_not_added_again(operator, ask):
    operator.post("/v1/admin/styles", data={"title": "Starry night"}, files={"image": encoded(waves())})
    problem(ask(ADD | {"styles": ["starry_night"]}), 409, "style-exists")
    assert ask(ADD | {"styles": ["starry_night"], "model": "sketch", "dry_run": True}).status_code == 200


@pytest.mark.parametrize(
    ("body", "status", "slug"),
    [
        (b"", 400, "empty-body"),
        (b"   ", 400, "empty-body"),
        (b"{", 400, "malformed-body"),
        (b"[]", 400, "malformed-body"),
        (b"null", 400, "malformed-body"),
        (b"\xff\xfe{\0}\0", 400, "malformed-body"),
        (b'{"mode": "add"}\0', 400, "malformed-body"),
        (b"[" * 30_000, 400, "malformed-body"),
        (b'{"a":' * 10_000 + b"1" + b"}" * 10_000, 400, "malformed-body"),
        (b'{"mode": "add", "styles": ["own"], "steps": ' + b"9" * 5000 + b"}", 400, "malformed-body"),
        (b'{"mode": "add", "styles": ["own"], "learning_rate": NaN}', 422, "invalid-option"),
        (b'{"mode": "add", "styles": ["own"], "minutes": Infinity}', 422, "invalid-option"),
        (b'{"mode": "add", "styles": ["own"], "minutes": 1e999}', 422, "invalid-option"),
        (b'{"mode": "add", "styles": ["own"], "force": false, "force": true}', 422, "invalid-option"),
        (b'{"mode": "add", "styles": ["own\\u0000"]}', 422, "invalid-option"),
        (b'{"mode": "add", "styles": ["\\ud800"]}', 422, "invalid-option"),
        (b'{"mode": "add", "styles": ["' + b"x" * 70_000 + b'"]}', 413, "body-too-large"),
    ],
    ids=lambda value: value[:30] if isinstance(value, bytes) else "",
)
def test_what_is_no_json_object_of_options_is_refused(operator, worker, body, status, slug):
    found = problem(operator.post(ROUTE, content=body, headers={"Content-Type": "application/json"}), status, slug)
    assert found["detail"].isprintable()


def test_a_body_of_another_type_is_refused(operator, worker):
    for kind in ("text/plain", "application/x-www-form-urlencoded", ""):
        response = operator.post(ROUTE, content=json.dumps(ADD).encode(), headers={"Content-Type": kind})
        problem(response, 400, "malformed-body")


def test_the_documents_examples_are_options(operator):
    body = operator.get("/openapi.json").json()["paths"][ROUTE]["post"]["requestBody"]["content"]["application/json"]
    for example in body["examples"].values():
        check_recipe(ANY_OPTIONS.validate_json(json.dumps(example["value"]), strict=True))
    for schema in body["schema"]["oneOf"]:
        examples = {name: member["examples"][0] for name, member in schema["properties"].items() if name != "mode"}
        mode = schema["properties"]["mode"]["const"]
        examples.pop("minutes", None)
        check_recipe(ANY_OPTIONS.validate_json(json.dumps(examples | {"mode": mode}), strict=True))


def test_a_painting_may_be_brought_and_trained_at_once(operator, worker):
    def bring(title, model):
        form = {"title": title, "train": model}
        return operator.post("/v1/admin/styles", data=form, files={"image": encoded(waves())})

    made = bring("Trained at once", "compact")
    assert made.status_code == 201
    entry = made.json()
    assert made.headers["Location"] == entry["links"]["self"]
    job = operator.get(entry["links"]["training"]).json()
    assert (job["kind"], job["status"]) == ("training", "queued")
    assert entry["used_by"] == [f"job {job['id']}"]
    params = worker.ledger.get(job["id"]).params
    assert (params["mode"], params["model"], params["recipe"], params["activate"]) == ("add", "compact", {}, True)
    before = operator.get("/v1/admin/styles").json()
    problem(bring("Another", "absent"), 422, "invalid-option")
    problem(bring("Another", "../../models/compact"), 422, "invalid-option")
    problem(bring("Another", "x" * 65), 422, "invalid-option")
    problem(bring("Great wave", "compact"), 409, "style-exists")
    assert operator.get("/v1/admin/styles").json() == before
