"""The scheduler, driven by a clock that the tests turn by hand."""

import math

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from app.engine.scheduler import MIN_PIXELS, Scheduler
from app.errors import DeadlineExceeded, Overloaded

NEVER = math.inf


def make(queue_megapixels=10.0, batch_pictures=4, speed=None, **options):
    scheduler = Scheduler(queue_megapixels=queue_megapixels, batch_pictures=batch_pictures, **options)
    if speed:
        scheduler.seed(speed)
    return scheduler


def queue(scheduler, *names, key="key", megapixels=1.0, deadline=NEVER, most=None):
    tickets = []
    for name in names:
        tickets.append(scheduler.admit(0, megapixels, deadline))
        assert scheduler.submit(tickets[-1], key, name, most)
    return tickets


def payloads(batch):
    return [job.payload for job in batch.jobs]


def test_a_batch_takes_the_oldest_and_those_of_its_key_in_order():
    scheduler = make()
    queue(scheduler, "a1", key="a")
    queue(scheduler, "b1", key="b")
    queue(scheduler, "a2", "a3", key="a")
    first = scheduler.next_batch(0)
    assert payloads(first) == ["a1", "a2", "a3"]
    scheduler.finish(first, 1)
    assert payloads(scheduler.next_batch(0)) == ["b1"]


def test_a_batch_ends_at_its_number_of_pictures():
    scheduler = make(batch_pictures=2)
    queue(scheduler, 1, 2, 3)
    first = scheduler.next_batch(0)
    assert payloads(first) == [1, 2]
    scheduler.finish(first, 1)
    assert payloads(scheduler.next_batch(0)) == [3]


def test_a_batch_ends_at_the_number_that_its_first_picture_allows():
    scheduler = make(batch_pictures=3)
    queue(scheduler, 1, 2, 3, most=2)
    queue(scheduler, 4, 5, 6, 7, most=9)
    sizes = []
    while batch := scheduler.next_batch(0):
        sizes.append(payloads(batch))
        scheduler.finish(batch, 1)
    assert sizes == [[1, 2], [3, 4], [5, 6, 7]]


def test_a_batch_ends_at_its_megapixels_but_one_picture_may_be_larger():
    scheduler = make(batch_megapixels=2.5)
    queue(scheduler, 1, 2, 3)
    first = scheduler.next_batch(0)
    assert payloads(first) == [1, 2]
    scheduler.finish(first, 1)
    scheduler.finish(scheduler.next_batch(0), 1)
    queue(scheduler, "large", megapixels=5)
    assert payloads(scheduler.next_batch(0)) == ["large"]


def test_order_is_that_of_submission_not_of_admission():
    scheduler = make()
    early, late = scheduler.admit(0, 1, NEVER), scheduler.admit(0, 1, NEVER)
    scheduler.submit(late, "key", "decoded first")
    scheduler.submit(early, "key", "decoded second")
    assert payloads(scheduler.next_batch(0)) == ["decoded first", "decoded second"]


def test_the_bound_counts_what_is_decoded_waits_and_runs():
    scheduler = make(queue_megapixels=3)
    queue(scheduler, "runs")
    batch = scheduler.next_batch(0)
    queue(scheduler, "waits")
    decoding = scheduler.admit(0, 1, NEVER)
    assert scheduler.queued_megapixels == 3
    with pytest.raises(Overloaded):
        scheduler.admit(0, 1, NEVER)
    scheduler.finish(batch, 1)
    assert scheduler.admit(0, 1, NEVER)
    scheduler.cancel(decoding)
    assert scheduler.admit(0, 1, NEVER)


def test_a_picture_larger_than_the_bound_gets_an_empty_queue_only():
    scheduler = make(queue_megapixels=3, speed=2)
    small = scheduler.admit(0, 1, NEVER)
    with pytest.raises(Overloaded) as refused:
        scheduler.admit(0, 5, NEVER)
    assert refused.value.retry_after_seconds == 1
    scheduler.cancel(small)
    assert scheduler.admit(0, 5, NEVER).megapixels == 5


def backlog(scheduler, live, megapixels):
    """Always one more of a kind: the newest ticket, submitted."""
    ticket = scheduler.admit(0, megapixels, NEVER, live=live)
    scheduler.submit(ticket, ("live", "picture")[live], live)


