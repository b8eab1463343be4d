"""Requests made from the OpenAPI document: each is answered as it says, and nothing else comes out.

`FUZZ_EXAMPLES` is how many of each operation are tried; `make fuzz` tries many.
"""

from __future__ import annotations

import os
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from schemathesis import Case
from schemathesis.schemas import APIOperation

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "1"))
# Hours of generated requests are another thing than minutes, but the same ones come each time.
SEED = 20_261_129
PROBLEM = "application/problem+json"
# Answers that say nothing else than that the machine is busy or a part of it away.
PASSING = {429, 503, 504}


def check(case: Case, response: Any, documented: set[str]) -> None:
    """As the document says, and as a problem where it is none of the good answers."""
    what = f"{case.method} {response.request.url}: {response.status_code} {response.text_lossy()[:300]}"
    assert response.status_code < 500 or response.status_code in PASSING, what
    assert str(response.status_code) in documented or response.status_code in {404, 405}, what
    if response.status_code >= 400:
        assert response.headers["content-type"][0].startswith(PROBLEM), what
        problem = response.json()
        assert problem["status"] == response.status_code, what
        assert problem["detail"], what
        assert "Traceback" not in response.text_lossy(), what


@pytest.mark.timeout(3600)
def test_every_generated_request_is_answered_as_the_document_says(operator) -> None:
    schema = schemathesis.openapi.from_dict(operator.get("/openapi.json").json())
    operations = [found.ok() for found in schema.get_all_operations()]
    assert len(operations) > 20
    for operation in operations:
        try_out(operation, str(operator.base_url), {"Authorization": operator.headers["Authorization"]})


def try_out(operation: APIOperation, url: str, headers: dict[str, str]) -> None:
    documented = set(operation.definition.raw["responses"])

    @seed(SEED)
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy())
    def answers(case: Case) -> None:
        check(case, case.call(base_url=url, headers=headers, timeout=600), documented)

    answers()
