"""A worker gets jobs of the kinds that it can do, however they come to it."""


def test_a_job_of_another_kind_is_not_claimed(desk) -> None:
    job = desk.create(kind="training")
    assert desk.leases.claim(job.id, "painter", ["gatys", "stylize"]) is None
    assert desk.now(job).status == "queued"
    claimed = desk.leases.claim(job.id, "trainer", ["training"])
    assert claimed is not None
    assert claimed.owner == "trainer"


def test_jobs_of_other_kinds_do_not_wait_for_a_worker(desk) -> None:
    training, painting = desk.create(kind="training", priority=5), desk.create(kind="gatys")
    assert [job.id for job in desk.ledger.waiting(10)] == [training.id, painting.id]
    assert [job.id for job in desk.ledger.waiting(10, ["gatys", "stylize"])] == [painting.id]
    assert desk.ledger.waiting(10, []) == []


def test_a_sweep_sends_messages_for_its_own_kinds(desk) -> None:
    training, painting = desk.create(kind="training"), desk.create(kind="gatys")
    for job in (training, painting):
        desk.set(job, dispatched_at=job.dispatched_at - 60_000)
    assert [job.id for job in desk.reaper.undispatched(0, 2, ["gatys"])] == [painting.id]
    # A queue that has a message for each of its own jobs has all it should.
    assert desk.reaper.undispatched(1, 0, ["training"]) == []
    assert [job.id for job in desk.reaper.undispatched(0, 2)] == [training.id]
