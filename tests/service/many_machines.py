"""The services of docker-compose.yml as plain processes, in the order that it asks for.

Images of others are replaced: PostgreSQL and Redis by those that run here, the S3 service by moto's.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx
import yaml

REPOSITORY = Path(__file__).parents[2]
# A guard against waiting for ever, not a measure.
PATIENCE_SECONDS = 600
GIVEN = {"postgres", "redis", "s3"}


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def compose(name: str = "docker-compose.yml") -> dict[str, Any]:
    """Its services, with the defaults of the variables put in."""
    text = re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", (REPOSITORY / name).read_text())
    services: dict[str, Any] = yaml.safe_load(text)["services"]
    return services


def configured(listen: str, servers: Sequence[str], environment: Mapping[str, str]) -> str:
    """deploy/nginx.conf with the variables that compose gives it, and addresses in the place of the servers' name.

    Debian's nginx is older than `resolve`.
    """
    [server] = re.findall(r"^server api:8000 resolve (.*;)$", environment["NGINX_SERVERS"])
    variables = environment | {
        "NGINX_LISTEN": listen,
        "NGINX_SERVERS": " ".join(f"server {address} {server}" for address in servers),
    }
    text = (REPOSITORY / "deploy" / "nginx.conf").read_text()
    return re.sub(r"\$\{(\w+)\}", lambda found: variables[found[1]], text)


def nginx_command(folder: Path, configuration: str) -> list[str]:
    """For that configuration in a main file of the test's own, as the image has one around it."""
    (folder / "default.conf").write_text(configuration)
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    temporary = "\n".join(f"{kind}_temp_path {folder}/{kind};" for kind in kinds)
    user = "user root;" if os.geteuid() == 0 else ""
    main = folder / "nginx.conf"
    main.write_text(
        f"{user} daemon off; pid {folder}/nginx.pid; error_log stderr;\nevents {{}}\n"
        f"http {{ access_log off; {temporary} include {folder}/default.conf; }}\n"
    )
    return ["nginx", "-c", str(main), "-p", str(folder), "-e", "stderr"]


class ManyMachines:
    """Started by `start`, ended by `stop`.

    Args:
        addresses: what a compose file's variable says -> what it is here, such as `s3:9000` -> `127.0.0.1:4711`.
        settings: PASTICHE_* variables on top.
    """

    def __init__(self, folder: Path, addresses: Mapping[str, str], settings: Mapping[str, str]) -> None:
        self.folder = folder
        self.services = compose()
        self.port = free_port()
        self.api_ports = [free_port() for _ in range(self._replicas("api"))]
        self.processes: dict[str, list[subprocess.Popen[bytes]]] = {}
        self._addresses = addresses
        self._settings = settings

    @property
    def url(self) -> str:
        """Of nginx."""
        return f"http://127.0.0.1:{self.port}"

    def api_url(self, index: int) -> str:
        return f"http://127.0.0.1:{self.api_ports[index]}"

    def start(self) -> None:
        for name in self.services:
            self._start(name)

    def _start(self, name: str) -> None:
        """After what it depends on, each in the state that is asked for."""
        if name in GIVEN or name in self.processes:
            return
        service = self.services[name]
        for other, wanted in service["depends_on"].items():
            self._start(other)
            if other not in GIVEN:
                self._wait(other, wanted["condition"])
        command = self._nginx() if name == "nginx" else service["command"]
        self.processes[name] = [self._launch(name, index, command, service) for index in range(self._replicas(name))]

    def _replicas(self, name: str) -> int:
        return int(self.services[name].get("deploy", {}).get("replicas", 1))

    def _launch(self, name: str, index: int, command: list[str], service: Mapping[str, Any]) -> subprocess.Popen[bytes]:
        environment = os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
        for key, given in service["environment"].items():
            value = str(given or "")  # a variable without a default is empty
            for there, here in self._addresses.items():
                value = value.replace(there, here)
            environment[key] = value
        if name == "api":
            environment["PASTICHE_PORT"] = str(self.api_ports[index])
        environment |= self._settings
        with (self.folder / f"{name}.log").open("ab") as log:
            return subprocess.Popen(command, env=environment, stdout=log, stderr=log, cwd=self.folder)

    def _nginx(self) -> list[str]:
        servers = [f"127.0.0.1:{port}" for port in self.api_ports]
        configuration = configured(f"127.0.0.1:{self.port}", servers, self.services["nginx"]["environment"])
        return nginx_command(self.folder, configuration)

    def _wait(self, name: str, condition: str) -> None:
        for index, process in enumerate(self.processes[name]):
            if condition == "service_completed_successfully":
                assert process.wait(PATIENCE_SECONDS) == 0, self.log(name)
            else:
                self._until_healthy(name, self.api_ports[index], process)

    def _until_healthy(self, name: str, port: int, process: subprocess.Popen[bytes]) -> None:
        """By the image's own check."""
        [check] = re.findall(r"^HEALTHCHECK.*\\\n\s+CMD (.*)$", (REPOSITORY / "Dockerfile").read_text(), re.MULTILINE)
        command = [sys.executable, *json.loads(check)[1:]]
        environment = os.environ | {"PASTICHE_PORT": str(port)}
        end = time.monotonic() + PATIENCE_SECONDS
        while subprocess.run(command, env=environment, capture_output=True, check=False).returncode:
            assert process.poll() is None, self.log(name)
            assert time.monotonic() < end, self.log(name)
            time.sleep(1)  # a check takes a third of a second of the processor

    def log(self, name: str) -> str:
        return f"{name}: {(self.folder / f'{name}.log').read_text()[-3000:]}"

    def stop(self) -> None:
        """nginx first, as the last one that was started."""
        for name in reversed(self.processes):
            for process in self.processes[name]:
                if process.poll() is None:
                    process.terminate()
        for process in (process for processes in self.processes.values() for process in processes):
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def start_s3(folder: Path) -> tuple[subprocess.Popen[bytes], str]:
    """moto's server, and its host and port."""
    port = free_port()
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    with (folder / "s3.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    end = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            httpx.get(f"http://127.0.0.1:{port}/", timeout=600)
            return process, f"127.0.0.1:{port}"
        except httpx.TransportError:
            assert process.poll() is None, (folder / "s3.log").read_text()
            assert time.monotonic() < end, shlex.join(command)
            time.sleep(0.1)
