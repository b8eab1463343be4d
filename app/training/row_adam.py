"""Adam for style rows, each of which is drawn in a few steps only."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn


class RowAdam(torch.optim.Optimizer):
    """Adam (1412.6980) that leaves a row, its moments and its count of steps alone where its gradient is zero.

    In plain Adam, the moments of a style decay in steps that do not draw it: with 22 styles in batches of 4, a row's
    mean gradient covers only its last two draws, and its effective rate is a fifth of the trunk's.

    Args:
        parameters: (N, F) each, one row per style.
    """

    def __init__(
        self,
        parameters: Iterable[nn.Parameter],
        lr: float,
        betas: tuple[float, float] = (0.9, 0.99),
        eps: float = 1e-8,
    ) -> None:
        super().__init__(parameters, {"lr": lr, "betas": betas, "eps": eps})

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        """Update the rows whose gradient is not zero."""
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    self._update(parameter, parameter.grad, group)

    def _update(self, rows: Tensor, gradient: Tensor, group: dict[str, Any]) -> None:
        state = self.state[rows]
        if not state:
            state["exp_avg"], state["exp_avg_sq"] = torch.zeros_like(rows), torch.zeros_like(rows)
            state["draws"] = rows.new_zeros(len(rows), 1)
        drawn = gradient.ne(0).any(dim=1).nonzero().squeeze(1)
        (decay, decay_sq), seen = group["betas"], gradient[drawn]
        draws = state["draws"][drawn] + 1
        mean = state["exp_avg"][drawn].lerp(seen, 1 - decay)
        square = state["exp_avg_sq"][drawn].lerp(seen.square(), 1 - decay_sq)
        state["draws"][drawn], state["exp_avg"][drawn], state["exp_avg_sq"][drawn] = draws, mean, square
        unbiased = (square / (1 - decay_sq**draws)).sqrt_().add_(group["eps"])
        rows[drawn] -= group["lr"] * mean / (1 - decay**draws) / unbiased
