"""deploy/nginx.conf before one server and before many, without the service behind it."""

from __future__ import annotations

import shutil
import subprocess
import threading
import time
from collections import Counter
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest
from many_machines import PATIENCE_SECONDS, compose, configured, free_port, nginx_command

pytestmark = pytest.mark.skipif(shutil.which("nginx") is None, reason="nginx is not installed")


class Named(BaseHTTPRequestHandler):
    """Answers with the port that was asked, and closes the connection, so that a server that ends has none left."""

    def do_GET(self) -> None:
        body = str(self.server.server_address[1]).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


def answers(url: str, number: int) -> Counter[int]:
    with httpx.Client(base_url=url, timeout=PATIENCE_SECONDS) as client:
        return Counter(int(client.get("/").text) for _ in range(number))


@pytest.mark.parametrize("number", [1, 5])
def test_any_number_of_servers_share_the_requests_and_one_that_dies_is_passed_over(number: int, tmp_path: Path) -> None:
    with ExitStack() as stack:
        servers = [ThreadingHTTPServer(("127.0.0.1", 0), Named) for _ in range(number)]
        for server in servers:
            server.daemon_threads = True
            threading.Thread(target=server.serve_forever, daemon=True).start()
            stack.callback(server.server_close)
            stack.callback(server.shutdown)
        ports = {server.server_address[1] for server in servers}
        listen = f"127.0.0.1:{free_port()}"
        text = configured(listen, [f"127.0.0.1:{port}" for port in ports], compose()["nginx"]["environment"])
        nginx = subprocess.Popen(nginx_command(tmp_path, text))
        stack.callback(nginx.wait)
        stack.callback(nginx.terminate)
        until_it_listens(f"http://{listen}", nginx)
        told = answers(f"http://{listen}", 20 * number)
        assert told.keys() == ports
        assert min(told.values()) > 5
        if number > 1:
            [gone, *_] = servers
            gone.shutdown()
            gone.server_close()
            assert answers(f"http://{listen}", 20).keys() <= ports - {gone.server_address[1]}


def until_it_listens(url: str, nginx: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            httpx.get(url)
            return
        except httpx.TransportError:
            assert nginx.poll() is None
            assert time.monotonic() < end
            time.sleep(0.05)
