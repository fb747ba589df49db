"""Muon in float32.

torch's own Muon works in bfloat16, which a processor without bf16 instructions emulates: there it took forty times
as long as everything else in a step. Here matrices of one shape are worked on together, in float32.
"""

from collections.abc import Iterable

import torch
from torch import Tensor
from torch.optim import Optimizer

# Newton-Schulz coefficients of Jordan et al. 2024, https://kellerjordan.github.io/posts/muon/
COEFFICIENTS = (3.4445, -4.7750, 2.0315)
ITERATIONS = 5


def orthogonal(matrices: Tensor) -> Tensor:
    """The nearest matrices with singular values around one, by Newton-Schulz. [count, rows, columns], any shape."""
    a, b, c = COEFFICIENTS
    tall = matrices.shape[-2] > matrices.shape[-1]
    x = matrices.mT if tall else matrices
    x = x / x.norm(dim=(-2, -1), keepdim=True).clamp(min=1e-7)
    for _ in range(ITERATIONS):
        gram = x @ x.mT
        x = torch.baddbmm(x, torch.baddbmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x.mT if tall else x


class Muon(Optimizer):
    """Momentum, made orthogonal, as a step; scaled so that AdamW's learning rate fits (Liu et al. 2025, arXiv
    2502.16982). Parameters are matrices: [rows, columns]."""

    def __init__(self, params: Iterable[Tensor], lr: float, weight_decay: float, momentum: float = 0.95) -> None:
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay, "momentum": momentum})

    @torch.no_grad()
    def step(self) -> None:  # type: ignore[override]
        """One update of all matrices that have a gradient."""
        for group in self.param_groups:
            by_shape: dict[torch.Size, list[Tensor]] = {}
            for matrix in group["params"]:
                if matrix.grad is not None:
                    by_shape.setdefault(matrix.shape, []).append(matrix)
            for matrices in by_shape.values():
                self.update(matrices, group)

    def update(self, matrices: list[Tensor], group: dict[str, float]) -> None:
        """One update of matrices of one shape."""
        directions = []
        for matrix in matrices:
            state = self.state[matrix]
            buffer = state.setdefault("momentum_buffer", torch.zeros_like(matrix))
            buffer.lerp_(matrix.grad, 1 - group["momentum"])
            directions.append(torch.lerp(matrix.grad, buffer, group["momentum"]))  # Nesterov's look ahead.
        scale = 0.2 * max(matrices[0].shape) ** 0.5
        for matrix, step in zip(matrices, orthogonal(torch.stack(directions)), strict=True):
            matrix.mul_(1 - group["lr"] * group["weight_decay"])
            matrix.add_(step, alpha=-group["lr"] * scale)