@pytest.mark.parametrize("share", [0, 0.25, 0.5, 0.9])
@pytest.mark.parametrize(("picture", "frame"), [(0.26, 0.11), (1.0, 0.11), (0.11, 0.26)])
def test_while_pictures_wait_live_has_its_share_and_no_more(share, picture, frame):
    scheduler = make(queue_megapixels=1000, batch_pictures=1, live_share=share)
    painted = {False: 0.0, True: 0.0}
    for live, megapixels in ((False, picture), (True, frame)):
        for _ in range(3):
            backlog(scheduler, live, megapixels)
    for _ in range(400):
        batch = scheduler.next_batch(0)
        painted[batch.live] += batch.pixels / 1e6
        scheduler.finish(batch, 1)
        backlog(scheduler, batch.live, frame if batch.live else picture)
    # To within what may be saved up, and one frame.
    assert painted[True] == pytest.approx(share * sum(painted.values()), abs=1)


def test_while_no_picture_waits_live_has_the_whole_engine_and_owes_nothing():
    scheduler = make(batch_pictures=1, live_share=0.5)
    for _ in range(50):
        backlog(scheduler, True, 1)
        scheduler.finish(scheduler.next_batch(0), 1)
    backlog(scheduler, True, 0.1)
    backlog(scheduler, False, 0.1)
    order = []
    while batch := scheduler.next_batch(0):
        order.append(batch.live)
        scheduler.finish(batch, 1)
    assert order == [False, True]
    assert scheduler.queued_megapixels == 0


def test_a_batch_is_of_one_kind():
    scheduler = make(live_share=0.5)
    for live in (False, True, False, True):
        scheduler.submit(scheduler.admit(0, 1, NEVER, live=live), "key", live)
    sizes = []
    while batch := scheduler.next_batch(0):
        sizes.append(payloads(batch))
        scheduler.finish(batch, 1)
    assert sizes == [[False, False], [True, True]]


def test_a_full_queue_of_pictures_keeps_no_frame_out_and_frames_fill_no_queue():
    scheduler = make(queue_megapixels=1, live_share=0.5)
    queue(scheduler, "picture")
    with pytest.raises(Overloaded):
        scheduler.admit(0, 0.1, NEVER)
    frame = scheduler.admit(0, 1, NEVER, live=True)
    assert scheduler.queued_megapixels == 2
    scheduler.cancel(frame)
    scheduler.finish(scheduler.next_batch(0), 1)
    scheduler.admit(0, 1, NEVER, live=True)
    assert scheduler.admit(0, 1, NEVER)


def test_beside_live_a_picture_is_predicted_to_take_longer():
    scheduler = make(speed=1, live_share=0.5)
    queue(scheduler, "picture")
    assert scheduler.admit(0, 1, 3)
    scheduler.admit(0, 0.1, NEVER, live=True)
    # 3 MP at half of 1 MP/s.
    with pytest.raises(Overloaded) as refused:
        scheduler.admit(0, 1, 4)
    assert refused.value.retry_after_seconds == 2


def test_what_is_left_of_a_running_frame_comes_before_a_picture():
    scheduler = make(speed=1, live_share=0)
    backlog(scheduler, True, 4)
    scheduler.next_batch(0)
    scheduler.admit(0, 1, NEVER)
    # At 1: 3 s of the frame, and two pictures.
    with pytest.raises(Overloaded) as refused:
        scheduler.admit(1, 1, 4)
    assert refused.value.retry_after_seconds == 2


def test_small_pictures_count_for_the_least():
    scheduler = make()
    scheduler.admit(0, 1e-6, NEVER)
    assert scheduler.queued_megapixels == MIN_PIXELS / 1e6


def test_a_predicted_wait_past_the_deadline_is_refused_with_the_excess_as_retry_after():
    scheduler = make(speed=0.5)
    queue(scheduler, 1, 2, 3)
    # 3 MP ahead and 1 MP of its own, at 0.5 MP/s: 8 seconds.
    with pytest.raises(Overloaded) as refused:
        scheduler.admit(100, 1, 105.5)
    assert refused.value.retry_after_seconds == 3  # 2.5, rounded up
    assert scheduler.admit(100, 1, 108)


def test_a_prediction_can_be_asked_to_leave_time_to_spare():
    scheduler = make(speed=0.5)
    queue(scheduler, 1, 2, 3)
    with pytest.raises(Overloaded) as refused:
        scheduler.admit(100, 1, 110, spare=3)
    assert refused.value.retry_after_seconds == 1
    ticket = scheduler.admit(100, 1, 111, spare=3)
    assert ticket.deadline == 111
    # The first in an empty queue is taken whatever is predicted for it.
    assert make(speed=0.5).admit(100, 1, 101, spare=3)


