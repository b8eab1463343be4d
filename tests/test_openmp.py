"""OpenMP's threads sleep while they wait, in every process of ours, unless the environment says otherwise."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

NAMES = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT")
# What OpenMP itself understood: it prints so when it is loaded, which is with torch.
PROGRAM = "import {first}, torch"


def understood(first: str, **given: str) -> str:
    environment = {name: value for name, value in os.environ.items() if name not in NAMES}
    ended = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(first=first)],
        cwd=Path(__file__).parent.parent,
        env=environment | {"OMP_DISPLAY_ENV": "verbose"} | given,
        capture_output=True,
        text=True,
        check=True,
    )
    return ended.stderr


@pytest.mark.process
@pytest.mark.parametrize("first", ["app", "app.cli", "app.jobs.supervisor"])
def test_openmp_is_told_before_it_is_loaded(first: str) -> None:
    shown = understood(first)
    if "OMP_WAIT_POLICY" not in shown:
        pytest.skip("torch has no GNU OpenMP here")
    assert "OMP_WAIT_POLICY = 'PASSIVE'" in shown
    assert "GOMP_SPINCOUNT = '0'" in shown


@pytest.mark.process
def test_the_environment_goes_first() -> None:
    shown = understood("app", OMP_WAIT_POLICY="ACTIVE")
    if "OMP_WAIT_POLICY" not in shown:
        pytest.skip("torch has no GNU OpenMP here")
    assert "OMP_WAIT_POLICY = 'ACTIVE'" in shown
    assert "GOMP_SPINCOUNT = '0'" not in shown


def test_these_tests_run_so() -> None:
    assert os.environ["OMP_WAIT_POLICY"].lower() == "passive"
