"""Workers are counted by what they say of themselves, and one that says nothing any more is not."""

from __future__ import annotations

from sqlalchemy import update

from app.jobs.presence import Presence, alive
from app.jobs.statistics import measure
from app.sql.schema import now_ms, workers


def presence(desk, name: str, kinds: tuple[str, ...], faults: int = 0) -> Presence:
    told = Presence(desk.database, name, kinds, lambda: faults)
    told.tell()
    return told


def test_workers_are_counted_by_kind_with_the_faults_they_survived(desk) -> None:
    assert alive(desk.database) == ({}, 0)
    presence(desk, "anna", ("gatys", "stylize"), faults=2)
    presence(desk, "bert", ("training",), faults=1)
    presence(desk, "bert", ("training",), faults=3)
    assert alive(desk.database) == ({"gatys": 1, "stylize": 1, "training": 1}, 5)
    assert measure(desk.database).workers == {"gatys": 1, "stylize": 1, "training": 1}


def test_one_that_stopped_or_fell_silent_is_not_counted(desk) -> None:
    stopped = presence(desk, "anna", ("gatys",))
    presence(desk, "bert", ("gatys",))
    stopped.leave()
    assert alive(desk.database)[0] == {"gatys": 1}
    with desk.database.write() as connection:
        connection.execute(update(workers).values(seen_at=now_ms() - 11_000))
    assert alive(desk.database)[0] == {}
