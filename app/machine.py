"""What this process may use of its machine: cores and memory, as affinity and cgroups (version 1 and 2) leave them.

A container sees all processors of its host. Whoever starts a thread on each of them and may use two is stopped by the
kernel in the middle of most periods, and whoever fills the host's memory is killed.
"""

from __future__ import annotations

import contextlib
import ctypes
import math
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path("/")
# What version 1 says for "no limit" is a number near 2^63, rounded down to a page.
UNLIMITED_BYTES = 1 << 60
# Open files and connections of a server: some 40 kB each while a body comes, so that memory is no issue.
MAX_FILES = 16_384
# Of mallopt(3): the number of arenas, and from which size on memory is asked of the system and given back to it.
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_ARENA_MAX = -1, -3, -8
ARENAS = 2
# After decoding 20 megapixels in four threads 68 MB stay, and 540 with the system's own way; stylizing 512 px costs
# 4 % more time. With 1 MB, 52 stay, and it costs 30 %: the pages of every picture are then new ones.
LARGE_BYTES = 8_000_000


@dataclass(frozen=True)
class Machine:
    """
    Attributes:
        processors: that are switched on, hardware threads of one core counted each.
        allowed: of these, those that this process may run on (a cpuset, `taskset`).
        cores: different ones among the allowed; two hardware threads of one core share its multipliers.
        quota: CPU seconds a second that its cgroups grant; None without a limit.
        memory_bytes: the least of what there is and what its cgroups grant; None where nothing tells.
    """

    processors: int
    allowed: int
    cores: int
    quota: float | None
    memory_bytes: int | None

    @property
    def network_threads(self) -> int:
        """For threads that wait for each other at every layer: one that is stopped would stop them all.

        Hence whole cores of the quota, and no hardware threads beside the first of each core.
        """
        return self.cores if self.quota is None else max(1, min(self.cores, math.floor(self.quota)))

    @property
    def codec_threads(self) -> int:
        """For threads that decode and encode: half of everything, begun cores included.

        They have a tenth of the network's work to do, and each more of them takes a core away from it in the middle of
        a picture: on two cores the second one cost 2 to 13 % of the throughput (three runs of
        `benchmarks/service/cores.py`).
        """
        usable = self.allowed if self.quota is None else min(self.allowed, self.quota)
        return max(1, math.ceil(usable / 2))

    def share_of_memory(self, usual: float) -> float:
        """The part of the memory there is over `usual` bytes, 1 at most: what a bound made for `usual` shrinks by."""
        return 1.0 if self.memory_bytes is None else min(1.0, self.memory_bytes / usual)


def this_machine() -> Machine:
    return look(ROOT, affinity())


