"""Delete what the service does not use from the virtual environment that runs this, some 0.3 GB: for the Dockerfile."""

from __future__ import annotations

import shutil
import sysconfig
from pathlib import Path

UNUSED = (
    # What extensions of torch are built and tested with.
    "torch/include",
    "torch/test",
    "torch/bin/*Test",
    "torch/bin/protoc*",
    "torch/bin/test_*",
    # OpenVINO on other devices than a processor, and its readers of other formats than torch's and its own.
    "openvino/libs/cache.json",
    "openvino/libs/libopenvino_intel_[gn]pu_plugin.so",
    "openvino/libs/libopenvino_onnx_frontend.*",
    "openvino/libs/libopenvino_tensorflow*_frontend.*",
    "openvino/libs/libopenvino_paddle_frontend.*",
    "openvino/libs/libopenvino_jax_frontend.*",
    # Of every package.
    "**/tests",
)


def delete(pattern: str, folder: Path) -> None:
    """Says so where nothing has that name: builds of torch for other devices have other files."""
    found = list(folder.glob(pattern))
    if not found:
        print(f"{Path(__file__).name}: there is no {pattern}")  # noqa: T201
    for path in found:
        if path.is_dir():
            shutil.rmtree(path)
        elif path.exists():  # not in a folder that has gone already
            path.unlink()


if __name__ == "__main__":
    for unused in UNUSED:
        delete(unused, Path(sysconfig.get_path("purelib")))
