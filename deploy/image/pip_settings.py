"""pip's settings of this machine, for a build in a container: where packages come from, and whom to trust."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

PASSED_ON = ("cert", "constraint", "extra-index-url", "find-links", "index-url", "proxy", "timeout", "trusted-host")


def pip_settings() -> dict[str, str]:
    """Option -> value; variables of the environment go before files, as in pip."""
    command = [sys.executable, "-m", "pip", "config", "list"]
    listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    settings: dict[str, str] = {}
    for line in sorted(listed, key=lambda line: line.startswith(":env:")):
        name, _, value = line.partition("=")
        option = name.rpartition(".")[2]
        # Indices in files name further files, which would have to be mounted, too.
        values = [part for part in ast.literal_eval(value).split() if not part.startswith("file:")]
        if option in PASSED_ON and values:
            settings[option] = " ".join(values)
    return settings


def mounts(folder: Path) -> Iterator[str]:
    """Options of a build: a pip.conf, written into `folder`, and the files and folders here that it names."""
    settings = pip_settings()
    file = folder / "pip.conf"
    file.write_text("[global]\n" + "".join(f"{option} = {value}\n" for option, value in settings.items()))
    yield f"--volume={file}:/etc/pip.conf:ro"
    named = {part for value in settings.values() for part in value.split() if part.startswith("/")}
    for path in sorted(path for path in named if Path(path).exists()):
        yield f"--volume={path}:{path}:ro"
