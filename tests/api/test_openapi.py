import pytest

METHODS = {"get", "post"}


@pytest.fixture(scope="module")
def document(client):
    return client.get("/openapi.json").json()


def operations(document):
    return [(path, method, op) for path, item in document["paths"].items() for method, op in item.items()]


def test_it_has_the_routes_of_the_fast_path(document):
    assert {(path, method) for path, method, _ in operations(document)} == {
        ("/v1/stylize", "post"),
        ("/v1/styles", "get"),
        ("/v1/styles/{style_id}", "get"),
        ("/v1/styles/{style_id}/preview", "get"),
        ("/healthz/live", "get"),
        ("/healthz/ready", "get"),
        ("/metrics", "get"),
    }


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
    parameters = {parameter["name"]: parameter for parameter in operation["parameters"]}
    assert list(parameters) == ["styles", "strength", "color", "size", "model", "format", "quality"]
    assert parameters["strength"]["schema"] == {"type": "number", "minimum": 0, "maximum": 1, "default": 1.0}
    assert parameters["format"]["schema"]["enum"] == ["jpeg", "png", "webp", "avif"]
    form = operation["requestBody"]["content"]["multipart/form-data"]["schema"]
    assert form["required"] == ["image"]
    assert set(form["properties"]) == {"image", *parameters}


def test_stylize_takes_and_gives_pictures(document):
    operation = document["paths"]["/v1/stylize"]["post"]
    assert {"image/jpeg", "image/png", "image/webp", "multipart/form-data"} <= set(operation["requestBody"]["content"])
    answer = operation["responses"]["200"]
    assert set(answer["content"]) == {"image/jpeg", "image/png", "image/webp", "image/avif"}
    assert set(answer["headers"]) == {"ETag", "Pastiche-Model", "Server-Timing", "Vary", "X-Request-ID"}
    assert set(operation["responses"]) == {"200", "400", "406", "413", "415", "422", "500", "503", "504"}
    assert "Retry-After" in operation["responses"]["503"]["headers"]
