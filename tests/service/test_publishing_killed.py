"""A publication that is killed leaves the old version or the new one, whole, and may be done again."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from publishing import MOMENTS

from app.errors import NotFound
from app.model_store.store import ModelStore, NotReserved
from app.model_store.version import VersionStatus
from app.sql.database import Database
from app.sql.migration import migrate
from app.storage.folder import Folder

PUBLISHING = Path(__file__).with_name("publishing.py")
# Killed after its row was written, a version is there.
WHOLE = {"committed", "never"}


@pytest.fixture(scope="module")
def database(tmp_path_factory):
    database = Database(f"sqlite:///{tmp_path_factory.mktemp('publishing') / 'jobs.sqlite'}")
    migrate(database)
    yield database
    database.close()


@pytest.fixture(scope="module")
def killed(database, models_dir, make_version, tmp_path_factory):
    """By the moment: the version that was being published, its folder, and how its process ended."""
    folder = tmp_path_factory.mktemp("killed")
    model_store = ModelStore(database, Folder(folder / "blobs"), models_dir, folder / "here")
    paths = {"database": database.url, "blobs": f"{folder}/blobs", "shipped": str(models_dir), "cache": str(folder)}
    given = {}
    for moment in MOMENTS:
        version = model_store.reserve("compact")
        made = make_version(folder / moment, "compact", version, seed=version)
        given[moment] = {**paths, "version": version, "made": str(made)}
    done = subprocess.run(
        [sys.executable, str(PUBLISHING), json.dumps(given)],
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    ended = json.loads(done.stdout.splitlines()[-1])
    return model_store, {
        moment: (given[moment]["version"], Path(given[moment]["made"]), ended[moment]) for moment in given
    }


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_killed_publication_leaves_all_of_the_version_or_none_and_can_be_done_again(killed, moment):
    model_store, publications = killed
    version, made, ended = publications[moment]
    assert ended == (0 if moment == "never" else -signal.SIGKILL)
    label = f"compact@{version}"
    if moment in WHOLE:
        assert model_store.load(label).manifest.label == label
        with pytest.raises(NotReserved):
            model_store.publish("compact", version, made, status=VersionStatus.READY, by="again")
    else:
        assert label not in [state.label for state in model_store.versions("compact")]
        with pytest.raises(NotFound):
            model_store.activate("compact", version, by="test", force=True)
        model_store.publish("compact", version, made, status=VersionStatus.READY, by="again")
    model_store.activate("compact", version, by="test")
    assert (model_store.folder(label) / "model.safetensors").read_bytes() == (made / "model.safetensors").read_bytes()
