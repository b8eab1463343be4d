from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.api.codecs.queue import CAUTION, CodecQueue
from app.errors import DeadlineExceeded, Overloaded
from app.imaging.cost import Cost

MEMORY = 400_000_000
SMALL, MIDDLING, LARGE = Cost(0, 0.01), Cost(0, 0.1), Cost(0, 1.5)
DEADLINE = 30.0


@pytest.fixture
def queue():
    return CodecQueue(threads=1, memory_bytes=MEMORY)


def admitted(queue, *costs):
    return queue.admit(0.0, costs, DEADLINE)


def submitted(queue, *costs):
    place = admitted(queue, *costs)
    return place, queue.submit(place, "picture")


def refused(queue, *costs, deadline=DEADLINE):
    with pytest.raises(Overloaded) as caught:
        queue.admit(0.0, costs, deadline)
    return caught.value.retry_after_seconds


def end(queue, place, step, seconds=None):
    queue.finish(step, seconds)
    queue.leave(place)


def test_each_size_has_a_thread_of_its_own_and_waits_for_its_like_alone(queue):
    _, large = submitted(queue, LARGE)
    assert queue.next() is large
    for _ in range(3):
        submitted(queue, LARGE)
    assert queue.next() is None
    _, middling = submitted(queue, MIDDLING)
    assert queue.next() is middling
    _, small = submitted(queue, SMALL)
    assert queue.next() is small
    submitted(queue, SMALL)
    assert queue.next() is None


def test_the_whole_request_decides_on_its_line(queue):
    """Else many small ones would be decoded, and all wait for the large line with their pixels."""
    _, large = submitted(queue, LARGE)
    assert queue.next() is large
    place, _ = submitted(queue, SMALL, LARGE)
    assert queue.next() is None
    assert place.line is admitted(queue, LARGE).line
    assert admitted(queue, Cost(0, 0.19), SMALL).line is admitted(queue, Cost(0, 0.2)).line is not place.line
    assert admitted(queue, Cost(0, 0.19), Cost(0, 0.02)).line is place.line