def test_time_that_the_running_batch_has_had_shortens_the_predicted_wait():
    scheduler = make(speed=0.5, batch_pictures=1)
    queue(scheduler, 1, 2)
    scheduler.next_batch(10)
    # 4 seconds of the 6 for three pictures are left when the running one is done, which takes 2 at most.
    with pytest.raises(Overloaded):
        scheduler.admit(10, 1, 15.9)
    assert scheduler.admit(11, 1, 16)
    with pytest.raises(Overloaded):
        scheduler.admit(99, 1, 99 + 5.9)


def test_retry_after_of_a_full_queue_is_the_time_until_the_picture_fits():
    scheduler = make(queue_megapixels=10, speed=0.5)
    queue(scheduler, *range(10))
    with pytest.raises(Overloaded) as refused:
        scheduler.admit(0, 3, NEVER)
    assert refused.value.retry_after_seconds == 6


def test_retry_after_is_one_second_at_least_even_without_a_measurement():
    scheduler = make(queue_megapixels=1)
    queue(scheduler, 1)
    with pytest.raises(Overloaded) as refused:
        scheduler.admit(0, 1, NEVER)
    assert refused.value.retry_after_seconds == 1


def test_an_empty_queue_admits_what_looks_too_slow_so_that_the_estimate_can_recover():
    scheduler = make(speed=0.001)
    ticket = scheduler.admit(0, 1, 30)
    scheduler.submit(ticket, "key", "picture")
    batch = scheduler.next_batch(0)
    scheduler.finish(batch, 0.1)
    assert scheduler.megapixels_per_second > 0.9


def test_a_deadline_that_is_past_is_not_admitted():
    with pytest.raises(DeadlineExceeded):
        make().admit(10, 1, 10)


def test_the_speed_is_a_decaying_ratio_of_pixels_to_seconds_and_failures_do_not_count():
    scheduler = make()
    assert scheduler.megapixels_per_second is None
    scheduler.seed(2)
    assert scheduler.megapixels_per_second == 2
    for seconds in (1, None):
        queue(scheduler, "picture", megapixels=4)
        scheduler.finish(scheduler.next_batch(0), seconds)
        assert scheduler.megapixels_per_second == pytest.approx((0.8 * 2 + 4) / (0.8 * 1 + 1))
    scheduler.seed(100)
    assert scheduler.megapixels_per_second < 4


def test_what_is_past_its_deadline_is_reported_once_and_never_runs():
    scheduler = make()
    queue(scheduler, "late", deadline=5)
    queue(scheduler, "in time", deadline=6)
    assert scheduler.expire(4.9) == []
    assert payloads(scheduler.next_batch(5)) == ["in time"]
    assert scheduler.expire(5) == ["late"]
    assert scheduler.expire(5) == []
    assert scheduler.queued_megapixels == 1


def test_only_dead_pictures_make_no_batch():
    scheduler = make()
    queue(scheduler, 1, 2, deadline=5)
    assert scheduler.next_batch(5) is None


def test_cancel_frees_the_room_at_every_stage_and_may_come_twice():
    scheduler = make()
    decoding = scheduler.admit(0, 1, NEVER)
    assert [scheduler.cancel(decoding), scheduler.cancel(decoding)] == [None, None]
    assert scheduler.submit(decoding, "key", "picture") is False
    [waiting] = queue(scheduler, "picture")
    assert [scheduler.cancel(waiting), scheduler.cancel(waiting)] == ["picture", None]
    assert scheduler.queued_megapixels == 0
    assert scheduler.next_batch(0) is None
    [running] = queue(scheduler, "picture")
    batch = scheduler.next_batch(0)
    assert scheduler.cancel(running) is None
    assert scheduler.queued_megapixels == 1
    scheduler.finish(batch, 1)
    scheduler.cancel(running)
    assert scheduler.queued_megapixels == 0


def test_one_batch_runs_at_a_time():
    scheduler = make(batch_pictures=1)
    queue(scheduler, 1, 2)
    batch = scheduler.next_batch(0)
    with pytest.raises(ValueError, match="not been finished"):
        scheduler.next_batch(0)
    scheduler.finish(batch, 1)
    with pytest.raises(ValueError, match="not running"):
        scheduler.finish(batch, 1)


