"""A plain FastAPI route around a generator in eager torch, to compare with: decode, network, encode, in a thread pool.

It is the kinder one of the plain routes: the body comes raw, styles are mixed before the network, and a lock keeps
requests from fighting over the cores inside it. There is no admission, no deadline and no bound.

    python -m benchmarks.service.plain_route --network paper --port 9000
"""

from __future__ import annotations

import argparse
import io
import threading

import numpy as np
import torch
import uvicorn
from fastapi import FastAPI, Request, Response
from PIL import Image
from starlette.concurrency import run_in_threadpool

from app.nets.architectures import ARCHITECTURES
from app.nets.norm import StyleRows
from app.registry.repository import Repository
from app.settings import SHIPPED_MODELS

QUALITY = 90


def network(name: str, styles: list[str]) -> tuple[torch.nn.Module, StyleRows]:
    """`compact` is the one that ships. Of `paper` the weights are random, which changes nothing in its speed."""
    if name == "compact":
        model = Repository(SHIPPED_MODELS).load("compact")
        return model.generator.eval(), model.rows
    generator = ARCHITECTURES[name]().eval()
    return generator, StyleRows(len(styles), generator.features)


def build(name: str) -> FastAPI:
    styles = list(Repository(SHIPPED_MODELS).load("compact").manifest.style_ids)
    generator, rows = network(name, styles)
    lock = threading.Lock()
    app = FastAPI()

    @torch.inference_mode()
    def paint(data: bytes, style: str) -> bytes:
        pixels = np.array(Image.open(io.BytesIO(data)).convert("RGB"))
        x = torch.from_numpy(pixels).permute(2, 0, 1)[None].float() / 255
        gamma, beta = rows.mix(torch.eye(len(styles))[[styles.index(style)]])
        with lock:
            y = generator(x, gamma, beta)
        painted = (y[0].clamp(0, 1) * 255).round().byte().permute(1, 2, 0).contiguous().numpy()
        file = io.BytesIO()
        Image.fromarray(painted).save(file, "jpeg", quality=QUALITY)
        return file.getvalue()

    @app.get("/healthz/ready")
    async def ready() -> dict[str, str]:
        return {"status": "ready"}

    @app.post("/v1/stylize")
    async def stylize(request: Request, styles: str) -> Response:
        painted = await run_in_threadpool(paint, await request.body(), styles)
        return Response(painted, media_type="image/jpeg")

    return app


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--network", choices=("paper", "compact"), default="paper")
    parser.add_argument("--port", type=int, default=9000)
    args = parser.parse_args()
    uvicorn.run(build(args.network), port=args.port, log_level="warning")


if __name__ == "__main__":
    main()
