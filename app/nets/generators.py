"""Feed-forward generators: a photo and style rows in, a stylized image of the same size out, in one pass.

`Paper` is the network of Dumoulin et al. (1610.07629), table 1, and `Johnson` the same for one style. `Compact` works
at a quarter of the resolution, which keeps it under 20 GFLOP at 512 x 512; `Paper` needs 81.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from itertools import pairwise, product
from typing import Any, Literal, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from app.nets.noise import grain
from app.nets.norm import BatchNorm, InstanceNorm, NormName, build_norm

SMALLEST_EDGE = 16
SMALLEST_DEEP_EDGE = 32
# Bounds on what a recipe or a manifest may ask for: ten times the largest published generator.
WIDEST = 1024
MAX_BLOCKS = 64

Padding = Literal["reflect", "circular"]

Rows = Iterator[tuple[Tensor, Tensor]]
# The first and the last one, along an edge.
Places = tuple[int, int]


class ConvNorm(nn.Module):
    """Padding, convolution, norm; with `enlarge`, a nearest-neighbour upsampling before them.

    Args:
        by_phase: train a 3x3 convolution after twofold upsampling by `convolve_enlarged`, which is faster.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: int,
        *,
        norm: NormName = "instance",
        stride: int = 1,
        enlarge: int = 1,
        padding: Padding = "reflect",
        by_phase: bool = False,
    ) -> None:
        super().__init__()
        # No bias: the norm subtracts the mean of every channel again.
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride, padding=kernel // 2, padding_mode=padding, bias=False)
        self.norm = build_norm(norm, outputs)
        self.enlarge = enlarge
        self.by_phase = by_phase

    def sees(self, first: int, last: int) -> Places:
        """What the results at these places depend on, but for the norm."""
        (stride, _), around = self.conv.stride, self.conv.kernel_size[0] // 2
        return (first * stride - around) // self.enlarge, (last * stride + around) // self.enlarge

    def forward(self, x: Tensor, rows: Rows) -> Tensor:
        normed: Tensor = self.norm(self.convolve(x), *next(rows))
        return normed

    def convolve(self, x: Tensor) -> Tensor:
        # In training only: each phase rounds differently, and the norms amplify that in an image of one colour.
        if self.by_phase and self.training:
            return convolve_enlarged(x, self.conv.weight)
        if self.enlarge > 1:
            x = F.interpolate(x, scale_factor=self.enlarge, mode="nearest")
        convolved: Tensor = self.conv(x)
        return convolved


# Which of two input positions each of a kernel's three taps falls on, along one axis, for the first and the second of
# the two upsampled positions: (2, 2, 3).
_PHASES = (((1, 0, 0), (0, 1, 1)), ((1, 1, 0), (0, 0, 1)))


def convolve_enlarged(x: Tensor, weight: Tensor) -> Tensor:
    """Upsample x (B, C, H, W) twofold by nearest neighbour, pad it by reflection, and convolve it with a 3x3 kernel.

    Computed before the upsampling, with 16 multiplications instead of 36: each of the four output phases has its own
    2x2 kernel, whose values are sums of the 3x3 kernel's. Reflecting the upsampled border repeats the border of x.

    Args:
        weight: (N, C, 3, 3).

    Returns:
        (B, N, 2H, 2W)
    """
    phases = torch.tensor(_PHASES, dtype=weight.dtype, device=weight.device)
    small = torch.einsum("yai,xbj,ncij->yxncab", phases, phases, weight).flatten(0, 2)  # (4N, C, 2, 2)
    wide = F.conv2d(F.pad(x, (1, 1, 1, 1), mode="replicate"), small.contiguous(memory_format=torch.channels_last))
    if torch.compiler.is_exporting():
        return _interleave(wide)
    enlarged: Tensor = _Interleave.apply(wide)  # type: ignore[no-untyped-call]
    return enlarged


def _interleave(wide: Tensor) -> Tensor:
    """(B, 4N, H + 1, W + 1), four places in each small position, -> (B, N, 2H, 2W)."""
    lines = [torch.stack([_phase(wide, y, x) for x in (0, 1)], dim=3).flatten(2, 3) for y in (0, 1)]
    return torch.stack(lines, dim=2).flatten(1, 2).permute(0, 3, 1, 2)


def _phase(wide: Tensor, y: int, x: int) -> Tensor:
    """What belongs to one of the four enlarged positions, a view: (B, 4N, H + 1, W + 1) -> (B, H, W, N)."""
    height, width = wide.shape[2:]
    last = wide.permute(0, 2, 3, 1).reshape(len(wide), height, width, 2, 2, -1)
    return last[:, y : y + height - 1, x : x + width - 1, y, x]


