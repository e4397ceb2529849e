"""What `train_many(..., observe={...})` can follow along training beyond its records: curvature and kernels.

Each is called with the stacked networks of a batch at every recorded step. `begin` is called where a batch starts and
`keep` where some of its runs have ended, so that what an observer remembers stays with its runs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from empirics.losses import Loss
from empirics.measure.curvature import hessian_norms
from empirics.measure.kernel import ntk_gram
from empirics.measure.loss_curvature import loss_hessian_extremes
from empirics.measurement import Measurement
from empirics.weights import Weights

_PRODUCTS = 100  # at most, of which every vector is kept


class _Warm:
    """A search that starts from what the last one found."""

    def __init__(self) -> None:
        self._last: Measurement | None = None

    def begin(self, weights: Weights) -> None:
        """Start afresh."""
        self._last = None

    def keep(self, rows: Sequence[int]) -> None:
        """Go on with these runs."""
        if self._last is not None:
            kept = {"start": self._last.details["start"][list(rows)]}
            self._last = replace(self._last, details=kept)


class Sharpness(_Warm):
    """lambda_max of the loss Hessian, each search from the Ritz vectors of the step recorded before.

    Args:
        X: inputs, (n, d).
        y: targets, (n,) or (n, k).
        loss: which loss, see `empirics.losses`.
        tol: relative residual.

    >>> import torch, empirics
    >>> X, y = torch.eye(3), torch.ones(3)
    >>> run = empirics.train(empirics.network(L=1, m=5, d=3), X, y, learning_rate=0.1, steps=4,
    ...                      observe={"sharpness": empirics.Sharpness(X, y)})
    >>> run.records["sharpness"].shape
    (5,)
    """

    def __init__(self, X: Tensor, y: Tensor, *, loss: str | Loss = "mean_square", tol: float = 1e-2) -> None:
        super().__init__()
        self.X, self.y, self.loss, self.tol = X, y, loss, tol

    def __call__(self, weights: Weights) -> Tensor:
        """The sharpness of S networks, (S,)."""
        options = {"loss": self.loss, "tol": self.tol, "keep": True, "max_iter": _PRODUCTS}
        self._last = loss_hessian_extremes(weights, self.X, self.y, start=self._last, **options)  # type: ignore[arg-type]
        return torch.as_tensor(self._last.value)


class HessianNorm(_Warm):
    """max_ih ||nabla^2 f_h(x_i)||_2, each search from the Ritz vectors of the step recorded before.

    Args:
        X: inputs, (n, d).
        tol: relative residual.
    """

    def __init__(self, X: Tensor, *, tol: float = 1e-2) -> None:
        super().__init__()
        self.X, self.tol = X, tol

    def __call__(self, weights: Weights) -> Tensor:
        """The largest norm of S networks, (S,)."""
        self._last = hessian_norms(weights, self.X, tol=self.tol, upper=False, start=self._last, keep=True)
        return torch.as_tensor(self._last.value).flatten(1).amax(1)


class KernelChange:
    """||K_t - K_0||_F/||K_0||_F of the tangent kernel (liu2020, Figure 2), K_0 being the kernel where training began.

    Args:
        X: inputs, (n, d).
    """

    def __init__(self, X: Tensor) -> None:
        self.X = X
        self._first = X.new_empty(0)

    def begin(self, weights: Weights) -> None:
        """K_0 of every run."""
        self._first = self._kernels(weights)

    def keep(self, rows: Sequence[int]) -> None:
        """Go on with these runs."""
        self._first = self._first[list(rows)]

    def _kernels(self, weights: Weights) -> Tensor:
        return torch.as_tensor(ntk_gram(weights, self.X).value).flatten(1)

    def __call__(self, weights: Weights) -> Tensor:
        """The relative change of S networks, (S,)."""
        return (self._kernels(weights) - self._first).norm(dim=1) / self._first.norm(dim=1)


class KernelEigenvalues:
    """lambda_min and lambda_max of the tangent kernel, (S, 2), in float64.

    Args:
        X: inputs, (n, d).
    """

    def __init__(self, X: Tensor) -> None:
        self.X = X

    def __call__(self, weights: Weights) -> Tensor:
        """Both ends of S networks' kernels."""
        found = ntk_gram(weights, self.X)
        size = len(self.X) * weights.k
        K = torch.as_tensor(found.value).reshape(-1, size, size)
        return torch.linalg.eigvalsh(K)[:, [0, -1]]
