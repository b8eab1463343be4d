"""Which sizes a picture goes through."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.gatys.options import GatysOptions
from app.gatys.schedule import MIN_EDGE, ScaleSchedule


def stages(height, width, **options):
    return [
        (stage.scale, stage.height, stage.width, stage.iterations)
        for stage in ScaleSchedule(height, width, GatysOptions(**options)).stages
    ]


def test_edges_double_and_half_of_the_iterations_are_for_the_final_size():
    assert stages(384, 512, scales=3, iterations=200) == [
        (0.25, 96, 128, 50),
        (0.5, 192, 256, 50),
        (1.0, 384, 512, 100),
    ]
    assert stages(384, 512, scales=1, iterations=7) == [(1.0, 384, 512, 7)]


def test_scales_too_small_for_the_network_are_left_out():
    assert stages(40, 512, scales=3, iterations=10) == [(1.0, 40, 512, 10)]
    assert stages(100, 512, scales=5, iterations=10) == [(0.5, 50, 256, 5), (1.0, 100, 512, 5)]


def test_fewer_iterations_than_scales_leave_the_coarsest_out():
    assert stages(512, 512, scales=3, iterations=1) == [(1.0, 512, 512, 1)]
    assert stages(512, 512, scales=3, iterations=2) == [(0.5, 256, 256, 1), (1.0, 512, 512, 1)]


@given(
    height=st.integers(MIN_EDGE, 1024),
    width=st.integers(MIN_EDGE, 1024),
    scales=st.integers(1, 5),
    iterations=st.integers(1, 1000),
)
def test_every_schedule_ends_at_the_final_size_with_all_iterations_done(height, width, scales, iterations):
    schedule = ScaleSchedule(height, width, GatysOptions(scales=scales, iterations=iterations))
    last = schedule.stages[-1]
    assert (last.scale, last.height, last.width) == (1.0, height, width)
    assert sum(stage.iterations for stage in schedule.stages) == iterations
    assert all(stage.iterations > 0 and min(stage.height, stage.width) >= MIN_EDGE for stage in schedule.stages)
    assert schedule.share(0, 0) == 0
    assert schedule.share(len(schedule.stages) - 1, last.iterations) == pytest.approx(1)