class _Interleave(torch.autograd.Function):
    """The same for training: autograd would write each of the four gradients into zeros of its own and add them up."""

    @staticmethod
    def forward(ctx: Any, wide: Tensor) -> Tensor:
        return _interleave(wide)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        batch, channels, height, width = gradients[0].shape
        shape = (batch, height // 2 + 1, width // 2 + 1, 4 * channels)
        dz = gradients[0].permute(0, 2, 3, 1)
        wide = dz.new_zeros(shape).permute(0, 3, 1, 2)  # channels last
        for y, x in product((0, 1), repeat=2):
            _phase(wide, y, x).copy_(dz[:, y::2, x::2])
        return wide


class Residual(nn.Module):
    """Two 3x3 convolutions around a shortcut, linear after the sum (1610.07629, table 1)."""

    def __init__(self, channels: int, norm: NormName = "instance") -> None:
        super().__init__()
        self.first = ConvNorm(channels, channels, 3, norm=norm)
        self.second = ConvNorm(channels, channels, 3, norm=norm)

    def sees(self, first: int, last: int) -> Places:
        """See `ConvNorm.sees`."""
        return self.first.sees(*self.second.sees(first, last))

    def forward(self, x: Tensor, rows: Rows) -> Tensor:
        change: Tensor = self.second(F.relu(self.first(x, rows)), rows)
        return x + change


class Hourglass(nn.Module):
    """A residual block that computes its change at lower resolution (1603.06937): each width halves it once more.

    Its receptive field is four times that of a block at the trunk's resolution, for half the work and six times the
    weights.
    """

    def __init__(self, channels: int, widths: tuple[int, ...], norm: NormName = "instance") -> None:
        super().__init__()
        self.down = nn.ModuleList(ConvNorm(a, b, 3, norm=norm, stride=2) for a, b in pairwise((channels, *widths)))
        self.block = Residual(widths[-1], norm)
        self.back = ConvNorm(widths[-1], channels, 1, norm=norm)

    @property
    def factor(self) -> int:
        """The trunk's resolution divided by the lowest one."""
        return 1 << len(self.down)

    def sees(self, first: int, last: int) -> Places:
        """See `ConvNorm.sees`."""
        # Bilinear, of the two nearest.
        seen = tuple((2 * place + 1 - self.factor) // (2 * self.factor) for place in (first, last))
        seen = self.block.sees(seen[0], seen[1] + 1)
        for layer in cast(Iterable[ConvNorm], reversed(self.down)):
            seen = layer.sees(*seen)
        return min(first, seen[0]), max(last, seen[1])

    def forward(self, x: Tensor, rows: Rows) -> Tensor:
        change = x
        for layer in self.down:
            change = F.relu(layer(change, rows))
        change = self.back(self.block(change, rows), rows)
        # Bilinear: the layers that follow could not smooth away the edges of 16-pixel squares.
        return x + F.interpolate(change, scale_factor=self.factor, mode="bilinear")


class Generator(nn.Module):
    """What all generators share: any size in, the same size out, and style rows split among the norms in order.

    Attributes:
        multiple: pixels that height and width must be a multiple of, because of the strides.
        smallest: smallest edge in pixels; smaller images are padded to it.
        margin: pixels of reflection padding on every side, cropped from the result.
        features: number of gammas (and of betas) per style.
        one_style: whether it can have one style only (still as a row).
        has_photo: whether the result depends on the photo.
        memory_format: the memory format of the weights that trains fastest on a CPU.
    """

    last: ConvNorm
    has_photo = True
    memory_format = torch.contiguous_format

    def __init__(self, multiple: int, smallest: int = SMALLEST_EDGE, margin: int = 0) -> None:
        super().__init__()
        # Reflecting by one pixel needs an edge of two, also at the lowest resolution of the smallest image.
        if multiple > smallest // 2:
            raise ValueError(f"a generator may halve the resolution {int(math.log2(smallest // 2))} times at most")
        # Reflection needs as many pixels as it adds: the margin and, right and bottom, the rest up to the multiple.
        if not 0 <= margin <= smallest - multiple:
            raise ValueError(f"the margin must be 0 to {smallest - multiple} pixels")
        self.multiple = multiple
        self.smallest = smallest
        self.margin = margin

    @property
    def one_style(self) -> bool:
        return any(isinstance(m, BatchNorm) for m in self.modules())

    @property
    def norms(self) -> dict[str, int]:
        """Channels of every norm by its name, in the order in which they run."""
        return {name: m.channels for name, m in self.named_modules() if isinstance(m, InstanceNorm | BatchNorm)}

    @property
    def widths(self) -> list[int]:
        """Channels of every norm, in the order in which they run."""
        return list(self.norms.values())

    @property
    def features(self) -> int:
        return sum(self.widths)

    def forward(self, x: Tensor, gamma: Tensor, beta: Tensor) -> Tensor:
        """Stylize photos.

        Args:
            x: (B, 3, H, W) sRGB in 0..1, any H and W from 1.
            gamma, beta: (B, features) float32, one style or blend per sample.

        Returns:
            (B, 3, H, W) float32 sRGB in 0..1.
        """
        padded = pad_to_multiple(x, self.multiple, self.smallest, self.margin)
        return self.within(self.paint(padded, self.split(gamma, beta)), *x.shape[-2:])

    def within(self, painted: Tensor, height: int, width: int) -> Tensor:
        """Crop (..., H, W) by what `pad_to_multiple` has added."""
        return painted[..., self.margin : self.margin + height, self.margin : self.margin + width]

    def split(self, gamma: Tensor, beta: Tensor) -> Rows:
        """(B, features) each -> gamma and beta of one norm after the other."""
        return zip(torch.split(gamma, self.widths, dim=1), torch.split(beta, self.widths, dim=1), strict=True)

    def paint(self, x: Tensor, rows: Rows) -> Tensor:
        """`forward` for sizes that the strides divide."""
        raise NotImplementedError

    def weights(self, dtype: torch.dtype, last: torch.dtype = torch.float32) -> dict[str, Tensor]:
        """All weights by name, in `dtype` except for the last layer's; gradients flow back to the parameters.

        The last layer decides the 8-bit values: bfloat16, with its 8 bits of precision, would show as
        banding there. Training is not affected, and a tenth faster.
        Running statistics are not converted or copied, since training updates them in place.
        """
        weights = {name: p.to(last if name.startswith("last.") else dtype) for name, p in self.named_parameters()}
        return weights | dict(self.named_buffers())


def pad_to_multiple(x: Tensor, multiple: int, smallest: int = SMALLEST_EDGE, margin: int = 0) -> Tensor:
    """Pad (B, C, H, W): by edge values to the smallest size at the right and bottom, then by reflection on all sides.

    The right and bottom margins are larger by what is missing to the next multiple.
    """
    height, width = x.shape[-2:]
    short = (max(0, smallest - width), max(0, smallest - height))
    if any(short):
        x = F.pad(x, (0, short[0], 0, short[1]), mode="replicate")
    (top, bottom), (left, right) = (mirrored(edge, multiple, margin) for edge in x.shape[-2:])
    return F.pad(x, (left, right, top, bottom), mode="reflect") if right or bottom else x


def mirrored(edge: int, multiple: int, margin: int) -> tuple[int, int]:
    """Pixels of reflection padding before and after an edge."""
    return margin, margin + -(edge + 2 * margin) % multiple


class Trunk(Generator):
    """Narrowing convolutions, residual blocks, widening convolutions and a normalised last one with a sigmoid.

    Attributes:
        deep: an `Hourglass`, or nothing.
        folded: the picture's resolution divided by the first layer's.
    """

    folded = 1

    memory_format = torch.channels_last
    entry: ConvNorm
    down: nn.ModuleList
    deep: nn.ModuleList
    blocks: nn.ModuleList
    up: nn.ModuleList

    @property
    def reach(self) -> int:
        """Pixels from a place of the result to the farthest one of the photo that it depends on, but for the norms."""
        seen = [(place, *self.sees(place, place)) for place in range(self.multiple)]
        return max(max(place - first, last - place) for place, first, last in seen)

    def sees(self, first: int, last: int) -> Places:
        """See `ConvNorm.sees`."""
        parts = (self.entry, *self.down, *self.deep, *self.blocks, *self.up, self.last)
        for part in reversed(cast(tuple[ConvNorm, ...], parts)):
            first, last = part.sees(first, last)
        return first * self.folded, last * self.folded + self.folded - 1

    def paint(self, x: Tensor, rows: Rows, at: tuple[int, int] = (0, 0)) -> Tensor:
        """As `Generator.paint`; `at` is where x begins in a larger picture: row and column, multiples of `multiple`."""
        x = x.to(self.entry.conv.weight.dtype)
        x = F.relu(self.entry(x, rows))
        for layer in self.down:
            x = F.relu(layer(x, rows))
        for block in (*self.deep, *self.blocks):
            x = block(x, rows)
        for layer in self.up:
            x = F.relu(layer(x, rows))
        gamma, beta = next(rows)
        # The last norm and the image are in float32, whatever the type of the last layer's weights.
        x = self.last.conv(x.to(self.last.conv.weight.dtype)).to(gamma.dtype)
        return torch.sigmoid(self.last.norm(x, gamma, beta))


class Paper(Trunk):
    """1610.07629, table 1: 9x9-32, 3x3-64 and 3x3-128 with stride 2, five residual blocks, two times up, 9x9-3."""

    def __init__(
        self, widths: tuple[int, ...] = (32, 64, 128), blocks: int = 5, *, norm: NormName = "instance"
    ) -> None:
        check_sizes(widths, blocks)
        super().__init__(multiple=2 ** (len(widths) - 1))
        self.entry = ConvNorm(3, widths[0], 9, norm=norm)
        self.down = nn.ModuleList(ConvNorm(a, b, 3, norm=norm, stride=2) for a, b in pairwise(widths))
        self.deep = nn.ModuleList()
        self.blocks = nn.ModuleList(Residual(widths[-1], norm) for _ in range(blocks))
        self.up = nn.ModuleList(ConvNorm(a, b, 3, norm=norm, enlarge=2) for a, b in pairwise(reversed(widths)))
        self.last = ConvNorm(widths[0], 3, 9, norm=norm)


class Johnson(Paper):
    """The network of Johnson et al. (1603.08155) for one style, with batch or instance normalisation.

    Widths, kernels, strides and blocks are those of Johnson et al. Everything else follows Dumoulin's table 1, so that
    the two methods differ only in how many styles they have: reflection padding instead of zeros (which also makes the
    40 pixels around the photo and the cropped shortcuts unnecessary), nearest-neighbour upsampling before a convolution
    instead of fractional strides, and a last layer with a norm and a sigmoid instead of a scaled tanh.
    """

    @property
    def one_style(self) -> bool:
        return True


class Compact(Trunk):
    """The default: pixels folded 2x2 into channels first, residual blocks at low resolution, a 5x5 last layer.

    One more input channel is `grain`, as in Texture Networks (1603.03417): a flat sky has nothing to make brush strokes
    from, and without noise the network makes them from the phases of its own upsampling, which shows as a grid.

    `deep` has the widths of an hourglass before the residual blocks, each at half the resolution of the one before; if
    empty, there is no hourglass.

    `margin` is how Johnson et al. (1603.08155: 40 pixels) avoid artifacts at borders: reflected strokes meet themselves
    there and form a mesh, which is cropped.
    """

    folded = 2

    def __init__(
        self,
        widths: tuple[int, ...] = (32, 64),
        blocks: int = 5,
        fine: int = 16,
        deep: tuple[int, ...] = (),
        margin: int = 0,
        *,
        norm: NormName = "instance",
    ) -> None:
        check_sizes(widths, blocks)
        check_sizes((*deep, fine), blocks)
        super().__init__(2 ** len((*widths, *deep)), SMALLEST_DEEP_EDGE if deep else SMALLEST_EDGE, margin)
        self.entry = ConvNorm(12 + 1, widths[0], 3, norm=norm)
        self.down = nn.ModuleList(ConvNorm(a, b, 3, norm=norm, stride=2) for a, b in pairwise(widths))
        self.deep = nn.ModuleList([Hourglass(widths[-1], deep, norm)] if deep else [])
        self.blocks = nn.ModuleList(Residual(widths[-1], norm) for _ in range(blocks))
        narrowing = (*reversed(widths), fine)
        self.up = nn.ModuleList(ConvNorm(a, b, 3, norm=norm, enlarge=2, by_phase=True) for a, b in pairwise(narrowing))
        self.last = ConvNorm(fine, 3, 5, norm=norm)

    def paint(self, x: Tensor, rows: Rows, at: tuple[int, int] = (0, 0)) -> Tensor:
        folded = F.pixel_unshuffle(x, self.folded)
        height, width = folded.shape[-2:]
        begins = at[0] // self.folded, at[1] // self.folded
        noise = grain(height, width, x.device, begins).to(x.dtype).expand(len(x), 1, -1, -1)
        return super().paint(torch.cat([folded, noise], dim=1), rows)


def check_sizes(widths: tuple[int, ...], blocks: int) -> None:
    """Raise ValueError if the widths or the number of residual blocks are out of bounds."""
    if not widths:
        raise ValueError("widths must name one width at least")
    if not all(1 <= width <= WIDEST for width in widths):
        raise ValueError(f"widths must be 1 to {WIDEST} channels")
    if not 0 <= blocks <= MAX_BLOCKS:
        raise ValueError(f"blocks must be 0 to {MAX_BLOCKS}")
