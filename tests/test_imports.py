"""The house's plan, checked: who may import whom, and who may read files, settings and the environment."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parent.parent

GROUND = {"app", "errors", "settings", "imaging", "storage", "style_id"}
# Rooms of app/ and the rooms that each may import besides itself. "app" is the package itself, with the version.
ARROWS = {
    "app": set(),
    "errors": set(),
    "machine": {"app"},
    "retry_after": {"app", "errors"},
    "settings": {"app", "errors", "machine"},
    "style_id": {"app", "errors"},
    "tracing": {"app", "settings"},
    "logs": {"app"},
    "imaging": {"app", "errors", "settings"},
    "storage": {"app", "errors", "settings", "tracing"},
    "video": {"app", "errors", "imaging", "storage"},
    "nets": {"app", "errors"},
    "losses": {"app", "errors", "nets"},
    "engine": GROUND | {"machine", "nets", "losses", "tracing"},
    "registry": GROUND | {"nets", "losses"},
    "training": GROUND | {"nets", "losses"},
    "sql": {"app", "errors"},
    "model_store": GROUND | {"sql", "nets", "engine", "registry"},
    "model_builds": GROUND | {"nets", "losses", "engine", "registry", "training"},
    "serving": GROUND | {"engine", "registry", "model_store"},
    "jobs": GROUND
    | {
        "sql",
        "nets",
        "engine",
        "registry",
        "training",
        "gatys",
        "model_store",
        "model_builds",
        "tracing",
        "video",
    },
    "gatys": GROUND | {"nets", "losses"},
    "api": GROUND
    | {
        "sql",
        "nets",
        "engine",
        "registry",
        "training",
        "gatys",
        "model_store",
        "serving",
        "jobs",
        "retry_after",
        "tracing",
        "video",
    },
    "healthcheck": {"app", "settings"},
    "server": {"app", "errors", "machine", "retry_after", "settings", "jobs", "api"},
    "main": GROUND
    | {"engine", "registry", "model_store", "serving", "jobs", "logs", "machine", "tracing", "api", "server"},
    "cli": GROUND
    | {
        "sql",
        "nets",
        "engine",
        "registry",
        "training",
        "model_store",
        "model_builds",
        "jobs",
        "logs",
        "machine",
        "main",
        "tracing",
        "video",
    },
}

WEB = {"fastapi", "starlette", "uvicorn"}
HTTP = WEB | {"http", "httpx", "urllib", "multipart"}
WEB_ROOMS = {"api", "server", "main"}
# What reads or writes files, in packages that these rooms would reach for.
FILES = {"io", "os", "pathlib", "pickle", "safetensors", "shutil", "tempfile", "PIL"}
FILE_CALLS = {"open", "torch.load", "torch.save", "np.load", "np.fromfile", "numpy.load", "numpy.fromfile"}
FILELESS_ROOMS = {"nets", "losses"}
ENVIRONMENT = {"os.environ", "os.getenv", "os.environb"}
# torchrun tells its processes their rank through the environment and in no other way; so OpenMP is told how to wait.
READS_ENVIRONMENT = {
    "app/__init__.py",
    "app/settings/environment.py",
    "app/settings/settings.py",
    "app/cli/training_run.py",
}


@dataclass(frozen=True)
class Module:
    """A source file of the tree. `path` is relative to the tree's root, such as app/engine/scheduler.py."""

    path: Path
    tree: ast.Module

    @property
    def room(self) -> str:
        return room_of(self.dotted)

    @property
    def dotted(self) -> str:
        parts = self.path.with_suffix("").parts
        return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)

    @property
    def imports(self) -> set[str]:
        """Dotted names of everything imported anywhere in the file, `from` imports with each name appended."""
        found: set[str] = set()
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                found.update(alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                origin = self.origin(node)
                found.update(f"{origin}.{alias.name}" for alias in node.names)
        return found

    def origin(self, node: ast.ImportFrom) -> str:
        """The module that a `from` import names, its dots resolved."""
        if not node.level:
            return node.module or ""
        package = self.dotted.split(".") if self.path.name == "__init__.py" else self.dotted.split(".")[:-1]
        base = package[: len(package) - node.level + 1]
        return ".".join([*base, node.module] if node.module else base)

    @property
    def names(self) -> set[str]:
        """Every name and every dotted pair that is mentioned, such as `open` and `os.environ`."""
        found: set[str] = set()
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Name):
                found.add(node.id)
            elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                found.add(f"{node.value.id}.{node.attr}")
        return found


def room_of(dotted: str) -> str:
    """app.engine.scheduler.Scheduler -> engine. What lies in app/__init__.py is in the room `app`."""
    parts = dotted.split(".")
    return parts[1] if len(parts) > 1 and not parts[1].startswith("__") else "app"


