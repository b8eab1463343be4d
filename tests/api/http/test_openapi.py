import re

import pytest

from app.api.jobs.form import read_job_form
from app.api.jobs.openapi import GATYS_OPTIONS
from app.gatys.options import GatysOptions

ADMIN_ROUTES = {
    ("/v1/admin/styles", "post"),
    ("/v1/admin/styles", "get"),
    ("/v1/admin/styles/{style_id}", "get"),
    ("/v1/admin/styles/{style_id}", "delete"),
    ("/v1/admin/styles/{style_id}/picture", "get"),
    ("/v1/admin/trainings", "post"),
    ("/v1/admin/models", "get"),
    ("/v1/admin/models/{name}", "get"),
    ("/v1/admin/models/{name}/active", "put"),
}


@pytest.fixture(scope="module", params=["client", "operator"])
def document(request):
    """Without the admin routes, and with them."""
    return request.getfixturevalue(request.param).get("/openapi.json").json()


def operations(document):
    return [(path, method, op) for path, item in document["paths"].items() for method, op in item.items()]


def test_it_has_all_routes(document):
    found = {(path, method) for path, method, _ in operations(document)}
    assert found - ADMIN_ROUTES == {
        ("/v1/stylize", "post"),
        ("/v1/videos", "post"),
        ("/v1/styles", "get"),
        ("/v1/styles", "post"),
        ("/v1/styles/{style_id}", "get"),
        ("/v1/styles/{style_id}", "delete"),
        ("/v1/styles/{style_id}/refinement", "post"),
        ("/v1/styles/{style_id}/thumbnail", "get"),
        ("/v1/styles/{style_id}/preview", "get"),
        ("/v1/jobs", "post"),
        ("/v1/jobs", "get"),
        ("/v1/jobs/{job_id}", "get"),
        ("/v1/jobs/{job_id}", "delete"),
        ("/v1/jobs/{job_id}/events", "get"),
        ("/v1/jobs/{job_id}/result", "get"),
        ("/v1/jobs/{job_id}/preview", "get"),
        ("/v1/jobs/{job_id}/loss.png", "get"),
        ("/healthz/live", "get"),
        ("/healthz/ready", "get"),
        ("/metrics", "get"),
    }
    assert found & ADMIN_ROUTES in (set(), ADMIN_ROUTES)


def test_every_body_has_an_example(document):
    for path, _, operation in operations(document):
        for media in operation.get("requestBody", {}).get("content", {}).values():
            assert media.get("examples") or media["schema"].get("format") == "binary", path


def references(node):
    if isinstance(node, dict):
        if "$ref" in node:
            yield node["$ref"]
        for value in node.values():
            yield from references(value)
    elif isinstance(node, list):
        for value in node:
            yield from references(value)


def test_every_reference_has_a_target_and_every_schema_is_referred_to(document):
    targets = {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}
    assert set(references(document)) == targets


def test_every_operation_is_described_and_named_once(document):
    names = [op["operationId"] for _, _, op in operations(document)]
    assert len(set(names)) == len(names)
    assert all(op["summary"] and op["description"] and op["tags"] for _, _, op in operations(document))


def test_operations_have_the_names_that_methods_of_a_client_should_have(document):
    names = {op["operationId"] for _, _, op in operations(document)}
    assert {"stylize", "list_styles", "get_style", "create_job", "get_job", "stream_job_events"} < names
    assert all(re.fullmatch(r"stylize|(list|get|create|delete|stream|upload|activate)_[a-z_]+", name) for name in names)
    assert {"Job", "Style", "Problem"} < document["components"]["schemas"].keys()


def test_every_operation_says_which_key_it_needs(document):
    for path, _, operation in operations(document):
        assert operation["security"] == ([{"AdminToken": []}] if path.startswith("/v1/admin/") else [])
        assert ({"401", "429"} <= operation["responses"].keys()) or not operation["security"]
    assert document["servers"] == [{"url": "/"}]


def test_every_parameter_has_a_description_and_an_example(document):
    for path, _, operation in operations(document):
        for parameter in operation.get("parameters", []):
            assert parameter["description"], (path, parameter["name"])
            assert parameter.get("examples") or parameter["schema"].get("examples"), (path, parameter["name"])


