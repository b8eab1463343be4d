"""What one job may ask for, and who may ask for more."""

from __future__ import annotations

import pytest
from admin_token import TOKEN
from job_requests import ROUTE, form, make, problem
from pydantic import SecretStr

from app.api.jobs.bounds import check_bounds, memory_megabytes, own_size
from app.gatys.options import GatysOptions
from app.settings import Settings


def test_the_memory_of_a_job_is_known_before_it_is_begun() -> None:
    assert memory_megabytes(GatysOptions(size=1024, history=100, scales=1), 1) == pytest.approx(4394, abs=1)
    assert memory_megabytes(GatysOptions(), 1) == pytest.approx(532, abs=1)
    # Adam has no history, and style images of twice the size are four times as large.
    assert memory_megabytes(GatysOptions(optimiser="adam", history=100, size=1000), 0) == 1750
    assert memory_megabytes(GatysOptions(optimiser="adam", size=1000, stroke=2), 8) == 1750 + 8 * 160


@pytest.mark.parametrize(
    ("photo_edge", "options", "limits", "size"),
    [
        (384, {}, {}, 384),
        (5, {}, {}, 16),
        (4000, {}, {}, 1024),
        (4000, {}, {"edge_pixels": 800}, 800),
        (4000, {"iterations": 1200}, {}, 707),  # 600 megapixels
        (300, {"iterations": 1200}, {}, 300),
        (4000, {"optimiser": "adam"}, {"job_memory_megabytes": 448}, 500),  # 1790 bytes a pixel
        (4000, {"optimiser": "adam", "size": 16}, {"job_memory_megabytes": 448}, 500),
    ],
)
def test_a_job_that_names_no_size_gets_the_photos_own_up_to_what_is_allowed(photo_edge, options, limits, size) -> None:
    settings = Settings(edge_pixels=2048, job_memory_megabytes=2400).model_copy(update=limits)
    asked = GatysOptions(**options)
    assert own_size(asked, photo_edge, 1, settings, operator=False) == size
    check_bounds(asked.model_copy(update={"size": size}), 1, settings, operator=False)


def test_the_operators_job_is_not_made_smaller_for_its_work() -> None:
    settings = Settings(edge_pixels=2048, job_memory_megabytes=2400)
    assert own_size(GatysOptions(iterations=10_000), 4000, 1, settings, operator=True) == 1024


@pytest.fixture(scope="module")
def open_to_all(connect_once, tmp_path_factory):
    return connect_once(
        edge_pixels=1024,
        job_priority=0,
        data_dir=tmp_path_factory.mktemp("open_to_all"),
        admin_token=SecretStr(TOKEN),
        job_memory_megabytes=2400,
    )


@pytest.mark.parametrize(
    ("options", "detail"),
    [
        ({"size": 1024, "iterations": 10_000}, "at most 572 iterations"),
        ({"size": 1024, "iterations": 573}, "at most 572 iterations"),
        ({"seconds": 86_400}, "`seconds` is at most 3600"),
        ({"priority": 1}, "`priority` is at most 0"),
        ({"size": 1024, "history": 100}, "4394 MB of memory, and 2400 MB are allowed"),
    ],
)
def test_an_ordinary_client_is_told_what_is_too_much(open_to_all, photo, painting, options, detail) -> None:
    response = open_to_all.post(ROUTE, data=options, files=form(photo, painting))
    assert detail in problem(response, 422, "invalid-option")["detail"]


def test_what_is_within_the_bounds_is_accepted(open_to_all, photo, painting) -> None:
    options = {"size": 1024, "iterations": 572, "seconds": 3600, "history": 20, "priority": -5}
    assert make(open_to_all, photo, painting, **options)["priority"] == -5


def test_the_operator_may_ask_for_everything_but_more_memory(open_to_all, photo, painting) -> None:
    operator = {"Authorization": f"Bearer {TOKEN}"}
    asked = {"size": 1024, "iterations": 10_000, "seconds": 86_400, "priority": 10}
    assert make(open_to_all, photo, painting, operator, **asked)["priority"] == 10
    response = open_to_all.post(
        ROUTE, data={"size": 1024, "history": 100}, files=form(photo, painting), headers=operator
    )
    problem(response, 422, "invalid-option")
