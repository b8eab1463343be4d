"""The engine thread, fed with stylizers that do what a test tells them to; events instead of sleeps."""

import gc
import math
import random
import threading
import time
import weakref
from concurrent.futures import CancelledError, ThreadPoolExecutor

import numpy as np
import pytest
import torch
from engine_fakes import ScriptedStylizer, affine_stylizer

from app.engine import engine as engine_module
from app.engine.engine import Engine
from app.errors import (
    DeadlineExceeded,
    EngineFailed,
    InvalidOption,
    ModelUnavailable,
    OutOfMemory,
    Overloaded,
    UnknownStyle,
)

PLAIN = {"plain": 1.0}
SECONDS = 120  # how long a test waits for what comes at once, before it fails


class Clock:
    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def start(clock):
    """start(stylizers, **options): a running engine, stopped when the test ends."""
    engines = []

    def start(stylizers, **options):
        if not isinstance(stylizers, dict):
            stylizers = {"model": stylizers}
        options = {"queue_megapixels": 64, "batch_pictures": 4, "stall_seconds": 60, "clock": clock} | options
        engine = Engine(stylizers, **options)
        engine.start()
        engines.append((engine, stylizers))
        return engine

    yield start
    for engine, stylizers in engines:
        for stylizer in stylizers.values():
            if isinstance(stylizer, ScriptedStylizer):
                stylizer.go.set()
        engine.stop(SECONDS)


def picture(value=0, shape=(8, 8, 3)):
    return np.full(shape, value, np.uint8)


def send(engine, value=0, *, model="model", deadline=math.inf, blend=PLAIN, shape=(8, 8, 3)):
    """To the model of now."""
    ticket = engine.admit(0.1, deadline)
    return engine.submit(ticket, engine._stylizers[model], picture(value, shape), blend)


def hold_with_one_running(engine, stylizer, value=0):
    """Begin a batch of one picture that does not end before `stylizer.go`; its future."""
    stylizer.hold()
    future = send(engine, value)
    assert stylizer.entered.wait(SECONDS)
    return future


def raise_(error):
    def act(pixels):
        raise error

    return act


def fits(number):
    """Out of memory for more pictures than that."""

    def act(pixels):
        if len(pixels) > number:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")

    return act


def wait_until(condition):
    """For what the thread does by itself, without anything to wait on."""
    limit = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < limit
        time.sleep(0.005)


def test_a_picture_comes_back_painted(start):
    engine = start(ScriptedStylizer())
    assert np.array_equal(send(engine, 10).result(SECONDS), picture(245))
    assert engine.load.queued_megapixels == 0
    assert (engine.load.waiting, engine.load.running) == (0, 0)


def test_pictures_of_one_shape_that_wait_together_form_batches_and_others_do_not_join(start):
    stylizer = ScriptedStylizer()
    engine = start(stylizer)
    first = hold_with_one_running(engine, stylizer)
    futures = [send(engine, value) for value in (1, 2)]
    futures += [send(engine, 3, shape=(8, 9, 3)), send(engine, 4), send(engine, 5), send(engine, 6)]
    assert (engine.load.waiting, engine.load.running) == (6, 1)
    stylizer.go.set()
    results = [future.result(SECONDS) for future in [first, *futures]]
    assert [int(result[0, 0, 0]) for result in results] == [255, 254, 253, 252, 251, 250, 249]
    assert stylizer.batches == [[0], [1, 2, 4, 5], [3], [6]]


@pytest.mark.parametrize(("most", "batches"), [(1, [[1], [2], [3]]), (2, [[1, 2], [3]])])
def test_a_batch_has_no_more_pictures_than_are_painted_at_once(start, most, batches):
    stylizer = ScriptedStylizer(most_at_once=most)
    engine = start(stylizer)
    hold_with_one_running(engine, stylizer)
    futures = [send(engine, value) for value in (1, 2, 3)]
    stylizer.go.set()
    [future.result(SECONDS) for future in futures]
    assert stylizer.batches == [[0], *batches]


def test_two_models_never_share_a_batch(start):
    one, other = ScriptedStylizer(), ScriptedStylizer()
    engine = start({"model": one, "other": other})
    hold_with_one_running(engine, one)
    futures = [send(engine, 1), send(engine, 2, model="other"), send(engine, 3)]
    one.go.set()
    [future.result(SECONDS) for future in futures]
    assert (one.batches, other.batches) == ([[0], [1, 3]], [[2]])


