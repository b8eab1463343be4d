"""Principals take turns within a priority, and no place in the queue is a promise that is not kept."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from sqlalchemy import event

from app.jobs.job import Job


def claimed(desk, **given) -> Job | None:
    return desk.leases.claim_next("anna", **given)


def order(desk, jobs: dict[str, Job], *, finish: bool) -> str:
    """Names of the jobs in the order in which they are claimed."""
    names = {job.id: name for name, job in jobs.items()}
    said = ""
    while (job := claimed(desk)) is not None:
        said += names[job.id]
        if finish:
            desk.leases.finish(job, "k", "image/png", {})
    return said


def test_a_job_behind_many_of_another_principal_is_second(desk) -> None:
    jobs = {name: desk.create(principal="anna") for name in "1234"}
    jobs |= {name: desk.create(principal="bert") for name in "56"}
    assert [desk.ledger.queue_positions([job.id])[job.id] for job in jobs.values()] == [1, 3, 5, 6, 2, 4]
    assert order(desk, jobs, finish=False) == "152634"


def test_one_worker_serves_the_principals_in_turn(desk) -> None:
    jobs = {name: desk.create(principal="anna") for name in "123"} | {"4": desk.create(principal="bert")}
    assert order(desk, jobs, finish=True) == "1423"


def test_who_has_fewer_running_is_next(desk) -> None:
    for _ in range(2):
        desk.create(principal="anna")
        claimed(desk)
    jobs = {"1": desk.create(principal="anna"), "2": desk.create(principal="bert"), "3": desk.create(principal="bert")}
    assert order(desk, jobs, finish=False) == "231"


def test_priority_comes_before_turns(desk) -> None:
    jobs = {"1": desk.create(principal="anna"), "2": desk.create(principal="bert", priority=1)}
    jobs["3"] = desk.create(principal="bert", priority=1)
    assert order(desk, jobs, finish=True) == "231"


def test_jobs_that_wait_for_their_next_attempt_or_are_of_other_kinds_are_passed_over(desk) -> None:
    later = desk.create()
    desk.set(later, available_at=later.created_at + 3_600_000)
    other, mine = desk.create(kind="training"), desk.create()
    job = claimed(desk, kinds=["count"])
    assert (job.id, job.attempt, job.owner) == (mine.id, 1, "anna")
    assert claimed(desk, kinds=["count"]) is None
    assert claimed(desk).id == other.id


def test_many_that_claim_at_once_share_as_one_after_the_other(desk) -> None:
    for principal in ("anna", "anna", "anna", "anna", "bert", "carl"):
        desk.create(principal=principal)
    with ThreadPoolExecutor(3) as threads:
        jobs = list(threads.map(lambda _: claimed(desk), range(3)))
    assert sorted(job.principal for job in jobs) == ["anna", "bert", "carl"]


def test_a_listing_has_every_place_with_one_query(desk) -> None:
    for principal in ("anna", "anna", "bert"):
        desk.create(principal=principal)
    asked = []

    def note(_connection, _cursor, statement, *_) -> None:
        if statement.lstrip().startswith("SELECT"):
            asked.append(statement)

    event.listen(desk.database.engine, "before_cursor_execute", note)
    try:
        found = desk.ledger.listing(principal=None, status=None, before=None, limit=10)
    finally:
        event.remove(desk.database.engine, "before_cursor_execute", note)
    assert [(job.principal, place) for job, place in found] == [("bert", 2), ("anna", 3), ("anna", 1)]
    assert len(asked) == 1
