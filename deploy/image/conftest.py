"""The image, built once for all tests of this folder, and what was measured, at the end of the run.

make image-test                           build the image on a base of Debian's packages, test it, and remove both
make image-test BASE=python:3.11-slim     build it on an image that is there
make image-test IMAGE=pastiche            test an image that is there
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import containers
import pytest

FIGURES: list[str] = []


@pytest.fixture(scope="session")
def figures() -> list[str]:
    """Lines for the end of the run."""
    return FIGURES


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for line in FIGURES:
        terminalreporter.write_line(line)


@pytest.fixture(scope="session")
def folder() -> Iterator[Path]:
    """For large files: /tmp may lie in memory."""
    if (reason := containers.what_is_missing()) is not None:
        pytest.skip(reason)
    with tempfile.TemporaryDirectory(prefix="pastiche-image-", dir="/var/tmp", ignore_cleanup_errors=True) as name:
        containers.configure(Path(name))
        yield Path(name)


@pytest.fixture(scope="session")
def base(folder: Path) -> Iterator[str]:
    if given := os.environ.get("BASE"):
        yield given
        return
    tag = "localhost/pastiche-test-base"
    containers.make_base(folder, tag)
    yield tag
    containers.run("podman", "rmi", "--force", tag)


@pytest.fixture(scope="session")
def image(folder: Path, request: pytest.FixtureRequest) -> Iterator[str]:
    """Its tag."""
    if given := os.environ.get("IMAGE"):
        yield given
        return
    tag = "localhost/pastiche-test"
    base = request.getfixturevalue("base")
    began = time.monotonic()
    containers.build(folder, base, tag)
    FIGURES.append(f"built in {time.monotonic() - began:.0f} s")
    yield tag
    containers.run("podman", "rmi", "--force", tag)
