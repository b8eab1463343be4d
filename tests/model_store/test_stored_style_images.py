"""Style images in the database: bounded, expiring, and read once for each generator."""

from __future__ import annotations

import pytest
from sqlalchemy import update

from app.errors import TooManyStyleImages
from app.jobs.job import NewJob, new_job_id
from app.jobs.leases import Leases
from app.jobs.ledger import Ledger, Quota
from app.model_store.style_images import Keeping, Reading, StyleImages
from app.sql.schema import style_images, style_readings

ROOMY = Keeping(most=100, most_each=10, seconds=60)
ANNA, BERT = "key-anna", "key-bert"
ONE, TWO, THREE = ("1" * 32, "2" * 32, "3" * 32)
READING = Reading("g" * 64, "encoder@1", b"code", b"row")


@pytest.fixture
def database(open_database):
    return open_database()


@pytest.fixture
def images(database):
    return StyleImages(database)


def keep(images, hash=ONE, principal=ANNA, keeping=ROOMY):
    return images.keep(principal, hash, b"jpeg", (30, 20), keeping)


def expire(database, hash=ONE):
    with database.write() as connection:
        connection.execute(update(style_images).where(style_images.c.hash == hash).values(expires_at=1))


def test_an_image_is_kept_once_and_longer_each_time(images):
    assert keep(images)
    first = images.get(ANNA, ONE, READING.generator)
    assert (first.handle, first.width, first.height, first.reading, first.stage) == (
        f"style:{ONE}",
        30,
        20,
        None,
        "encoded",
    )
    assert not keep(images, keeping=Keeping(100, 10, 600))
    again = images.get(ANNA, ONE, READING.generator)
    assert (again.created_at, again.expires_at > first.expires_at) == (first.created_at, True)
    images.renew(ANNA, ONE, Keeping(100, 10, 6000))
    assert images.get(ANNA, ONE, READING.generator).expires_at > again.expires_at


def test_each_principal_has_images_of_their_own(images):
    keep(images)
    keep(images, TWO, BERT)
    assert [image.hash for image in images.all(ANNA, "g")] == [ONE]
    assert images.picture(BERT, ONE) is None
    assert images.found(BERT, [ONE, TWO], "g") == {TWO: None}
    assert not images.delete(BERT, ONE)
    assert images.delete(ANNA, ONE)
    assert images.picture(ANNA, ONE) is None


def test_there_are_bounds_for_each_and_for_all(images, database):
    bounds = Keeping(most=3, most_each=2, seconds=60)
    keep(images, ONE, keeping=bounds)
    keep(images, TWO, keeping=bounds)
    with pytest.raises(TooManyStyleImages, match="You have 2"):
        keep(images, THREE, keeping=bounds)
    keep(images, ONE, BERT, keeping=bounds)
    with pytest.raises(TooManyStyleImages, match="in all"):
        keep(images, TWO, BERT, keeping=bounds)
    expire(database, TWO)
    assert keep(images, THREE, keeping=bounds)  # what has expired takes no room


def test_what_has_expired_is_gone_before_it_is_deleted(images, database):
    keep(images)
    keep(images, TWO)
    images.read(ANNA, ONE, READING)
    expire(database)
    assert images.get(ANNA, ONE, "g") is None
    assert images.picture(ANNA, ONE) is None
    assert images.found(ANNA, [ONE], "g") == {}
    assert [image.hash for image in images.all(ANNA, "g")] == [TWO]
    assert not images.delete(ANNA, ONE)
    assert images.forget_expired() == 1
    assert images.forget_expired() == 0
    with database.read() as connection:
        assert connection.execute(style_readings.select()).all() == []


def test_a_reading_is_of_one_generator_and_replaced_by_another_encoders(images):
    keep(images)
    images.read(ANNA, ONE, READING)
    assert images.found(ANNA, [ONE], READING.generator) == {ONE: READING}
    assert images.found(ANNA, [ONE], "h" * 64) == {ONE: None}
    newer = Reading(READING.generator, "encoder@2", b"other code", b"other row")
    images.read(ANNA, ONE, newer)
    assert images.found(ANNA, [ONE], READING.generator) == {ONE: newer}


def test_nothing_is_read_for_an_image_that_is_gone(images):
    images.read(ANNA, ONE, READING)
    keep(images)
    assert images.get(ANNA, ONE, READING.generator).reading is None


def test_a_job_refines_a_row_and_says_that_it_is_at_it(images, database):
    keep(images)
    images.read(ANNA, ONE, READING)
    ledger = Ledger(database, expiry_seconds=60)
    job, _ = ledger.create(NewJob(id=new_job_id(), kind="refinement", params={}), Quota(10, 10))
    images.refining(ANNA, ONE, READING.generator, job.id)
    assert images.get(ANNA, ONE, READING.generator).stage == "refining"
    assert images.refine(ANNA, ONE, READING.generator, job.id, b"better")
    leases = Leases(database, lease_seconds=60, retry_seconds=60, expiry_seconds=60)
    leases.finish(leases.claim(job.id, "anna"), "key", "image/jpeg", {})
    refined = images.get(ANNA, ONE, READING.generator)
    assert (refined.stage, refined.reading.row, refined.reading.code) == ("refined", b"better", b"code")
    # Neither an encoder nor a job of before undoes it.
    images.read(ANNA, ONE, Reading(READING.generator, "encoder@2", b"other code", b"other row"))
    assert not images.refine(ANNA, ONE, READING.generator, new_job_id(), b"worse")
    assert images.get(ANNA, ONE, READING.generator).reading.row == b"better"


def test_an_image_that_was_deleted_meanwhile_is_not_refined(images):
    keep(images)
    images.read(ANNA, ONE, READING)
    images.refining(ANNA, ONE, READING.generator, "job")
    images.delete(ANNA, ONE)
    assert not images.refine(ANNA, ONE, READING.generator, "job", b"better")
