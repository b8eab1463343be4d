"""A generator whose output is known exactly, and a stylizer that does what a test tells it to."""

import threading

import torch
from torch import nn

from app.engine.device import Device
from app.engine.stylizer import Stylizer
from app.nets.generators import Compact
from app.nets.norm import StyleRows

CPU = Device(torch.device("cpu"), torch.float32, "cpu")


class Affine(nn.Module):
    """gamma x + beta with one gamma and beta a sample: the identity for the rows that StyleRows starts with."""

    features = 1
    has_photo = True

    def __init__(self):
        super().__init__()
        self.batches = []

    def forward(self, x, gamma, beta):
        assert x.dtype == gamma.dtype == beta.dtype == torch.float32
        self.batches.append(tuple(x.shape))
        return gamma[:, :, None, None] * x + beta[:, :, None, None]


def affine_stylizer(styles=("plain",), gamma=1.0, beta=0.0, device=CPU):
    """A stylizer on `Affine`; gamma and beta one for all styles or one for each."""
    rows = StyleRows(len(styles), 1)
    with torch.no_grad():
        rows.gamma.copy_(torch.as_tensor(gamma).reshape(-1, 1))
        rows.beta.copy_(torch.as_tensor(beta).reshape(-1, 1))
    return Stylizer(Affine(), rows, styles, device)


def random_stylizer(device=CPU, styles=("a", "b", "c")):
    """The default generator with the same random weights and rows every time."""
    torch.manual_seed(0)
    generator = Compact()
    rows = StyleRows(len(styles), generator.features)
    with torch.no_grad():
        rows.gamma.normal_(1, 0.3)
        rows.beta.normal_(0, 0.3)
    return Stylizer(generator, rows, styles, device)


class ScriptedStylizer:
    """Inverts every picture, or does what the test has scripted; records the batches that it was given.

    `script` holds a callable for each coming call, run with the pictures: it may raise, wait, or return a result.
    `hold()` makes all following calls wait until `go` is set; `entered` is set when a call has begun.
    """

    style_ids = ("plain", "other")

    def __init__(self, most_at_once=None, speed=1000.0):
        self.most_at_once = most_at_once
        self.megapixels_per_second = speed
        self.script = []
        self.batches = []
        self.entered = threading.Event()
        self.go = threading.Event()
        self.go.set()

    def batch_key(self, height, width):
        return height, width

    def warm(self):
        self.megapixels_per_second = 1000.0

    def hold(self):
        self.entered.clear()
        self.go.clear()

    def paint(self, pixels, blends, *repainting):
        self.batches.append([int(picture[0, 0, 0]) for picture in pixels])
        self.entered.set()
        assert self.go.wait(120)
        if self.script and (result := self.script.pop(0)(pixels)) is not None:
            return result
        return [255 - picture for picture in pixels]


class SilentRequest:
    """Does nothing, as a request of OpenVINO where its memory does not suffice: results of the one before are left."""

    def __init__(self, before):
        self._before = before

    def infer(self, inputs, share_inputs):
        pass

    def get_tensor(self, name):
        return self._before.get_tensor(name)
