"""Small networks, all on one thread."""

import pytest


@pytest.fixture(scope="module", autouse=True)
def _one_thread(one_thread):
    """In the whole room."""
