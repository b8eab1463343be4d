"""Adam by rows: each has the moments and the step of an Adam that saw its draws alone."""

import torch

from app.training.row_adam import RowAdam


def test_a_row_goes_as_adam_would_take_it_through_its_own_draws():
    torch.manual_seed(0)
    rows = torch.nn.Parameter(torch.randn(3, 5, dtype=torch.float64))
    alone = [torch.nn.Parameter(row.detach().clone()) for row in rows]
    together = RowAdam([rows], 0.02, (0.8, 0.9))
    each = [torch.optim.Adam([row], 0.02, (0.8, 0.9)) for row in alone]
    for drawn in ([0], [0, 1], [1], [0], [1, 0]):
        rows.grad = torch.zeros_like(rows)
        for row in drawn:
            gradient = torch.randn(5, dtype=torch.float64)
            rows.grad[row] = alone[row].grad = gradient
            each[row].step()
        before = rows.detach().clone()
        together.step()
        untouched = [row for row in range(3) if row not in drawn]
        assert torch.equal(rows[untouched], before[untouched])
    torch.testing.assert_close(rows.detach(), torch.stack([row.detach() for row in alone]), atol=1e-12, rtol=0)


def test_a_parameter_without_a_gradient_stays():
    rows = torch.nn.Parameter(torch.ones(2, 3))
    RowAdam([rows], 0.1).step()
    assert torch.equal(rows, torch.ones(2, 3))
