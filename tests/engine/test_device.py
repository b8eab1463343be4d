"""Choosing a device and a precision, on machines that are pretended where they are not this one."""

import pytest
import torch

from app.engine.device import choose_device
from app.engine.memory import is_out_of_memory
from app.settings import SettingsError


@pytest.fixture
def machine(monkeypatch):
    """Pretend a machine: machine(cuda=True, mps=False, bfloat16=True)."""

    def pretend(cuda=False, mps=False, bfloat16=False):
        monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
        monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "NVIDIA Pretended")
        monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation=True: bfloat16)
        monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": bfloat16})

    before = torch.get_num_threads()
    yield pretend
    torch.set_num_threads(before)


@pytest.mark.parametrize(
    ("present", "kind"),
    [({}, "cpu"), ({"mps": True}, "mps"), ({"cuda": True}, "cuda"), ({"cuda": True, "mps": True}, "cuda")],
)
def test_auto_takes_cuda_before_mps_before_the_cpu(machine, present, kind):
    machine(**present)
    assert choose_device("auto", "auto", 1).torch_device.type == kind


def test_the_cpu_can_be_asked_for_where_there_is_a_gpu(machine):
    machine(cuda=True)
    assert choose_device("cpu", "auto", 1).torch_device.type == "cpu"


@pytest.mark.parametrize("missing", ["cuda", "mps"])
def test_a_device_that_is_missing_stops_the_start_and_names_the_variable(machine, missing):
    machine()
    with pytest.raises(SettingsError, match=f"PASTICHE_DEVICE: {missing} is not available"):
        choose_device(missing, "auto", 1)


@pytest.mark.parametrize("kind", ["cpu", "cuda"])
@pytest.mark.parametrize(
    ("supported", "precision", "dtype"),
    [
        (True, "auto", torch.bfloat16),
        (True, "bfloat16", torch.bfloat16),
        (True, "float32", torch.float32),
        (False, "auto", torch.float32),
        (False, "float32", torch.float32),
    ],
)
def test_bfloat16_is_chosen_only_where_the_hardware_has_it(machine, kind, supported, precision, dtype):
    machine(cuda=kind == "cuda", bfloat16=supported)
    assert choose_device(kind, precision, 1).dtype == dtype


def test_bfloat16_on_a_processor_without_it_stops_the_start_and_names_the_variable(machine):
    machine()
    with pytest.raises(SettingsError, match="PASTICHE_PRECISION: this cpu device"):
        choose_device("cpu", "bfloat16", 1)


def test_amx_counts_as_bfloat16(machine, monkeypatch):
    machine()
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": False, "amx_bf16": True})
    assert choose_device("cpu", "auto", 1).dtype == torch.bfloat16


def test_the_threads_are_set_and_named(machine):
    machine()
    assert choose_device("cpu", "float32", 3).name == "cpu, 3 threads"
    assert torch.get_num_threads() == 3


def test_out_of_memory_is_recognised_as_torch_really_raises_it():
    with pytest.raises(RuntimeError) as raised:
        torch.empty(1 << 60, dtype=torch.uint8)
    assert is_out_of_memory(raised.value)


@pytest.mark.parametrize("error", [MemoryError(), torch.OutOfMemoryError("CUDA out of memory")])
def test_out_of_memory_is_recognised_by_class(error):
    assert is_out_of_memory(error)


@pytest.mark.parametrize("error", [RuntimeError("shapes do not match"), ValueError("can't allocate memory")])
def test_other_errors_are_not_taken_for_it(error):
    assert not is_out_of_memory(error)
