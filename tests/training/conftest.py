"""The inputs of a tiny training, on one thread."""

import pytest
from tiny_training import write_inputs


@pytest.fixture(scope="module", autouse=True)
def _one_thread(one_thread):
    """In the whole room, and around the fixtures of its modules."""


@pytest.fixture(scope="session")
def inputs(tmp_path_factory):
    """Photos, paintings and a loss network; to be read, not changed."""
    return write_inputs(tmp_path_factory.mktemp("inputs"))