def modules(root: Path) -> Iterator[Module]:
    for path in sorted((root / "app").rglob("*.py")):
        yield Module(path.relative_to(root), ast.parse(path.read_text()))


def wrong_arrows(root: Path) -> list[str]:
    return [f"{module.path}: {reason}" for module in modules(root) for reason in sorted(reasons(module))]


def reasons(module: Module) -> Iterator[str]:
    if module.room not in ARROWS:
        yield f"the room {module.room} has no place in the plan"
        return
    yield from wrong_rooms(module)
    yield from wrong_packages(module)
    yield from wrong_reading(module)


def wrong_rooms(module: Module) -> Iterator[str]:
    imported = {room_of(name) for name in module.imports if name.split(".")[0] == "app"}
    for room in imported - ARROWS[module.room] - {module.room}:
        yield f"{module.room} must not import {room}"


def wrong_packages(module: Module) -> Iterator[str]:
    packages = {name.split(".")[0] for name in module.imports}
    if module.room not in WEB_ROOMS:
        yield from (f"imports {package}, which is for api alone" for package in packages & WEB)
    if module.path == Path("app/engine/scheduler.py"):
        yield from (f"the scheduler must not import {package}" for package in packages & (HTTP | {"torch"}))


def wrong_reading(module: Module) -> Iterator[str]:
    packages = {name.split(".")[0] for name in module.imports}
    if module.room in FILELESS_ROOMS:
        yield from (f"reads files with {name}" for name in (packages & FILES) | (module.names & FILE_CALLS))
    if module.path.as_posix() not in READS_ENVIRONMENT:
        mentioned = (module.names | module.imports) & ENVIRONMENT
        yield from (f"reads the environment with {name}" for name in mentioned)


def test_imports_run_one_way() -> None:
    assert wrong_arrows(REPOSITORY) == []


def test_every_room_of_the_plan_is_there() -> None:
    assert {module.room for module in modules(REPOSITORY)} == set(ARROWS)


@pytest.mark.parametrize(
    ("path", "source", "reason"),
    [
        ("app/engine/device.py", "from app.registry.manifest import Style", "engine must not import registry"),
        ("app/registry/publish.py", "import app.training.run", "registry must not import training"),
        ("app/training/run.py", "from app import engine", "training must not import engine"),
        ("app/training/run.py", "from ..engine import device", "training must not import engine"),
        ("app/training/__init__.py", "from ..api.problems import Problem", "training must not import api"),
        ("app/imaging/decode.py", "from app.nets import norm", "imaging must not import nets"),
        ("app/nets/norm.py", "from app.losses import gram", "nets must not import losses"),
        ("app/nets/norm.py", "from app.settings import Settings", "nets must not import settings"),
        ("app/losses.py", "import app.settings", "losses must not import settings"),
        ("app/errors.py", "from app.imaging.picture import Picture", "errors must not import imaging"),
        ("app/settings/settings.py", "from app.engine.device import Device", "settings must not import engine"),
        ("app/cli/serve.py", "from app.api.stylize.route import router", "cli must not import api"),
        ("app/api/health.py", "from app.main import create_app", "api must not import main"),
        ("app/engine/engine.py", "def late():\n    from fastapi import FastAPI", "imports fastapi, which is for api"),
        ("app/imaging/decode.py", "import starlette.requests", "imports starlette, which is for api alone"),
        ("app/engine/scheduler.py", "import torch.nn as nn", "the scheduler must not import torch"),
        ("app/engine/scheduler.py", "from http import HTTPStatus", "the scheduler must not import http"),
        ("app/nets/descriptor.py", "from safetensors.torch import load_file", "reads files with safetensors"),
        ("app/nets/descriptor.py", "weights = torch.load(name)", "reads files with torch.load"),
        ("app/losses.py", "data = open(name).read()", "reads files with open"),
        ("app/api/http/auth.py", "key = os.environ['KEY']", "reads the environment with os.environ"),
        ("app/api/http/auth.py", "from os import getenv", "reads the environment with os.getenv"),
        ("app/webhooks/send.py", "", "the room webhooks has no place in the plan"),
    ],
)
def test_a_wrong_arrow_is_found(tmp_path: Path, path: str, source: str, reason: str) -> None:
    file = tmp_path / path
    file.parent.mkdir(parents=True)
    file.write_text(source)
    [found] = wrong_arrows(tmp_path)
    assert found.startswith(f"{path}: {reason}")


def test_right_arrows_are_let_through(tmp_path: Path) -> None:
    file = tmp_path / "app" / "engine" / "stylizer.py"
    file.parent.mkdir(parents=True)
    file.write_text("import os\nimport torch\nfrom app import __version__\nfrom app.nets.norm import StyleRows\n")
    assert wrong_arrows(tmp_path) == []


@pytest.mark.process
def test_a_worker_loads_torch_with_its_tasks_and_not_before():
    code = "import sys, app.jobs.worker; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, check=True)
