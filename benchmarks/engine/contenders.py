"""Ways to run a generator on a CPU, each from bytes to bytes: what could serve, and what does."""

from __future__ import annotations

import copy
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from app.engine.device import Device
from app.engine.openvino_runtime import openvino_core
from app.engine.stylizer import Stylizer
from app.imaging.picture import Pixels
from app.model_builds.onnx_export import export_onnx
from app.nets.architectures import ARCHITECTURES
from app.nets.generators import Generator, Trunk
from app.nets.norm import StyleRows
from app.registry.repository import Repository
from app.settings import SHIPPED_MODELS

# Pictures (B, H, W, 3), gamma and beta (B, features) -> paintings (B, H, W, 3).
Paint = Callable[[Pixels, Tensor, Tensor], Pixels]
Network = Callable[[Tensor, Tensor, Tensor], Tensor]
USUAL = (512, 512)  # height and width that are prepared for
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}


@dataclass(frozen=True, eq=False)
class Subject:
    """A generator in float32, and a row of gamma and beta (1, features)."""

    name: str
    generator: Trunk
    gamma: Tensor
    beta: Tensor

    def narrowed(self, dtype: torch.dtype) -> Generator:
        """A copy, with the inner layers in that dtype as eager torch would serve it."""
        generator = copy.deepcopy(self.generator)
        generator.load_state_dict(generator.weights(dtype), assign=True)
        return generator.requires_grad_(False)


def subject(name: str) -> Subject:
    """`compact` is the one that ships. Of `paper` the weights are random, which changes nothing in its speed."""
    if name == "compact":
        model = Repository(SHIPPED_MODELS).load("compact")
        generator, (gamma, beta) = model.generator, model.rows(torch.tensor([0]))
    else:
        torch.manual_seed(0)
        generator = ARCHITECTURES["paper"]().eval().requires_grad_(False)
        gamma, beta = torch.ones(1, generator.features), torch.zeros(1, generator.features)
    assert isinstance(generator, Trunk)
    return Subject(name, generator, gamma.detach(), beta.detach())


@dataclass(frozen=True)
class Contender:
    """One way. `make` prepares it for a subject, a dtype and a number of threads."""

    name: str
    dtype: str
    make: Callable[[Subject, torch.dtype, int], Paint]
    packages: tuple[str, ...] = ()
    compiler: bool = False  # whether it needs one, for every size anew

    @property
    def label(self) -> str:
        return f"{self.name}, {self.dtype}"

    @property
    def missing(self) -> str | None:
        """What it wants that is not here, and how to get it."""
        if self.compiler and not (shutil.which("g++") or shutil.which("c++")):
            return "no C++ compiler"
        absent = [package for package in self.packages if find_spec(package) is None]
        return f"pip install {' '.join(absent)}" if absent else None


def from_bytes(network: Network, layout: torch.memory_format = torch.contiguous_format) -> Paint:
    @torch.inference_mode()
    def paint(pictures: Pixels, gamma: Tensor, beta: Tensor) -> Pixels:
        x = torch.from_numpy(pictures).permute(0, 3, 1, 2).to(torch.float32, memory_format=layout).div_(255)
        y = network(x, gamma, beta).mul(255).round_().clamp_(0, 255).to(torch.uint8)
        painted: Pixels = y.permute(0, 2, 3, 1).contiguous().numpy()
        return painted

    return paint


def eager(subject: Subject, dtype: torch.dtype, threads: int) -> Paint:
    return from_bytes(subject.narrowed(dtype))


def eager_channels_last(subject: Subject, dtype: torch.dtype, threads: int) -> Paint:
    generator = subject.narrowed(dtype).to(memory_format=torch.channels_last)
    return from_bytes(generator, torch.channels_last)


def compiled(subject: Subject, dtype: torch.dtype, threads: int) -> Paint:
    """Anew for every size: with sizes left free, torch 2.13 cannot compile the mirrored borders."""
    return from_bytes(torch.compile(subject.narrowed(dtype), dynamic=False))