def test_an_exception_reaches_the_requests_of_its_batch_and_the_engine_goes_on(start):
    stylizer = ScriptedStylizer()
    engine = start(stylizer)
    before = hold_with_one_running(engine, stylizer)
    broken = [send(engine, 1), send(engine, 2)]
    after = send(engine, 3, shape=(9, 9, 3))
    stylizer.script = [lambda pixels: None, raise_(RuntimeError("/secret/path: shape (1, 3)"))]
    stylizer.go.set()
    assert before.result(SECONDS) is not None
    for future in broken:
        problem = future.exception(SECONDS)
        assert isinstance(problem, EngineFailed)
        assert "secret" not in problem.detail
        assert "secret" in problem.private
    assert after.result(SECONDS) is not None
    assert engine.health.ready


def test_a_network_that_gives_nan_is_a_failure(start):
    engine = start(affine_stylizer(("plain", "broken"), beta=[0.0, float("nan")]))
    assert isinstance(send(engine, blend={"broken": 1.0}).exception(SECONDS), EngineFailed)
    assert np.array_equal(send(engine, 7).result(SECONDS), picture(7))


def test_out_of_memory_halves_the_batch_until_it_fits(start):
    stylizer = ScriptedStylizer()
    engine = start(stylizer)
    hold_with_one_running(engine, stylizer)
    futures = [send(engine, value) for value in (1, 2, 3)]
    stylizer.script = [fits(1)] * 6
    stylizer.go.set()
    assert [int(future.result(SECONDS)[0, 0, 0]) for future in futures] == [254, 253, 252]
    assert stylizer.batches == [[0], [1, 2, 3], [1], [2, 3], [2], [3]]


def test_only_the_picture_that_does_not_fit_alone_gets_out_of_memory(start):
    stylizer = ScriptedStylizer()
    engine = start(stylizer)
    hold_with_one_running(engine, stylizer)
    futures = [send(engine, value) for value in (1, 2)]
    stylizer.script = [fits(1), fits(1), fits(0), fits(1)]
    stylizer.go.set()
    problem = futures[0].exception(SECONDS)
    assert isinstance(problem, OutOfMemory)
    assert problem.retry_after_seconds >= 1
    assert int(futures[1].result(SECONDS)[0, 0, 0]) == 253


