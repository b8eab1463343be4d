"""Images and containers for these tests: by Debian's buildah, podman and debootstrap, as root, without a daemon."""

from __future__ import annotations

import json
import os
import resource
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pip_settings import mounts

REPOSITORY = Path(__file__).parents[2]
MIRROR = os.environ.get("DEBIAN_MIRROR", "http://deb.debian.org/debian")
TOOLS = ("buildah", "catatonit", "debootstrap", "podman", "runc")
# What the Dockerfile's base has and a bare Debian has not.
BASE_PACKAGES = "ca-certificates,python3.11,python3-venv"
SLIM = ("usr/share/doc", "usr/share/info", "usr/share/locale", "usr/share/man", "var/cache/apt", "var/lib/apt/lists")
PATIENCE_SECONDS = 120
# Of open files and of processes.
LIMIT = 16384


def what_is_missing() -> str | None:
    """Why images cannot be built and run here, or None."""
    if sys.platform != "linux" or os.geteuid() != 0:
        return "images are built and run as root, on Linux"
    missing = [tool for tool in TOOLS if shutil.which(tool) is None]
    return f"missing: apt-get install --no-install-recommends {' '.join(missing)}" if missing else None


def configure(folder: Path) -> None:
    """For all that is started from here: settings that hold without systemd and with this process's own limits."""

    # A container cannot have more than this process, which may not raise its own.
    kinds = {"nofile": resource.RLIMIT_NOFILE, "nproc": resource.RLIMIT_NPROC}
    most = {name: min(LIMIT, resource.getrlimit(kind)[1] % (1 << 63)) for name, kind in kinds.items()}
    limits = ", ".join(f'"{name}={number}:{number}"' for name, number in most.items())
    (folder / "containers.conf").write_text(
        f"[containers]\ndefault_ulimits = [{limits}]\n"
        '[engine]\nruntime = "runc"\ncgroup_manager = "cgroupfs"\nevents_logger = "file"\n'
    )
    os.environ["CONTAINERS_CONF"] = str(folder / "containers.conf")
    os.environ["TMPDIR"] = str(folder)  # buildah's caches, too


def run(*command: str, check: bool = True) -> str:
    """Its standard output; RuntimeError with what it said on the other one if it failed."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if check and done.returncode:
        raise RuntimeError(f"{' '.join(command)[:200]}: {done.returncode}\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return done.stdout.strip()


def make_base(folder: Path, tag: str) -> None:
    """An image like the Dockerfile's base, from Debian's packages alone: no registry of images need be reached."""
    root = folder / "base"
    run("debootstrap", "--variant=minbase", f"--include={BASE_PACKAGES}", "bookworm", str(root), MIRROR)
    for path in SLIM:
        shutil.rmtree(root / path)
        (root / path).mkdir()
    (root / "usr/local/bin/python").symlink_to("/usr/bin/python3.11")
    archive = folder / "base.tar"
    run("tar", "-C", str(root), "-cf", str(archive), ".")
    run("podman", "import", "--quiet", str(archive), tag)
    archive.unlink()
    shutil.rmtree(root)


def build(folder: Path, base: str, tag: str) -> None:
    """By the Dockerfile, with pip's settings of this machine; TORCH_INDEX says where torch is, as in the Makefile."""
    run(
        *("buildah", "bud", "--isolation", "chroot", "--format", "docker", "--pull-never"),
        *("--build-arg", f"BASE={base}", "--build-arg", f"TORCH_INDEX={os.environ.get('TORCH_INDEX', '')}"),
        *mounts(folder),
        *("--tag", tag, str(REPOSITORY)),
    )


def inspect(tag: str) -> dict[str, Any]:
    [told] = json.loads(run("podman", "image", "inspect", tag))
    return dict(told)


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def until(condition: Callable[[], bool], what: Callable[[], str]) -> None:
    """Args: what: returns what is to be said if it does not come true."""
    end = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < end, what()
        time.sleep(0.05)