def exported(subject: Subject, dtype: torch.dtype, threads: int) -> Paint:
    """AOTInductor: compiled at build for one size, loaded as a library."""
    example = (torch.rand(1, 3, *USUAL), subject.gamma, subject.beta)
    program = torch.export.export(subject.narrowed(dtype), example)
    path = str(Path(tempfile.mkdtemp()) / "generator.pt2")
    torch._inductor.aoti_compile_and_package(program, package_path=path)
    return from_bytes(torch._inductor.aoti_load_package(path))


@cache
def onnx_file(subject: Subject) -> Path:
    file = Path(tempfile.mkdtemp()) / "generator.onnx"
    export_onnx(copy.deepcopy(subject.generator), file)
    return file


def onnx_runtime(subject: Subject, dtype: torch.dtype, threads: int) -> Paint:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(onnx_file(subject), options, providers=["CPUExecutionProvider"])

    def network(x: Tensor, gamma: Tensor, beta: Tensor) -> Tensor:
        feed = {"picture": x.numpy(), "gamma": gamma.numpy(), "beta": beta.numpy()}
        return torch.from_numpy(session.run(None, feed)[0])

    return from_bytes(network)


def openvino_from_onnx(subject: Subject, dtype: torch.dtype, threads: int) -> Paint:
    """What the package makes of the exported graph by itself."""
    core = openvino_core()
    precision = "bf16" if dtype == torch.bfloat16 else "f32"
    settings = {"INFERENCE_PRECISION_HINT": precision, "INFERENCE_NUM_THREADS": threads, "NUM_STREAMS": 1}
    request = core.compile_model(core.read_model(onnx_file(subject)), "CPU", settings).create_infer_request()

    def network(x: Tensor, gamma: Tensor, beta: Tensor) -> Tensor:
        feed = {"picture": x.numpy(), "gamma": gamma.numpy(), "beta": beta.numpy()}
        request.infer(feed, share_inputs=True)
        return torch.from_numpy(request.get_output_tensor(0).data.copy())

    return from_bytes(network)


def served(subject: Subject, dtype: torch.dtype, threads: int) -> Paint:
    """What the service paints with: a graph, or as many pictures side by side as there are threads."""
    rows = StyleRows(1, subject.generator.features)
    rows.load_state_dict({"gamma": subject.gamma, "beta": subject.beta})
    device = Device(torch.device("cpu"), dtype, "cpu", threads, compiles=True)
    stylizer = Stylizer(copy.deepcopy(subject.generator), rows, ("style",), device)

    def paint(pictures: Pixels, gamma: Tensor, beta: Tensor) -> Pixels:
        return np.stack(stylizer.paint(list(pictures), [{"style": 1.0}] * len(pictures)))

    return paint


ONNX = ("onnx", "onnxscript")
CONTENDERS = [
    contender
    for dtype in DTYPES
    for contender in (
        Contender("eager", dtype, eager),
        Contender("eager, channels last", dtype, eager_channels_last),
        Contender("torch.compile", dtype, compiled, compiler=True),
        Contender("AOTInductor", dtype, exported, compiler=True),
        Contender("ONNX Runtime", dtype, onnx_runtime, (*ONNX, "onnxruntime")),
        Contender("OpenVINO from ONNX", dtype, openvino_from_onnx, (*ONNX, "openvino")),
        Contender("pastiche's graph", dtype, served, ("openvino",)),
    )
    # Of bfloat16 its CPU provider has no convolution.
    if (contender.name, dtype) != ("ONNX Runtime", "bfloat16")
]
BASELINE = "eager, float32"
# No compiler, and little to prepare: what serves, what did, and what else is known for serving.
QUICK = ("eager, float32", "eager, bfloat16", "eager, channels last, bfloat16", "ONNX Runtime, float32")
QUICK += ("OpenVINO from ONNX, bfloat16", "pastiche's graph, float32", "pastiche's graph, bfloat16")
