"""What cgroups and affinity leave is found in trees of files as containers have them, and in this process itself."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from app.machine import MAX_FILES, Machine, affinity, look, processor, this_machine
from app.settings import Settings

REPOSITORY = Path(__file__).parent.parent
V2 = "30 23 0:26 {group} /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw\n"
V1 = (
    "33 32 0:30 {group} /sys/fs/cgroup/cpu,cpuacct ro - cgroup cgroup rw,cpu,cpuacct\n"
    "34 32 0:31 {group} /sys/fs/cgroup/memory ro master:9 - cgroup cgroup rw,memory\n"
    "35 32 0:32 / /sys/fs/cgroup/systemd ro - cgroup cgroup rw,xattr,name=systemd\n"
)
FOUR = frozenset(range(4))
GIGABYTE = 1 << 30


def tree(root: Path, files: Mapping[str, str]) -> Path:
    for name, text in files.items():
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return root


def machine(**given: object) -> Machine:
    return Machine(**({"processors": 8, "allowed": 8, "cores": 8, "quota": None, "memory_bytes": None} | given))


def test_a_container_of_version_2_has_the_limits_of_its_own_group(tmp_path: Path) -> None:
    files = {
        "proc/self/cgroup": "0::/\n",
        "proc/self/mountinfo": "22 1 8:1 / / rw - ext4 /dev/sda1 rw\n" + V2.format(group="/"),
        "proc/meminfo": "MemTotal:       16000000 kB\nMemFree:  1 kB\n",
        "sys/fs/cgroup/cpu.max": "250000 100000\n",
        "sys/fs/cgroup/memory.max": f"{GIGABYTE}\n",
    }
    found = look(tree(tmp_path, files), FOUR)
    assert (found.allowed, found.quota, found.memory_bytes) == (4, 2.5, GIGABYTE)


def test_the_tightest_group_on_the_way_up_decides(tmp_path: Path) -> None:
    files = {
        "proc/self/cgroup": "0::/pods/one/box\n",
        "proc/self/mountinfo": V2.format(group="/"),
        "sys/fs/cgroup/pods/one/box/cpu.max": "max 100000\n",
        "sys/fs/cgroup/pods/one/cpu.max": "150000 100000\n",
        "sys/fs/cgroup/pods/cpu.max": "800000 100000\n",
        "sys/fs/cgroup/pods/one/box/memory.max": "max\n",
        "sys/fs/cgroup/pods/memory.max": "123456\n",
        "sys/fs/cgroup/elsewhere/cpu.max": "10000 100000\n",
    }
    found = look(tree(tmp_path, files), FOUR)
    assert (found.quota, found.memory_bytes) == (1.5, 123456)


@pytest.mark.parametrize(("mounted", "where"), [("/docker/3f", ""), ("/", "/docker/3f")])
def test_version_1_inside_of_a_container_and_on_the_host(tmp_path: Path, mounted: str, where: str) -> None:
    files = {
        "proc/self/cgroup": "5:name=systemd:/docker/3f\n4:memory:/docker/3f\n3:cpu,cpuacct:/docker/3f\n0::/\n",
        "proc/self/mountinfo": V1.format(group=mounted),
        f"sys/fs/cgroup/cpu,cpuacct{where}/cpu.cfs_quota_us": "50000\n",
        f"sys/fs/cgroup/cpu,cpuacct{where}/cpu.cfs_period_us": "100000\n",
        f"sys/fs/cgroup/memory{where}/memory.limit_in_bytes": "536870912\n",
    }
    found = look(tree(tmp_path, files), FOUR)
    assert (found.quota, found.memory_bytes) == (0.5, 1 << 29)
    assert (found.network_threads, found.codec_threads) == (1, 1)


def test_no_limit_is_none_in_both_versions(tmp_path: Path) -> None:
    files = {
        "proc/self/cgroup": "2:memory:/\n1:cpu,cpuacct:/\n0::/\n",
        "proc/self/mountinfo": V1.format(group="/") + V2.format(group="/"),
        "sys/fs/cgroup/cpu.max": "max 100000\n",
        "sys/fs/cgroup/memory.max": "max\n",
        "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us": "-1\n",
        "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us": "100000\n",
        "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
        "proc/meminfo": "MemTotal:  1000 kB\n",
    }
    found = look(tree(tmp_path, files), FOUR)
    assert (found.quota, found.memory_bytes) == (None, 1_024_000)


@pytest.mark.parametrize("text", ["", "max", "x y", "100000 0", "\x00"])
def test_what_cannot_be_read_limits_nothing(tmp_path: Path, text: str) -> None:
    files = {
        "proc/self/cgroup": f"0::/../up\n{text}\n",
        "proc/self/mountinfo": V2.format(group="/") + f"{text}\n - \n",
        "sys/fs/cgroup/cpu.max": text,
        "sys/fs/cgroup/memory.max": text,
    }
    found = look(tree(tmp_path, files), FOUR)
    assert (found.cores, found.quota, found.memory_bytes) == (4, None, None)


def test_hardware_threads_of_one_core_are_one_core(tmp_path: Path) -> None:
    siblings = {0: "0,4", 4: "0,4", 1: "1,5", 5: "1,5"}
    path = "sys/devices/system/cpu/cpu{}/topology/thread_siblings_list"
    tree(tmp_path, {path.format(number): f"{pair}\n" for number, pair in siblings.items()})
    found = look(tmp_path, frozenset(siblings))
    assert (found.allowed, found.cores) == (4, 2)
    assert (found.network_threads, found.codec_threads) == (2, 2)


def test_processors_are_told_apart_by_their_name_and_instruction_sets(tmp_path: Path) -> None:
    def told(text: str) -> str:
        return processor(tree(tmp_path, {"proc/cpuinfo": text}))

    first = "processor\t: 0\nmodel name\t: Fast\ncpu MHz\t\t: 2100\nflags\t\t: sse avx\n\n"
    assert told(first + first.replace("2100", "800")) == told(first.replace("2100", "1300"))
    names = {told(first), told(first.replace("avx", "avx amx")), told(first.replace("Fast", "Slow")), told("")}
    assert len(names) == 4
    assert all(platform.machine() in name for name in names)


@pytest.mark.parametrize(
    ("quota", "network", "codec"), [(None, 8, 4), (0.2, 1, 1), (1.5, 1, 1), (2.5, 2, 2), (4.0, 4, 2), (99.0, 8, 4)]
)
def test_a_network_gets_whole_cores_of_the_quota_and_codecs_half_of_it_rounded_up(
    quota: float | None, network: int, codec: int
) -> None:
    found = machine(quota=quota)
    assert (found.network_threads, found.codec_threads) == (network, codec)


def test_bounds_shrink_with_the_memory_and_never_grow() -> None:
    shares = [machine(memory_bytes=each).share_of_memory(2e9) for each in (None, int(64e9), int(2e9), int(5e8))]
    assert shares == [1.0, 1.0, 1.0, 0.25]


def test_defaults_come_from_the_machine_and_a_setting_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    small = machine(cores=4, quota=2.5, memory_bytes=1_000_000_000)
    monkeypatch.setattr("app.settings.values.this_machine", lambda: small)
    found = Settings()
    assert (found.engine_threads, found.codec_threads, found.worker_threads) == (2, 2, 2)
    assert (found.queue_megapixels, found.uploads_megabytes, found.result_cache_megabytes) == (32, 128, 32)
    monkeypatch.setenv("PASTICHE_ENGINE_THREADS", "7")
    monkeypatch.setenv("PASTICHE_QUEUE_MEGAPIXELS", "64")
    assert (Settings().engine_threads, Settings().queue_megapixels) == (7, 64)


@pytest.mark.parametrize(
    ("share", "network", "codec"), [("1", 8, 4), ("0.5", 4, 2), ("0.3", 2, 2), ("0.25", 2, 1), ("0.01", 1, 1)]
)
def test_processes_that_share_a_machine_share_its_cores(
    monkeypatch: pytest.MonkeyPatch, share: str, network: int, codec: int
) -> None:
    monkeypatch.setattr("app.settings.values.this_machine", lambda: machine(cores=8, allowed=8))
    monkeypatch.setenv("PASTICHE_CORE_SHARE", share)
    found = Settings()
    assert {found.engine_threads, found.worker_threads, found.training_threads} == {network}
    assert found.codec_threads == codec


@pytest.mark.process
@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system knows no affinity")
def test_a_process_that_is_bound_to_one_processor_finds_one() -> None:
    one = min(affinity())
    code = (
        f"import json, os; os.sched_setaffinity(0, {{{one}}})\n"
        "from app.settings import Settings\n"
        "print(json.dumps([Settings().engine_threads, Settings().codec_threads]))"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code],
        env={name: value for name, value in os.environ.items() if not name.startswith("PASTICHE_")},
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(ended.stdout) == [1, 1]


def test_this_machine_has_cores_and_on_linux_memory() -> None:
    found = this_machine()
    assert 1 <= found.cores <= found.allowed <= found.processors
    assert found.memory_bytes is None or found.memory_bytes > 1e8


@pytest.mark.process
@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries give memory back, or are not told")
def test_memory_goes_back_after_work_in_threads() -> None:
    """80 MB in pieces of 9 MB, after one of 20 MB, which would have raised glibc's threshold above them."""
    code = """
import ctypes, threading
from app.machine import give_memory_back
assert give_memory_back()
libc = ctypes.CDLL(None)
libc.malloc.restype, libc.malloc.argtypes, libc.free.argtypes = ctypes.c_void_p, [ctypes.c_size_t], [ctypes.c_void_p]
def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096
def work():
    for size in (20_000_000, *[9_000_000] * 8):
        taken.append(libc.malloc(size))
        ctypes.memset(taken[-1], 1, size)
        if size > 9_000_000:
            libc.free(taken.pop())
    libc.malloc(64)  # stays, above all of them in its arena
    for piece in taken:
        libc.free(piece)
taken, before = [], resident()
thread = threading.Thread(target=work)
thread.start()
thread.join()
print(resident() - before)
"""
    ended = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert int(ended.stdout) < 9_000_000


@pytest.mark.process
@pytest.mark.parametrize(("soft", "hard", "allowed"), [(200, 900, 900), (900, 900, 900), (200, 16_500, MAX_FILES)])
def test_open_files_are_allowed_up_to_the_hard_limit(soft: int, hard: int, allowed: int) -> None:
    resource = pytest.importorskip("resource")
    if hard > resource.getrlimit(resource.RLIMIT_NOFILE)[1] >= 0:
        pytest.skip("the hard limit of this machine is lower")
    code = (
        f"import resource; resource.setrlimit(resource.RLIMIT_NOFILE, ({soft}, {hard}))\n"
        "from app.machine import allow_files\n"
        "print(allow_files(), resource.getrlimit(resource.RLIMIT_NOFILE)[0])"
    )
    ended = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert ended.stdout.split() == [str(allowed)] * 2
