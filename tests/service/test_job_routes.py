"""What the README promises of jobs: its lines make a picture, from one process and its worker."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import httpx
import pytest
from PIL import Image

README = (Path(__file__).parents[2] / "README.md").read_text()


def follow_the_readme(url: str, photos: Path, folder: Path) -> None:
    """Its three lines, with a photo and a style image of chelsea.png's size in the folder."""
    [lines] = re.findall(r"```sh\n(job=.*?)```", README, flags=re.DOTALL)
    # The tests' loss network has random weights: a few iterations show as much as many.
    lines = lines.replace("http://127.0.0.1:8000", url).replace("-F size=384", "-F size=384 -F iterations=30")
    for name in ("photo", "style"):
        Image.open(photos / "chelsea.png").save(folder / f"{name}.jpg")
    done = subprocess.run(
        ["sh", "-e"], input=lines, cwd=folder, capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == 0, done.stderr
    names = re.findall(r"^event: (\w+)$", done.stdout, flags=re.MULTILINE)
    assert names[:2] == ["status", "status"]
    assert names[-1] == "end"
    with Image.open(folder / "result.jpg") as result:
        assert result.size == (384, 255)


needs_curl = pytest.mark.skipif(shutil.which("curl") is None, reason="no curl")


@needs_curl
def test_the_readmes_lines_make_a_picture(launch, random_descriptor: Path, photos: Path, tmp_path: Path) -> None:
    server = launch(workers=1, worker_threads=1, descriptor=random_descriptor)
    follow_the_readme(server.url, photos, tmp_path)


def test_the_server_stops_at_once_although_somebody_follows_a_job(
    launch, random_descriptor: Path, photos: Path
) -> None:
    server = launch(workers=0, descriptor=random_descriptor)
    picture = (photos / "chelsea.png").read_bytes()
    made = server.client.post("/v1/jobs", files={"content": picture, "style": picture})
    with httpx.stream("GET", f"{server.url}{made.headers['location']}/events", timeout=600) as stream:
        lines = stream.iter_lines()
        assert next(lines).startswith("retry")
        server.process.terminate()
        list(lines)
    server.process.wait(60)