@pytest.mark.parametrize(
    "error",
    [MemoryError(), RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes")],
)
def test_a_single_picture_out_of_memory_is_tried_once_more(start, error):
    stylizer = ScriptedStylizer()
    engine = start(stylizer)
    stylizer.script = [raise_(error)]
    assert send(engine, 1).result(SECONDS) is not None
    stylizer.script = [raise_(error), raise_(error)]
    assert isinstance(send(engine, 2).exception(SECONDS), OutOfMemory)
    assert stylizer.batches[:4] == [[1], [1], [2], [2]]


def test_three_failing_batches_make_it_unready_with_a_reason_and_a_good_one_ready_again(start):
    stylizer = ScriptedStylizer()
    engine = start(stylizer)
    assert engine.health.ready
    for _ in range(3):
        assert engine.health.reason is None
        stylizer.script = [raise_(ValueError("no"))]
        send(engine).exception(SECONDS)
    health = engine.health
    assert (health.alive, health.ready, health.reason) == (True, False, "The last 3 batches failed.")
    send(engine).result(SECONDS)
    assert engine.health.ready


def test_without_traffic_it_tries_a_small_picture_until_one_is_painted(start, clock):
    stylizer = ScriptedStylizer()
    engine = start(stylizer)
    for _ in range(3):
        stylizer.script = [raise_(ValueError("no"))]
        send(engine).exception(SECONDS)
    tried = len(stylizer.batches)
    stylizer.script = [raise_(ValueError("still"))]
    clock.now += engine_module.PROBE_SECONDS
    wait_until(lambda: "last 4" in (engine.health.reason or ""))
    assert len(stylizer.batches) == tried + 1
    clock.now += engine_module.PROBE_SECONDS
    wait_until(lambda: engine.health.ready)
    assert len(stylizer.batches) == tried + 2


def test_it_tries_the_model_that_failed_and_not_another(start, clock):
    working, broken = ScriptedStylizer(), ScriptedStylizer()
    engine = start({"model": working, "broken": broken})
    for _ in range(3):
        broken.script = [raise_(ValueError("no"))]
        send(engine, model="broken").exception(SECONDS)
    broken.script = [raise_(ValueError("still"))]
    clock.now += engine_module.PROBE_SECONDS
    wait_until(lambda: "last 4" in (engine.health.reason or ""))
    assert working.batches == []


def test_pictures_that_are_too_large_do_not_make_it_unready(start):
    stylizer = ScriptedStylizer()
    engine = start(stylizer)
    for _ in range(4):
        stylizer.script = [fits(0), fits(0)]  # what follows is a small picture of its own, which fits
        assert isinstance(send(engine).exception(SECONDS), OutOfMemory)
    assert engine.health.ready


def test_no_memory_even_for_a_small_picture_makes_it_unready(start):
    stylizer = ScriptedStylizer()
    engine = start(stylizer)
    for _ in range(3):
        stylizer.script = [fits(0)] * 4
        assert isinstance(send(engine).exception(SECONDS), OutOfMemory)
    assert not engine.health.ready


def test_a_ticket_cancelled_before_submission_gives_a_cancelled_future(start):
    stylizer = ScriptedStylizer()
    engine = start(stylizer)
    ticket = engine.admit(5, math.inf)
    engine.cancel(ticket)
    engine.cancel(ticket)
    assert engine.load.queued_megapixels == 0
    assert engine.submit(ticket, engine._stylizers["model"], picture(), PLAIN).cancelled()
    send(engine, 1).result(SECONDS)
    assert stylizer.batches == [[1]]


@pytest.mark.parametrize("by_future", [True, False])
def test_a_client_that_leaves_while_it_waits_is_never_painted_and_nothing_of_it_is_kept(start, by_future):
    stylizer = ScriptedStylizer()
    engine = start(stylizer)
    running = hold_with_one_running(engine, stylizer)
    ticket = engine.admit(5, math.inf)
    pixels = picture(9)
    kept = weakref.ref(pixels)
    future = engine.submit(ticket, engine._stylizers["model"], pixels, PLAIN)
    del pixels
    assert kept() is not None
    assert future.cancel() if by_future else engine.cancel(ticket) is None
    gc.collect()
    assert kept() is None
    with pytest.raises(CancelledError):
        future.result(SECONDS)
    assert engine.load.queued_megapixels == 0.1
    stylizer.go.set()
    running.result(SECONDS)
    send(engine, 1).result(SECONDS)
    assert stylizer.batches == [[0], [1]]


def test_a_client_that_leaves_while_it_is_painted_does_not_disturb_the_batch(start):
    stylizer = ScriptedStylizer()
    engine = start(stylizer)
    future = hold_with_one_running(engine, stylizer)
    assert not future.cancel()
    stylizer.go.set()
    assert future.result(SECONDS) is not None
    assert engine.load.queued_megapixels == 0


def test_an_idle_engine_keeps_no_picture(start):
    engine = start(ScriptedStylizer())
    pixels = picture(1)
    kept = weakref.ref(pixels)
    engine.submit(engine.admit(1, math.inf), engine._stylizers["model"], pixels, PLAIN).result(SECONDS)
    del pixels

    def gone():
        gc.collect()
        return kept() is None

    wait_until(gone)


def test_a_deadline_that_passes_in_the_queue_is_told_and_the_picture_never_painted(start, clock):
    stylizer = ScriptedStylizer()
    engine = start(stylizer)
    running = hold_with_one_running(engine, stylizer)
    late, in_time = send(engine, 1, deadline=clock.now + 5), send(engine, 2, deadline=clock.now + 50)
    clock.now += 5
    stylizer.go.set()
    assert isinstance(late.exception(SECONDS), DeadlineExceeded)
    assert in_time.result(SECONDS) is not None
    assert running.result(SECONDS) is not None
    assert stylizer.batches == [[0], [2]]


def test_overload_is_told_at_admission_with_the_time_to_retry(start):
    stylizer = ScriptedStylizer(speed=0.01)
    engine = start(stylizer, queue_megapixels=0.25)
    hold_with_one_running(engine, stylizer)
    send(engine)
    with pytest.raises(Overloaded) as refused:
        engine.admit(0.1, math.inf)
    assert refused.value.retry_after_seconds == 5  # 0.05 megapixels too many, at 0.01 a second


def test_the_predicted_wait_is_right_from_the_start(start, clock):
    stylizer = ScriptedStylizer(speed=0.5)
    engine = start(stylizer)
    engine.admit(1, math.inf)
    with pytest.raises(Overloaded):
        engine.admit(1, clock.now + 3.9)
    assert engine.admit(1, clock.now + 4)


def test_cold_models_are_warmed_before_the_thread_starts(start):
    stylizer = ScriptedStylizer(speed=None)
    engine = start(stylizer)
    assert engine.load.megapixels_per_second == 1000


def test_a_batch_that_holds_the_engine_too_long_is_not_alive_and_recovers_when_it_ends(start, clock):
    stylizer = ScriptedStylizer()
    engine = start(stylizer, stall_seconds=60)
    future = hold_with_one_running(engine, stylizer)
    clock.now += 60
    assert engine.health.alive
    clock.now += 1
    health = engine.health
    assert (health.alive, health.ready) == (False, False)
    assert health.heartbeat_age_seconds == 61
    assert health.reason == "One batch has held the engine for 61 seconds."
    stylizer.go.set()
    future.result(SECONDS)
    wait_until(lambda: engine.health.ready)


def test_an_idle_engine_stays_alive_however_long_nothing_comes(start, clock):
    engine = start(ScriptedStylizer())
    clock.now += 10_000
    assert engine.health.ready


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_thread_that_dies_is_not_alive_and_leaves_no_future_open(start):
    class Fatal(BaseException):
        pass

    stylizer = ScriptedStylizer()
    engine = start(stylizer)
    stylizer.script = [raise_(Fatal())]
    running = hold_with_one_running(engine, stylizer)
    waiting = send(engine, 1)
    stylizer.go.set()
    assert isinstance(running.exception(SECONDS), EngineFailed)
    assert isinstance(waiting.exception(SECONDS), ModelUnavailable)
    wait_until(lambda: not engine.health.alive)
    assert not engine.health.ready
    with pytest.raises(ModelUnavailable):
        engine.admit(1, math.inf)


def test_a_swap_leaves_what_was_submitted_to_the_old_model_with_it(start):
    old, new = ScriptedStylizer(), ScriptedStylizer()
    engine = start(old)
    running = hold_with_one_running(engine, old)
    waiting = send(engine, 1)
    engine.swap({"model": new})
    after = send(engine, 2)
    old.go.set()
    for future in (running, waiting, after):
        assert future.result(SECONDS) is not None
    assert (old.batches, new.batches) == ([[0], [1]], [[2]])


def test_swaps_under_load_lose_no_request(start):
    engine = start(ScriptedStylizer(), clock=time.monotonic)
    done = threading.Event()

    def swap_on():
        while not done.is_set():
            engine.swap({"model": ScriptedStylizer()})

    swapping = threading.Thread(target=swap_on)
    swapping.start()
    try:
        futures = [send(engine, value % 256) for value in range(300)]
        values = [int(future.result(SECONDS)[0, 0, 0]) for future in futures]
    finally:
        done.set()
        swapping.join()
    assert values == [255 - value % 256 for value in range(300)]


def test_an_engine_without_a_model_says_so_and_takes_requests_after_a_swap(start):
    engine = start({})
    health = engine.health
    assert (health.alive, health.ready, health.reason) == (True, False, "No model is loaded.")
    with pytest.raises(ModelUnavailable):
        engine.admit(1, math.inf)
    engine.swap({"model": ScriptedStylizer()})
    assert engine.health.ready
    assert send(engine).result(SECONDS) is not None


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        ({"blend": {"missing": 1.0}}, UnknownStyle),
        ({"blend": {"plain": 0.5}}, InvalidOption),
        ({"shape": (8, 8, 4)}, ValueError),
        ({"shape": (8, 8)}, ValueError),
        ({"shape": (0, 8, 3)}, ValueError),
    ],
)
def test_what_cannot_be_painted_is_refused_at_submission_and_frees_its_room(start, wrong, error):
    stylizer = ScriptedStylizer()
    engine = start(stylizer)
    with pytest.raises(error):
        send(engine, **wrong)
    assert engine.load.queued_megapixels == 0
    assert stylizer.batches == []


