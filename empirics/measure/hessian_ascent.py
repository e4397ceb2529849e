"""The norm of one sample's Hessian as an objective: found from below by power steps, differentiated by Danskin's rule.

||H x|| <= ||H||_2 for every unit x, and x <- H x/||H x|| never decreases it, whatever the signs of the eigenvalues.
At fixed x the derivative of ||H(theta) x|| is that of u^T H(theta) x, u = H x/||H x||. Every restart keeps its x, from
which the next point's search starts. Products are autograd's; layers with windows are refused, as by `hessian_norms`,
which gives the final values.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from empirics.checks import check_smooth
from empirics.measure.curvature import hessian_norms
from empirics.measure.forward import forward
from empirics.spectral import noise
from empirics.weights import Weights

_FIRST, _NEXT = 20, 4  # power steps from noise, and from the x of a point nearby


class HessianAscent:
    """max_ih ||nabla^2 f_ih||_2, each restart following one (i, h): the supremum of a maximum is that of its terms.

    The restarts take the pairs in turn, the largest norms at theta_0 first; `exact` looks at all pairs.
    """

    copies = 20  # of the parameters that a restart takes

    def __init__(self, centre: Weights, X: Tensor, seed: int) -> None:
        check_smooth(centre, "the Hessian")
        self.centre, self.X, self.seed = centre, X, seed
        self.order: Tensor | None = None

    def of(self, restarts: Sequence[int]) -> _Followed:
        """The objective for the restarts with these numbers."""
        if self.order is None:
            norms = torch.as_tensor(hessian_norms(self.centre, self.X, upper=False).value)
            self.order = norms.flatten().argsort(descending=True, stable=True)
        pair = self.order[torch.tensor(restarts, device=self.order.device) % self.order.numel()]
        x = [_direction(self.centre, self.seed, s) for s in restarts]
        directions = [torch.stack(group) for group in zip(*x, strict=True)]
        return _Followed(self.X[pair // self.centre.k][:, None], (pair % self.centre.k)[:, None], directions)

    def exact(self, weights: Weights) -> Tensor:
        """The largest norm over all samples and outputs of one network, by Lanczos: at most the true one."""
        return torch.as_tensor(hessian_norms(weights, self.X, tol=1e-4, upper=False).value).max()


class _Followed:
    """||H x|| of one sample and output for each of S restarts; `ascend` keeps its x, from which all later calls start.

    So at a point that has been tried and taken `ascend` finds the value again, and at one that is kept a larger one.
    """

    def __init__(self, X: Tensor, output: Tensor, directions: list[Tensor]) -> None:
        self.X, self.output, self.x = X, output, directions
        self.steps = _FIRST

    def values(self, weights: Weights) -> Tensor:
        """The norms, (S,), for an x improved by some power steps."""
        moving, slope = self._slope(weights)
        return length(torch.autograd.grad(_inner(slope, self._power(moving, slope)), moving))

    def ascend(self, weights: Weights, own: bool = False) -> tuple[Tensor, list[Tensor]]:
        """The norms and their gradients; they are each restart's own in any case."""
        moving, slope = self._slope(weights)
        self.x, self.steps = self._power(moving, slope), _NEXT
        image = torch.autograd.grad(_inner(slope, self.x), moving, create_graph=True)
        value = length(image).detach()
        unit = _divided([t.detach() for t in image], value, self.x)
        found = iter(torch.autograd.grad(_inner(image, unit), moving))
        parts = zip(weights.tensors, weights.trainable, strict=True)
        return value, [next(found) if on else torch.zeros_like(t) for t, on in parts]

    def _slope(self, weights: Weights) -> tuple[list[Tensor], list[Tensor]]:
        """The trained tensors, and each restart's output's gradient in them, to be differentiated twice more."""
        tensors = [t.detach().requires_grad_(on) for t, on in zip(weights.tensors, weights.trainable, strict=True)]
        moving = [t for t in tensors if t.requires_grad]
        f = forward(weights.with_tensors(tensors), self.X, 0).f[:, 0].gather(1, self.output).sum()
        slope = torch.autograd.grad(f, moving, create_graph=True, materialize_grads=True)
        # + 0 t^3: where f is linear in a tensor its gradient is a constant, which autograd refuses to differentiate
        return moving, [g + 0.0 * t**3 for g, t in zip(slope, moving, strict=True)]

    def _power(self, moving: list[Tensor], slope: list[Tensor]) -> list[Tensor]:
        x = self.x
        for _ in range(self.steps):
            image = torch.autograd.grad(_inner(slope, x), moving, retain_graph=True)
            x = _divided(image, length(image), x)
        return x


def _direction(centre: Weights, seed: int, restart: int) -> list[Tensor]:
    """A random unit vector of the trained parameters."""
    generator = torch.Generator().manual_seed((seed + 7919 * (restart + 1)) % 2**63)
    trained = zip(centre.tensors, centre.trainable, strict=True)
    drawn = [noise(t.shape, generator, t)[None] for t, on in trained if on]
    return [t[0] for t in _divided(drawn, length(drawn), drawn)]


def _inner(left: Sequence[Tensor], right: Sequence[Tensor]) -> Tensor:
    """The sum of all restarts' inner products: their derivatives are each restart's own."""
    products = [(a * b).sum() for a, b in zip(left, right, strict=True)]
    return torch.stack(products).sum()


def length(vectors: Sequence[Tensor]) -> Tensor:
    """Norms of vectors that are spread over tensors.

    Args:
        vectors: (S, ...) each.

    Returns:
        (S,).
    """
    return torch.stack([t.flatten(1).norm(dim=1) for t in vectors]).norm(dim=0)


def _divided(vectors: Sequence[Tensor], length: Tensor, otherwise: Sequence[Tensor]) -> list[Tensor]:
    """Vectors over their lengths; where these vanish, what is given."""
    found = []
    for t, other in zip(vectors, otherwise, strict=True):
        size = length.reshape(-1, *(1,) * (t.ndim - 1))
        found.append(torch.where(size > 0, t / size, other))
    return found
