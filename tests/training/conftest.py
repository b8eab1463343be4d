"""The inputs of a tiny training, and one thread: with more, sums may be taken in another order."""

import pytest
import torch
from tiny_training import write_inputs


@pytest.fixture(autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def inputs(tmp_path_factory):
    """Photos, paintings and a loss network; to be read, not changed."""
    return write_inputs(tmp_path_factory.mktemp("inputs"))