def allow_files() -> int | None:
    """Let this process have as many open files as its hard limit allows; how many, None where nothing limits them.

    The soft limit is mostly 1,024, for the sake of programs that use select(2). A thousand clients that send nothing
    would be the last that are let in.
    """
    try:
        import resource  # not on Windows
    except ImportError:
        return None
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = MAX_FILES if hard == resource.RLIM_INFINITY else min(MAX_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < most:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
            soft = most
    return None if soft == resource.RLIM_INFINITY else soft


def give_memory_back() -> bool:
    """Have the C library return large pieces of memory once they are free; whether it can be told so.

    glibc otherwise raises its thresholds with every picture, up to 32 MB, and has an arena for each of the threads, so
    that a process keeps what it needed in its worst minute. For the start of a process.
    """
    try:
        tell = ctypes.CDLL(None).mallopt
    except (OSError, TypeError, AttributeError):  # Windows, macOS, musl
        return False
    wanted = {M_ARENA_MAX: ARENAS, M_MMAP_THRESHOLD: LARGE_BYTES, M_TRIM_THRESHOLD: LARGE_BYTES}
    done = [tell(parameter, value) for parameter, value in wanted.items()]
    return all(done)


def affinity() -> frozenset[int]:
    """Numbers of the processors that this process may run on; all there are where the system knows no affinity."""
    if hasattr(os, "sched_getaffinity"):
        return frozenset(os.sched_getaffinity(0))
    return frozenset(range(os.cpu_count() or 1))


def look(root: Path, allowed: frozenset[int]) -> Machine:
    """The machine whose files lie under `root`. What is missing there, as it is outside of Linux, limits nothing."""
    quotas = [quota for directory in groups(root, "cpu") if (quota := cpu_quota(directory)) is not None]
    limits = [limit for directory in groups(root, "memory") if (limit := memory_limit(directory)) is not None]
    there = memory_there(root)
    return Machine(
        processors=os.cpu_count() or 1,
        allowed=len(allowed),
        cores=len({siblings(root, processor) for processor in allowed}),
        quota=min(quotas, default=None),
        memory_bytes=min([*limits, there] if there else limits, default=None),
    )


def groups(root: Path, controller: str) -> Iterator[Path]:
    """Directories of the cgroups that this process is in, its own first: each of them limits it."""
    paths = own_groups(root)
    for kind, controllers, mounted, point in mounts(root):
        if kind == "cgroup2" or controller in controllers:
            path = paths.get("" if kind == "cgroup2" else controller)
            if path is not None:
                directory = point / below(path, mounted)
                yield from (step for step in [directory, *directory.parents] if step.is_relative_to(point))


def own_groups(root: Path) -> dict[str, str]:
    """Paths of this process's groups by controller; version 2 has one for all, under an empty name."""
    found: dict[str, str] = {}
    for line in lines(root / "proc/self/cgroup"):
        _, _, rest = line.partition(":")
        names, _, path = rest.partition(":")
        found |= dict.fromkeys(names.split(","), path)
    return found


def mounts(root: Path) -> Iterator[tuple[str, set[str], str, Path]]:
    """Of every mounted hierarchy of cgroups: its kind, its controllers, which group is mounted, and where.

    As in proc(5): `36 35 98:0 /group /point options shared:1 - type source controllers`.
    """
    for line in lines(root / "proc/self/mountinfo"):
        front, _, back = line.partition(" - ")
        fields, kind = front.split(), back.split()
        if kind and kind[0] in ("cgroup", "cgroup2"):
            yield kind[0], set(kind[-1].split(",")), unescaped(fields[3]), root / unescaped(fields[4]).lstrip("/")


def unescaped(path: str) -> str:
    return path.replace("\\040", " ").replace("\\134", "\\")


def below(path: str, mounted: str) -> str:
    """The way from the mounted group down to that of this process, nothing if it is not below it.

    A container without a namespace of its own for cgroups has its group mounted, and is told its path on the host.
    """
    inside = Path(path).is_relative_to(mounted) and ".." not in Path(path).parts
    return str(Path(path).relative_to(mounted)) if inside else ""


def cpu_quota(directory: Path) -> float | None:
    """CPU seconds a second that the group grants, in whichever version it is; None if it does not limit them."""
    match [*words(directory / "cpu.max"), *words(directory / "cpu.cfs_quota_us", directory / "cpu.cfs_period_us")]:
        case [quota, period] if quota.isdecimal() and period.isdecimal() and int(period):
            return int(quota) / int(period)
        case _:  # max, or -1
            return None


def memory_limit(directory: Path) -> int | None:
    """Bytes that the group grants, in whichever version it is; None if it does not limit them."""
    match words(directory / "memory.max") or words(directory / "memory.limit_in_bytes"):
        case [limit] if limit.isdecimal() and int(limit) < UNLIMITED_BYTES:
            return int(limit)
        case _:
            return None


def memory_there(root: Path) -> int | None:
    for line in lines(root / "proc/meminfo"):
        if line.startswith("MemTotal:"):
            return int(line.split()[1]) * 1024
    return None


def siblings(root: Path, processor: int) -> str:
    """The hardware threads of the processor's core, in words; itself where the machine does not tell."""
    found = words(root / f"sys/devices/system/cpu/cpu{processor}/topology/thread_siblings_list")
    return found[0] if found else str(processor)


def words(*files: Path) -> list[str]:
    return [word for file in files for line in lines(file) for word in line.split()]


def lines(file: Path) -> list[str]:
    """Of a file of the system; none where it is missing or may not be read."""
    try:
        return file.read_text().splitlines()
    except (OSError, UnicodeDecodeError):
        return []