def test_errors_are_problems_with_an_example_of_each_kind(document):
    for path, _, operation in operations(document):
        for status, response in operation["responses"].items():
            if status < "400":
                continue
            assert list(response["content"]) == ["application/problem+json"], path
            media = response["content"]["application/problem+json"]
            assert media["schema"] == {"$ref": "#/components/schemas/Problem"}
            for slug, example in media["examples"].items():
                assert set(example["value"]) == {"type", "title", "status", "detail", "instance"}
                assert example["value"]["type"] == f"/problems/{slug}"
                assert str(example["value"]["status"]) == status


def test_stylize_has_the_options_alike_in_the_query_and_in_the_form(document):
    operation = document["paths"]["/v1/stylize"]["post"]
    parameters = {found["name"]: found for found in operation["parameters"] if found["in"] == "query"}
    names = ["styles", "weights", "strength", "boldness", "color", "stroke", "size", "model"]
    assert list(parameters) == [*names, "regions", "format", "quality"]
    assert parameters["strength"]["schema"] == {"type": "number", "minimum": 0, "maximum": 1, "default": 1.0}
    assert parameters["format"]["schema"]["enum"] == ["jpeg", "png", "webp", "avif"]
    form = operation["requestBody"]["content"]["multipart/form-data"]["schema"]
    assert form["required"] == ["image"]
    assert set(form["properties"]) == {"image", "style", "mask", "region_mask", *parameters}
    region = form["properties"]["regions"]["contentSchema"]["items"]["properties"]
    assert set(region) == {"polygon", "feather", "mask", "styles", "strength", "color"}


def test_stylize_takes_and_gives_pictures(document):
    operation = document["paths"]["/v1/stylize"]["post"]
    assert {"image/jpeg", "image/png", "image/webp", "multipart/form-data"} <= set(operation["requestBody"]["content"])
    answer = operation["responses"]["200"]
    assert set(answer["content"]) == {"image/jpeg", "image/png", "image/webp", "image/avif"}
    own = {"Cache-Control", "Cache-Status", "ETag", "Pastiche-Model", "Server-Timing", "Vary"}
    assert set(answer["headers"]) == {*own, "X-Request-ID"}
    statuses = {"200", "202", "304", "400", "406", "409", "413", "415", "422", "429", "500", "503", "504"}
    assert set(operation["responses"]) == statuses
    assert "Retry-After" in operation["responses"]["503"]["headers"]


def test_a_clip_has_the_options_alike_in_the_query_and_in_the_form(document):
    operation = document["paths"]["/v1/videos"]["post"]
    names = [found["name"] for found in operation["parameters"] if found["in"] == "query"]
    painting = ["styles", "weights", "strength", "boldness", "color", "stroke", "size", "model"]
    assert names == [*painting, "styles_end", "steady", "format", "quality"]
    form = operation["requestBody"]["content"]["multipart/form-data"]["schema"]
    assert form["required"] == ["video"]
    assert set(form["properties"]) == {"video", "style", *names}
    assert form["properties"]["format"]["enum"] == ["mp4", "webm", "gif", "webp"]
    assert {"video/mp4", "video/webm", "image/gif", "multipart/form-data"} < set(operation["requestBody"]["content"])
    assert {"202", "413", "415", "422", "429", "503"} < set(operation["responses"])


def test_a_result_may_be_a_clip_and_come_in_parts(document):
    responses = document["paths"]["/v1/jobs/{job_id}/result"]["get"]["responses"]
    assert {"video/mp4", "video/webm", "image/jpeg"} < set(responses["200"]["content"])
    assert {"206", "304", "416"} < set(responses)


def test_a_job_is_made_of_a_form_with_every_option_of_the_method(document):
    operation = document["paths"]["/v1/jobs"]["post"]
    form = operation["requestBody"]["content"]["multipart/form-data"]["schema"]
    assert form["required"] == ["content", "style"]
    assert GatysOptions.model_fields.keys() == GATYS_OPTIONS.keys() < form["properties"].keys()
    assert all(option["description"] for option in form["properties"].values())
    examples = {name: option["examples"][0] for name, option in form["properties"].items() if "examples" in option}
    given = [(name, str(value)) for name, value in examples.items() if name not in ("styles", "model", "weights")]
    params, _ = read_job_form(given, 1, catalogue=None, edge_pixels=2048)
    assert params.options.style_layers == {"relu1_1": 0.5, "relu2_1": 0.5}
    assert "429" in operation["responses"]
    assert "Retry-After" in operation["responses"]["429"]["headers"]
