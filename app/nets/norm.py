"""Normalisations and the style rows that condition them.

Dumoulin et al., "A Learned Representation for Artistic Style" (1610.07629), equation 5: z = gamma_s (x - mu) / sigma +
beta_s, with mu and sigma over the positions of one sample and channel: conditional instance normalisation (CIN), and
with one style, instance normalisation (1607.08022). A style is one row of gamma and beta. Batch normalisation
(1502.03167), the older method, takes mu and sigma over all samples of a channel.
"""

from __future__ import annotations

from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

EPSILON = 1e-5
# Momentum of the running statistics, the default of PyTorch and others.
MOMENTUM = 0.1
# Statistics of smaller batches are too noisy to learn from.
MIN_BATCH = 4

NormName = Literal["instance", "batch"]


def conditional_instance_norm(x: Tensor, gamma: Tensor, beta: Tensor) -> Tensor:
    """Normalise every channel of every sample, then scale and shift it by that sample's own values.

    Args:
        x: (B, C, H, W), any floating dtype.
        gamma, beta: (B, C) float32.

    Returns:
        (B, C, H, W) in the dtype of `x`; mean, variance and the affine map are computed in float32.
    """
    if torch.compiler.is_exporting():
        return _without_groups(x, gamma, beta)
    batch, channels, height, width = x.shape
    if x.device.type == "cpu" and x.is_contiguous(memory_format=torch.channels_last):
        normed: Tensor = _ChannelsLast.apply(x, gamma, beta)  # type: ignore[no-untyped-call]
        return normed
    # Samples are folded into channels, one group each: one fused kernel handles a different style per sample.
    folded = x.reshape(1, batch * channels, height, width)
    if x.device.type != "cpu":  # only the CPU kernel takes bfloat16 pictures with float32 gamma and beta
        folded = folded.float()
    grouped = F.group_norm(folded, batch * channels, gamma.reshape(-1), beta.reshape(-1), EPSILON)
    return grouped.to(x.dtype).reshape(batch, channels, height, width)


class _ChannelsLast(torch.autograd.Function):
    """The same for channels-last memory, (B, H, W, C), in which a CPU's convolutions are fastest.

    Over one sample, batch normalisation (1502.03167) is instance normalisation, and its kernels take the channels last
    and bfloat16 as they are, with sums in float32: a quarter of the time of plain operators, which go over memory with
    every step. Torch's group norm would turn the pictures around and back.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, gamma: Tensor, beta: Tensor) -> Tensor:
        z = torch.empty_like(x)
        statistics: list[Tensor] = []
        for place in range(len(x)):
            one = slice(place, place + 1)
            _, *found = torch.ops.aten.native_batch_norm.out(
                x[one], gamma[place], beta[place], None, None, True, 0, EPSILON,
                out=z[one], save_mean=gamma.new_empty(0), save_invstd=gamma.new_empty(0),
            )  # fmt: skip
            statistics += found
        ctx.save_for_backward(x, gamma, *statistics)
        return z

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        x, gamma, *statistics = ctx.saved_tensors
        dz = gradients[0].contiguous(memory_format=torch.channels_last)
        dx, dgamma, dbeta = torch.empty_like(x), torch.empty_like(gamma), torch.empty_like(gamma)
        for place in range(len(x)):
            one = slice(place, place + 1)
            torch.ops.aten.native_batch_norm_backward.out(
                dz[one], x[one], gamma[place], None, None, *statistics[2 * place : 2 * place + 2], True, EPSILON,
                [True, True, True], out0=dx[one], out1=dgamma[place], out2=dbeta[place],
            )  # fmt: skip
        return dx, dgamma, dbeta


def _without_groups(x: Tensor, gamma: Tensor, beta: Tensor) -> Tensor:
    """The same in plain operators: the number of groups is fixed in an exported graph, and the batch is not."""
    wide = x.float()
    centred = wide - wide.mean(dim=(2, 3), keepdim=True)
    variance = centred.square().mean(dim=(2, 3), keepdim=True)
    normed = centred * torch.rsqrt(variance + EPSILON)
    return (normed * gamma[:, :, None, None] + beta[:, :, None, None]).to(x.dtype)


class InstanceNorm(nn.Module):
    """CIN of `channels` channels. It has no parameters: gamma and beta are passed to each call."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.channels = channels

    def forward(self, x: Tensor, gamma: Tensor, beta: Tensor) -> Tensor:
        """Arguments and result are those of `conditional_instance_norm`."""
        return conditional_instance_norm(x, gamma, beta)


class BatchNorm(nn.Module):
    """Batch normalisation: statistics of the batch in training, running ones afterwards.

    The statistics belong to the results of one style, so such a network can have one style only.

    Attributes:
        mean, variance: (channels,) running statistics, float32 whatever the network computes in.
        momentum: weight of a batch in the running statistics.
    """

    mean: Tensor
    variance: Tensor
    momentum = MOMENTUM

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.channels = channels
        self.register_buffer("mean", torch.zeros(channels))
        self.register_buffer("variance", torch.ones(channels))

    def forward(self, x: Tensor, gamma: Tensor, beta: Tensor) -> Tensor:
        """x (B, C, H, W) of any dtype, gamma and beta (B, C) float32 -> (B, C, H, W) in the dtype of `x`."""
        wide = x.to(gamma.dtype)
        mean, variance = self.observe(wide) if self.training else (self.mean, self.variance)
        scale = gamma * torch.rsqrt(variance + EPSILON)
        shift = beta - scale * mean
        return torch.addcmul(shift[:, :, None, None], wide, scale[:, :, None, None]).to(x.dtype)

    def observe(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and variance (C,) of a batch; the running statistics are updated with them."""
        variance, mean = torch.var_mean(x, dim=(0, 2, 3), correction=0)
        with torch.no_grad():
            # In place: the trainer holds references to these tensors.
            self.mean.lerp_(mean, self.momentum)
            self.variance.lerp_(variance, self.momentum)
        return mean, variance


Norm = InstanceNorm | BatchNorm


def build_norm(name: NormName, channels: int) -> Norm:
    """Build a normalisation by name. Raises ValueError for an unknown name."""
    if name not in ("instance", "batch"):
        raise ValueError("norm must be instance or batch")
    return BatchNorm(channels) if name == "batch" else InstanceNorm(channels)


class StyleRows(nn.Module):
    """Gamma and beta of N styles for all C normalised channels of one generator, one row per style.

    Attributes:
        gamma, beta: (N, C) float32 parameters.
    """

    def __init__(self, styles: int, features: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(styles, features))
        self.beta = nn.Parameter(torch.zeros(styles, features))

    def forward(self, index: Tensor) -> tuple[Tensor, Tensor]:
        """Rows by number: index (B,) of int64 -> gamma, beta (B, C)."""
        return self.gamma[index], self.beta[index]

    def mix(self, weights: Tensor) -> tuple[Tensor, Tensor]:
        """Blend rows: weights (B, N), non-negative, each row summing to 1 -> gamma, beta (B, C).

        Rows whose weight is 0 in every sample are not read: NaN times 0 is NaN, and one broken style would spoil all
        the others.
        """
        used = weights.ne(0).any(dim=0).nonzero().squeeze(1)
        return weights[:, used] @ self.gamma[used], weights[:, used] @ self.beta[used]