def test_much_memory_makes_a_request_large(queue):
    few, much = Cost(MEMORY // 4, 0.001), Cost(MEMORY // 4 + 1, 0.001)
    assert admitted(queue, few).line is admitted(queue, SMALL).line
    assert admitted(queue, SMALL, much).line is admitted(queue, LARGE).line


def test_what_is_decoded_is_encoded_before_anything_else_is_decoded(queue):
    place, decoding = submitted(queue, SMALL, SMALL)
    assert queue.next() is decoding
    _, other = submitted(queue, SMALL, SMALL)
    queue.finish(decoding, None)
    encoding = queue.submit(place, "pixels")
    assert queue.next() is encoding
    queue.finish(encoding, None)
    assert queue.next() is other


def test_a_line_takes_half_of_what_fits_before_the_deadline_and_says_when_it_takes_more(queue):
    assert CAUTION == 2
    places = [submitted(queue, LARGE) for _ in range(10)]  # 15 of 30 seconds
    assert refused(queue, LARGE) == 2
    assert refused(queue, LARGE, LARGE) == 3
    assert refused(queue, Cost(0, 8.5)) == 9
    assert refused(queue, LARGE, deadline=10) == 12
    admitted(queue, SMALL)
    admitted(queue, MIDDLING)
    place, step = places[0]
    assert queue.next() is step
    end(queue, place, step)
    admitted(queue, LARGE)
    assert refused(queue, LARGE) == 2


def test_more_threads_take_more():
    queue = CodecQueue(threads=4, memory_bytes=MEMORY)
    for _ in range(37):  # 36 before it are 13.5 seconds of four threads
        admitted(queue, LARGE)
    assert refused(queue, LARGE) == 1


def test_an_empty_line_takes_what_looks_too_slow_for_its_deadline(queue):
    place = admitted(queue, Cost(0, 100.0))
    assert refused(queue, LARGE) == 87
    queue.leave(place)
    admitted(queue, Cost(0, 100.0))


def test_a_deadline_that_is_past(queue):
    with pytest.raises(DeadlineExceeded):
        queue.admit(30.0, [SMALL], 30.0)


def test_waits_are_predicted_at_the_pace_that_was_measured(queue):
    for _ in range(100):
        place, step = submitted(queue, LARGE)
        queue.next()
        end(queue, place, step, 3.0)
    assert place.line.pace == pytest.approx(2, abs=0.01)
    for _ in range(4):
        admitted(queue, LARGE)
    assert queue.seconds == pytest.approx(12, abs=0.1)
    admitted(queue, LARGE)
    assert refused(queue, LARGE) == 3
    for _ in range(1500):
        admitted(queue, SMALL)  # whose line has its own pace


def test_who_will_be_late_at_the_pace_of_now_is_told_at_once_and_not_at_the_deadline(queue):
    places = [submitted(queue, LARGE, LARGE) for _ in range(4)]  # 12 seconds
    _, small = submitted(queue, SMALL)
    assert queue.next() is small
    place, step = places[0]
    assert queue.next() is step
    queue.finish(step, 15.0)
    assert place.line.pace == pytest.approx(15.9 / 2.4)
    # 6.6 times as slow: at 15 s, the last of the others would be done at 84 s. The first of them is at 45 s.
    expired = queue.expire(15.0)
    assert [late for late, _ in expired] == [step for _, step in reversed(places[1:])]
    assert [problem.retry_after_seconds for _, problem in expired] == [55, 35, 15]
    assert queue.next() is None
    # What is decoded is finished all the same.
    finishing = queue.submit(place, "pixels")
    assert queue.expire(1000.0) == []
    assert queue.next() is finishing


def test_nobody_is_late_who_will_be_in_time(queue):
    for _ in range(10):
        submitted(queue, LARGE)
    assert queue.expire(15.0) == []
    assert [late.place.deadline for late, _ in queue.expire(15.1)] == [DEADLINE]


def test_a_stopped_machine_is_no_pace(queue):
    place, step = submitted(queue, LARGE)
    queue.next()
    end(queue, place, step, 3600.0)
    assert place.line.pace < 10
    failed, step = submitted(queue, LARGE)
    queue.next()
    pace = failed.line.pace
    end(queue, failed, step, None)
    assert failed.line.pace == pace


def test_large_steps_run_side_by_side_while_their_memory_fits():
    queue = CodecQueue(threads=3, memory_bytes=MEMORY)
    places = [submitted(queue, Cost(150_000_000, 1.0)) for _ in range(3)]
    assert [queue.next(), queue.next(), queue.next()] == [places[0][1], places[1][1], None]
    _, small = submitted(queue, SMALL)
    assert queue.next() is small
    end(queue, *places[0])
    assert queue.next() is places[2][1]


def test_one_that_needs_more_than_there_is_runs_alone_among_the_large():
    queue = CodecQueue(threads=3, memory_bytes=MEMORY)
    places = [submitted(queue, Cost(size, 1.0)) for size in (300_000_000, 500_000_000, 300_000_000)]
    for place, step in places:
        assert queue.next() is step
        assert queue.next() is None
        end(queue, place, step)


def test_nothing_is_left_of_who_leaves(queue):
    running = submitted(queue, LARGE, LARGE)
    assert queue.next() is running[1]
    waiting = submitted(queue, LARGE, LARGE)
    assert (queue.pending, queue.seconds) == (2, 6.0)
    queue.cancel(waiting[1])
    queue.leave(waiting[0])
    queue.leave(running[0])
    # The step that runs does so to its end.
    assert (queue.pending, queue.seconds) == (1, 1.5)
    queue.finish(running[1], None)
    assert (queue.pending, queue.seconds) == (0, 0.0)
    assert queue.next() is None


@given(st.data())
def test_whatever_comes_no_bound_is_passed_and_nothing_is_left(data):
    queue = CodecQueue(threads=2, memory_bytes=100)
    costs = st.lists(st.builds(Cost, st.integers(0, 90), st.floats(0.001, 2)), min_size=1, max_size=3)
    waiting, running, places = {}, [], []
    probe = queue.admit(0, [LARGE], DEADLINE)
    largest = probe.line
    queue.leave(probe)

    def submit(place):
        waiting[queue.submit(place, None)] = place

    for now in range(data.draw(st.integers(1, 40))):
        action = data.draw(st.sampled_from(["admit", "next", "next", "finish", "leave", "expire"]))
        if action == "admit":
            with suppress(Overloaded):
                places.append(queue.admit(now, data.draw(costs), now + 30))
                submit(places[-1])
        elif action == "next" and (step := queue.next()) is not None:
            del waiting[step]
            running.append(step)
        elif action == "finish" and running:
            step = running.pop(data.draw(st.integers(0, len(running) - 1)))
            queue.finish(step, data.draw(st.none() | st.floats(0, 20)))
            if step.place.left:
                submit(step.place)
        elif action == "leave" and waiting:
            step = data.draw(st.sampled_from(list(waiting)))
            queue.cancel(step)
            queue.leave(waiting.pop(step))
        elif action == "expire":
            for step, problem in queue.expire(now):
                assert problem.retry_after_seconds >= 1
                del waiting[step]
        lines = [step.place.line for step in running]
        assert all(lines.count(line) <= 2 for line in lines)
        large = [step.cost.bytes for step in running if step.place.line is largest]
        assert len(large) < 2 or sum(large) <= 100
    while (step := queue.next()) is not None or running:
        if step is not None:
            running.append(step)
        else:
            queue.finish(running.pop(), None)
    for place in places:
        queue.leave(place)
    assert (queue.pending, queue.seconds) == (0, 0.0)