def test_stop_paints_what_waits(start):
    stylizer = ScriptedStylizer()
    engine = start(stylizer)
    running = hold_with_one_running(engine, stylizer)
    waiting = [send(engine, value) for value in range(10)]
    stopping = threading.Thread(target=engine.stop, args=(SECONDS,))
    stopping.start()
    wait_until(lambda: engine.health.reason == "The engine is stopping.")
    assert engine.health.alive
    with pytest.raises(ModelUnavailable):
        engine.admit(1, math.inf)
    stylizer.go.set()
    stopping.join(SECONDS)
    assert all(future.done() and future.exception() is None for future in [running, *waiting])
    assert not engine.health.alive
    engine.stop(0)


def test_stop_fails_what_waits_when_the_time_is_over(start):
    stylizer = ScriptedStylizer()
    engine = start(stylizer)
    running = hold_with_one_running(engine, stylizer)
    waiting = send(engine, 1)
    engine.stop(0)
    assert isinstance(waiting.exception(0), ModelUnavailable)
    stylizer.go.set()
    assert running.result(SECONDS) is not None


def test_an_engine_that_was_never_started_takes_nothing_and_can_be_stopped(clock):
    engine = Engine({"model": ScriptedStylizer()}, queue_megapixels=1, batch_pictures=1, stall_seconds=1, clock=clock)
    assert not engine.health.alive
    with pytest.raises(ModelUnavailable):
        engine.admit(1, math.inf)
    engine.stop(0)


