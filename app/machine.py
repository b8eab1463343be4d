"""Cores and memory that this process may use, considering affinity and cgroups (versions 1 and 2).

A container sees all processors of its host. If it may use two and starts a thread on each, the kernel suspends it for
most of the time; if it uses the memory that the host has, it is killed.
"""

from __future__ import annotations

import contextlib
import ctypes
import math
import os
import platform
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path

ROOT = Path("/")
# "No limit" in version 1 is a number near 2^63, rounded down to a page.
UNLIMITED_BYTES = 1 << 60
# Most open files of a server. A connection takes some 40 kB while a body arrives, so memory is no issue.
MAX_FILES = 16_384
# mallopt(3): the number of arenas, and the sizes from which memory is mapped and trimmed.
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_ARENA_MAX = -1, -3, -8
ARENAS = 2
# What tells processors apart in /proc/cpuinfo: of x86 the first two, of ARM the last two.
PROCESSOR_FIELDS = {"model name", "flags", "CPU part", "Features"}
# After decoding 20 megapixels in four threads, 68 MB stay allocated; with glibc's defaults, 540. Stylizing at 512 px
# takes 4 % longer. With 1 MB, 52 MB stay, but it takes 30 % longer, since every image gets new pages.
LARGE_BYTES = 8_000_000


@dataclass(frozen=True)
class Machine:
    """
    Attributes:
        processors: number that are online, counting hardware threads.
        allowed: number of these on which this process may run (a cpuset, `taskset`).
        cores: number of different cores of these; the hardware threads of a core share its multipliers.
        quota: CPU seconds per second that its cgroups grant; None without a limit.
        memory_bytes: physical memory, or the cgroups' limit if lower; None if unknown.
    """

    processors: int
    allowed: int
    cores: int
    quota: float | None
    memory_bytes: int | None

    @property
    def network_threads(self) -> int:
        """Threads of a network, which wait for each other at every layer, so that a suspended one stops them all.

        Therefore the quota is rounded down, and only one hardware thread per core is used.
        """
        return self.cores if self.quota is None else max(1, min(self.cores, math.floor(self.quota)))

    @property
    def codec_threads(self) -> int:
        """Threads that decode and encode: half of the cores, rounded up.

        They have a tenth of the network's work, and each further one takes a core away from the network in the middle
        of an image: on two cores, a second one cost 2 to 13 % of the throughput (three runs of
        `benchmarks/service/cores.py`).
        """
        usable = self.allowed if self.quota is None else min(self.allowed, self.quota)
        return max(1, math.ceil(usable / 2))

    def share_of_memory(self, usual: float) -> float:
        """Memory as a fraction of `usual` bytes, at most 1; limits that are meant for `usual` shrink by it."""
        return 1.0 if self.memory_bytes is None else min(1.0, self.memory_bytes / usual)


def this_machine() -> Machine:
    return look(ROOT, affinity())


def allow_files() -> int | None:
    """Raise the limit of open files to the hard limit, and return it; None if there is none.

    The soft limit is usually 1,024, for programs that use select(2). A thousand idle clients would use that up.
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
    """Make the C library return large blocks of freed memory to the system; False if it has no such setting.

    By default, glibc raises its thresholds with every image, up to 32 MB, and has an arena per thread, so that a
    process keeps its peak memory. To be called at the start of a process.
    """
    try:
        tell = ctypes.CDLL(None).mallopt
    except (OSError, TypeError, AttributeError):  # Windows, macOS, musl
        return False
    wanted = {M_ARENA_MAX: ARENAS, M_MMAP_THRESHOLD: LARGE_BYTES, M_TRIM_THRESHOLD: LARGE_BYTES}
    done = [tell(parameter, value) for parameter, value in wanted.items()]
    return all(done)


def processor(root: Path = ROOT) -> str:
    """Name and instruction sets of the first processor, as Linux has them; elsewhere the architecture alone."""
    of_first = takewhile(str.strip, lines(root / "proc/cpuinfo"))
    told = [line for line in of_first if line.partition(":")[0].strip() in PROCESSOR_FIELDS]
    return "\n".join([platform.machine(), *told])


def affinity() -> frozenset[int]:
    """Numbers of the processors on which this process may run; all of them on systems without affinity."""
    if hasattr(os, "sched_getaffinity"):
        return frozenset(os.sched_getaffinity(0))
    return frozenset(range(os.cpu_count() or 1))


def look(root: Path, allowed: frozenset[int]) -> Machine:
    """The machine described by the files in `root`. Missing files, as outside of Linux, mean no limit."""
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
    """Directories of this process's cgroup and its ancestors, each of which may limit it."""
    paths = own_groups(root)
    for kind, controllers, mounted, point in mounts(root):
        if kind == "cgroup2" or controller in controllers:
            path = paths.get("" if kind == "cgroup2" else controller)
            if path is not None:
                directory = point / below(path, mounted)
                yield from (step for step in [directory, *directory.parents] if step.is_relative_to(point))


def own_groups(root: Path) -> dict[str, str]:
    """Paths of this process's cgroups by controller; version 2 has one for all, under an empty name."""
    found: dict[str, str] = {}
    for line in lines(root / "proc/self/cgroup"):
        _, _, rest = line.partition(":")
        names, _, path = rest.partition(":")
        found |= dict.fromkeys(names.split(","), path)
    return found


def mounts(root: Path) -> Iterator[tuple[str, set[str], str, Path]]:
    """For every mounted cgroup hierarchy: its type, its controllers, which group is mounted, and where.

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
    """Path from the mounted group to this process's group; empty if that is not below it.

    In a container without a cgroup namespace, the mount is its own group, while its path is the one on the host.
    """
    inside = Path(path).is_relative_to(mounted) and ".." not in Path(path).parts
    return str(Path(path).relative_to(mounted)) if inside else ""


def cpu_quota(directory: Path) -> float | None:
    """CPU seconds per second that the group (of either version) grants; None without a limit."""
    match [*words(directory / "cpu.max"), *words(directory / "cpu.cfs_quota_us", directory / "cpu.cfs_period_us")]:
        case [quota, period] if quota.isdecimal() and period.isdecimal() and int(period):
            return int(quota) / int(period)
        case _:  # max, or -1
            return None


def memory_limit(directory: Path) -> int | None:
    """Bytes that the group (of either version) grants; None without a limit."""
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
    """A text that names the hardware threads of the processor's core; the processor itself if unknown."""
    found = words(root / f"sys/devices/system/cpu/cpu{processor}/topology/thread_siblings_list")
    return found[0] if found else str(processor)


def words(*files: Path) -> list[str]:
    return [word for file in files for line in lines(file) for word in line.split()]


def lines(file: Path) -> list[str]:
    """Lines of a system file; none if it is missing or cannot be read."""
    try:
        return file.read_text().splitlines()
    except (OSError, UnicodeDecodeError):
        return []
