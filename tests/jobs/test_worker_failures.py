"""What becomes of an attempt that a task's error ended."""

from __future__ import annotations

import pytest
import torch

from app.errors import OutOfMemory, PasticheError, StorageUnavailable
from app.jobs.worker import as_failure


def torch_without_memory() -> RuntimeError:
    """As torch really raises it on a CPU: not MemoryError."""
    with pytest.raises(RuntimeError) as raised:
        torch.empty(1 << 60, dtype=torch.uint8)
    return raised.value


@pytest.mark.parametrize("error", [MemoryError(), torch_without_memory(), torch.OutOfMemoryError("CUDA out of memory")])
def test_running_out_of_memory_is_told_as_such(error: Exception) -> None:
    failure = as_failure(error)
    assert isinstance(failure, OutOfMemory)
    assert failure.private == repr(error)


def test_an_error_of_the_tree_stays_what_it_is() -> None:
    error = StorageUnavailable("The storage does not work.")
    assert as_failure(error) is error


def test_any_other_error_is_ours_and_tells_nothing() -> None:
    failure = as_failure(RuntimeError("secret shapes"))
    assert type(failure) is PasticheError
    assert "secret" not in failure.detail
