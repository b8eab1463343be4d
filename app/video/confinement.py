"""What a process gives up before it reads a file from strangers: memory, time, files to write, and the network."""

from __future__ import annotations

import ctypes
import resource
from dataclasses import dataclass
from pathlib import Path

# <linux/prctl.h>, <linux/sched.h>
PR_SET_NO_NEW_PRIVS = 38
CLONE_NEWUSER, CLONE_NEWNET = 0x10000000, 0x40000000
OPEN_FILES = 64


@dataclass(frozen=True)
class Confinement:
    """
    Attributes:
        memory_bytes: of address space, beside what the process has already.
        cpu_seconds: of the whole process, which then ends with SIGXCPU.
        file_bytes: the most that it may write into one file.
    """

    memory_bytes: int
    cpu_seconds: int
    file_bytes: int = 0

    def apply(self) -> None:
        """For good, to this process."""
        limit(resource.RLIMIT_AS, address_space() + self.memory_bytes)
        limit(resource.RLIMIT_CPU, self.cpu_seconds, margin=1)
        limit(resource.RLIMIT_FSIZE, self.file_bytes)
        limit(resource.RLIMIT_NOFILE, OPEN_FILES)
        limit(resource.RLIMIT_CORE, 0)


def limit(which: int, most: int, margin: int = 0) -> None:
    """Never above what the process may have by now. Args: margin: from the limit that warns to the one that kills."""
    hard = resource.getrlimit(which)[1]
    allowed = most + margin if hard == resource.RLIM_INFINITY else min(most + margin, hard)
    resource.setrlimit(which, (min(most, allowed), allowed))


def address_space() -> int:
    """Bytes in use, which loaded libraries are most of."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[0])
    except OSError:
        return 0  # not Linux, where this limit means little anyway
    return pages * resource.getpagesize()


def leave_network() -> bool:
    """Whether the process has no network from now on: most containers, and other systems, do not let it leave its own.

    Before any thread is started. Programs that it may start have no other rights, either.
    """
    library = ctypes.CDLL(None, use_errno=True)
    if not hasattr(library, "unshare"):
        return False
    library.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    return bool(library.unshare(CLONE_NEWUSER | CLONE_NEWNET) == 0)