def test_many_clients_at_once_get_their_own_pictures_and_leave_nothing_behind(start):
    """Mixed sizes and styles, with failures, and with clients that leave, from eight threads."""
    styles = ("plain", "light")
    stylizer = affine_stylizer(styles, gamma=[1.0, 0.0], beta=[0.0, 200 / 255])
    engine = start(stylizer, clock=time.monotonic)

    def client(number):
        random_ = random.Random(number)
        for _ in range(25):
            value, style = random_.randrange(256), random_.choice(styles)
            shape = (random_.choice((4, 5)), random_.choice((4, 5)), 3)
            ticket = engine.admit(0.01, time.monotonic() + SECONDS)
            if random_.random() < 0.1:
                engine.cancel(ticket)
            future = engine.submit(ticket, stylizer, picture(value, shape), {style: 1.0})
            if random_.random() < 0.1:
                future.cancel()
            if not future.cancelled():
                expected = picture(value if style == "plain" else 200, shape)
                assert np.array_equal(future.result(SECONDS), expected)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(client, range(8)))
    load = engine.load
    assert (load.queued_megapixels, load.waiting, load.running) == (0, 0, 0)
    assert load.megapixels_per_second > 0


def test_the_first_model_is_warm_from_the_start_and_the_others_while_it_works(start):
    stylizers = {"first": ScriptedStylizer(speed=None), "second": ScriptedStylizer(speed=None)}
    engine = start(stylizers)
    assert [each.megapixels_per_second is None for each in stylizers.values()] == [False, True]
    assert send(engine, 7, model="first").result(SECONDS)[0, 0, 0] == 248
    engine.warm_others(lambda: True)
    assert stylizers["second"].megapixels_per_second is None
    engine.warm_others(lambda: False)
    assert stylizers["second"].megapixels_per_second == 1000.0


def test_the_passes_over_a_picture_are_one_batch_in_their_styles(start):
    stylizer = ScriptedStylizer()
    engine = start({"model": stylizer})
    styles = [{"plain": 1.0}, {"plain": 1.0}, {"plain": 1.0}]
    tickets = engine.admit_passes(3, 0.1, math.inf)
    futures = engine.submit_passes(tickets, stylizer, picture(5), styles)
    assert [future.result(SECONDS)[0, 0, 0] for future in futures] == [send(engine, 5).result(SECONDS)[0, 0, 0]] * 3
    assert [len(batch) for batch in stylizer.batches] == [3, 1]
    assert engine.load.queued_megapixels == 0