class Clients(RuleBasedStateMachine):
    """Clients that come, decode, leave and wait in any order; `model` is what a careful bookkeeper would hold."""

    BOUND, LIMIT = 8.0, 3

    def __init__(self):
        super().__init__()
        self.scheduler = make(self.BOUND, self.LIMIT, speed=1.0)
        self.now = 0.0
        self.live = {}  # ticket -> "decoding", "waiting" or "running"
        self.order = []  # (ticket, key) as submitted and still waiting
        self.ended = []
        self.batch = None

    def end(self, ticket):
        del self.live[ticket]
        self.ended.append(ticket)
        self.order = [entry for entry in self.order if entry[0] is not ticket]

    def tickets(self, stage):
        return [ticket for ticket, at in self.live.items() if at == stage]

    @rule(megapixels=st.floats(0.001, 12), patience=st.floats(0.1, 30))
    def admit(self, megapixels, patience):
        queued = self.scheduler.queued_megapixels
        refusal = None
        try:
            self.live[self.scheduler.admit(self.now, megapixels, self.now + patience)] = "decoding"
        except Overloaded as error:
            refusal = error
        if refusal is None:
            assert len(self.live) == 1 or self.scheduler.queued_megapixels <= self.BOUND
        else:
            assert self.live
            assert isinstance(refusal.retry_after_seconds, int)
            assert refusal.retry_after_seconds >= 1
            assert self.scheduler.queued_megapixels == queued

    @precondition(lambda self: self.tickets("decoding"))
    @rule(data=st.data(), key=st.sampled_from("ab"))
    def submit(self, data, key):
        ticket = data.draw(st.sampled_from(self.tickets("decoding")))
        assert self.scheduler.submit(ticket, key, ticket)
        self.live[ticket] = "waiting"
        self.order.append((ticket, key))

    @precondition(lambda self: self.live or self.ended)
    @rule(data=st.data())
    def cancel(self, data):
        ticket = data.draw(st.sampled_from([*self.live, *self.ended]))
        given_back = self.scheduler.cancel(ticket)
        assert given_back is (ticket if self.live.get(ticket) == "waiting" else None)
        if self.live.get(ticket) in ("decoding", "waiting"):
            self.end(ticket)

    @rule(seconds=st.floats(0, 10))
    def wait(self, seconds):
        self.now += seconds

    @rule()
    def expire(self):
        late = [ticket for ticket, _ in self.order if ticket.deadline <= self.now]
        assert self.scheduler.expire(self.now) == late
        for ticket in late:
            self.end(ticket)

    @precondition(lambda self: self.batch is None)
    @rule()
    def begin(self):
        in_time = [entry for entry in self.order if entry[0].deadline > self.now]
        self.batch = self.scheduler.next_batch(self.now)
        if not in_time:
            assert self.batch is None
            return
        same_key = [ticket for ticket, key in in_time if key == in_time[0][1]]
        taken = payloads(self.batch)
        assert taken == same_key[: len(taken)]
        assert 1 <= len(taken) <= self.LIMIT
        for ticket in taken:
            self.live[ticket] = "running"
        self.order = [entry for entry in self.order if entry[0] not in taken]

    @precondition(lambda self: self.batch is not None)
    @rule(seconds=st.none() | st.floats(0, 10))
    def finish(self, seconds):
        self.scheduler.finish(self.batch, seconds)
        for ticket in payloads(self.batch):
            self.end(ticket)
        self.batch = None

    @invariant()
    def books_agree(self):
        scheduler = self.scheduler
        assert scheduler.queued_megapixels == sum(ticket.pixels for ticket in self.live) / 1e6
        assert scheduler.waiting == len(self.tickets("waiting")) == len(self.order)
        assert scheduler.running == len(self.tickets("running"))
        assert len(self.ended) == len(set(self.ended))
        assert scheduler.megapixels_per_second > 0

    def teardown(self):
        """Once everyone has gone nothing is left."""
        if self.batch is not None:
            self.scheduler.finish(self.batch, None)
        self.scheduler.drain()
        for ticket in self.live:
            self.scheduler.cancel(ticket)
        assert self.scheduler.queued_megapixels == 0


TestClients = Clients.TestCase
TestClients.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)


def test_passes_are_admitted_together_or_not_at_all():
    scheduler = make(10, speed=1)
    scheduler.admit(0, 1, NEVER)
    with pytest.raises(Overloaded) as caught:
        scheduler.admit_passes(0, 5, 2, NEVER)
    assert caught.value.retry_after_seconds == 1
    with pytest.raises(Overloaded):
        scheduler.admit_passes(0, 4, 2, 8.5)
    assert scheduler.queued_megapixels == 1
    tickets = scheduler.admit_passes(0, 4, 2, NEVER)
    assert [ticket.megapixels for ticket in tickets] == [2, 2, 2, 2]
    assert scheduler.queued_megapixels == 9
    for ticket in tickets:
        assert scheduler.submit(ticket, "key", ticket)
    scheduler.cancel(tickets[1])
    assert scheduler.queued_megapixels == 7


def test_an_empty_queue_takes_any_number_of_passes():
    assert len(make(10).admit_passes(0, 9, 5, NEVER)) == 9
