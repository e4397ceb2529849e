"""Section 3 and Appendix A: no convexity near a minimiser, and how near the dynamics are to linear ones.

Near w* with F(w*) = y the Hessian of calL is J^T J + sum_i r_i H_i, r = F(w) - y. At unit v with J v = 0 its quadratic
form is v^T B v, B = sum_i r_i H_i, and Lanczos on P B P, P the projector onto J's null space, finds v where it is
least. The Rayleigh quotient v^T (Hessian of calL) v is then taken with the whole Hessian: its least eigenvalue is at
most that, up to rounding. The points are w* +- t u, u = J^T e/||J^T e|| with e the top eigenvector of K(w*), along
which F moves fastest. Every w solves F(w) = y for the targets y = F(w), so that w_T is a minimiser exactly.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from empirics.experiments.liu2020.path import LOSS
from empirics.experiments.liu2020.scene import Scene
from empirics.linearised import linearised_descent
from empirics.measure.forward import forward, unit_backward
from empirics.measure.kernel import ntk_gram
from empirics.measure.lanczos import lanczos, needed_rows
from empirics.measure.loss_hessian import LossHessian
from empirics.measure.spectrum import hessian_spectrum
from empirics.weights import Weights

DISTANCES = (1e-1, 1e-2, 1e-3)
_PRODUCTS = 80
_ZERO = 1e-10  # of the largest eigenvalue: what counts as zero in a rank, and in K's pseudo-inverse


class Jacobian:
    """J = nabla F of a network with one output, all parameters trained and no biases, as an operator.

    Args:
        weights: the network.
        X: inputs, (n, d).
    """

    def __init__(self, weights: Weights, X: Tensor) -> None:
        cache = forward(weights, X)
        self.a, self.c, self.shapes = cache.a, unit_backward(weights, cache)[1], [t.shape for t in weights.tensors]
        values, self.basis = torch.linalg.eigh(torch.as_tensor(ntk_gram(weights, X).value))
        self.inverse = torch.where(values > _ZERO * values[-1], 1 / values, 0.0)
        self.top = self.basis[:, -1]

    def times(self, v: Tensor) -> Tensor:
        """J v: (P,) to (n,)."""
        total = torch.zeros_like(self.c[-1][:, 0])
        for l, part in enumerate(v.split([s.numel() for s in self.shapes])):
            matrix = part.view(self.shapes[l])
            total += ((self.a[l] @ (matrix if l == len(self.shapes) - 1 else matrix.mT)) * self.c[l]).sum(1)
        return total

    def adjoint(self, q: Tensor) -> Tensor:
        """J^T q: (n,) to (P,)."""
        parts = [(c * q[:, None]).mT @ a for c, a in zip(self.c, self.a, strict=True)]
        return torch.cat([p.reshape(-1) for p in (*parts[:-1], parts[-1].mT)])

    def project(self, v: Tensor) -> Tensor:
        """The part of v that J sends to 0, twice over for its rounding."""
        for _ in range(2):
            v = v - self.adjoint(self.basis @ (self.inverse * (self.basis.mT @ self.times(v))))
        return v


class _Within:
    """P H P for one network, vectors (1, P)."""

    def __init__(self, hessian: LossHessian, jacobian: Jacobian) -> None:
        self.hessian, self.jacobian = hessian, jacobian

    def apply(self, g: Tensor) -> Tensor:
        """P H g; g is in the null space."""
        return self.jacobian.project(self.hessian.apply(g)[0])[None]

    def metric(self, y: Tensor) -> Tensor:
        """The identity."""
        return y.clone()

    def keep(self, needed: Tensor) -> Tensor:
        """There is one."""
        return needed_rows(needed)

    def take(self, rows: Tensor) -> _Within:
        """Itself."""
        return self


@dataclass(frozen=True, eq=False)
class Bend:
    """A point near a minimiser where the loss bends down.

    Attributes:
        distance: from the minimiser.
        loss: there.
        quotient: v^T H v of a unit vector v, an upper bound of the loss Hessian's least eigenvalue.
        residual: ||H v - quotient v||.
        along: v, (P,).
        point: the network there.
    """

    distance: float
    loss: float
    quotient: float
    residual: float
    along: Tensor
    point: Weights


def bends(minimiser: Weights, X: Tensor, distances: tuple[float, ...] = DISTANCES) -> list[Bend]:
    """The most negative curvature found at each distance from a point, for the targets that it meets exactly.

    Args:
        minimiser: w*, a network with one output, all trained, without biases.
        X: inputs, (n, d).
        distances: t.

    Returns:
        One for each distance, of the two points w* +- t u the one with the lower quotient.
    """
    y = forward(minimiser, X, order=0).f
    jacobian = Jacobian(minimiser, X)
    u = jacobian.adjoint(jacobian.top)
    u = u / u.norm()
    found = []
    for t in distances:
        both = [_bend(moved(minimiser, sign * t * u), X, y, t) for sign in (1, -1)]
        found.append(min(both, key=lambda b: b.quotient))
    return found


def moved(weights: Weights, step: Tensor) -> Weights:
    """The network at theta + step.

    Args:
        weights: at theta.
        step: (P,).

    Returns:
        It.
    """
    parts = step.split([t.numel() for t in weights.tensors])
    return weights.with_tensors(t + p.view(t.shape) for t, p in zip(weights.tensors, parts, strict=True))


def _bend(point: Weights, X: Tensor, y: Tensor, distance: float) -> Bend:
    hessian, jacobian = LossHessian(point, X, y, LOSS), Jacobian(point, X)
    noise = torch.randn(hessian.size, generator=torch.Generator().manual_seed(0), dtype=torch.float64).to(X)
    start = jacobian.project(noise)[None]
    ritz = lanczos(_Within(hessian, jacobian), start, both=True, tol=1e-2, max_iter=_PRODUCTS, vectors=True)
    assert ritz.vectors is not None
    v = jacobian.project(ritz.vectors[0, 0])
    v = v / v.norm()
    image = hessian.apply(v[None])[0]
    quotient = v @ image
    return Bend(distance, float(hessian.loss[0]), float(quotient), float((image - quotient * v).norm()), v, point)


def convexity(scene: Scene) -> str:
    """Proposition 3.1 near the last point of a path, in a sentence.

    Args:
        scene: the path.

    Returns:
        Distances, losses, curvatures, and whether its condition on the rank can hold.
    """
    point, X = scene.path.points[scene.last], scene.path.data.X
    found = bends(point, X)
    spectrum = torch.as_tensor(hessian_spectrum(point, X[:1]).value)[0].abs()
    rank, most = int((spectrum > _ZERO * spectrum.max()).sum()), 2 * sum(point.widths)
    top = float(torch.linalg.eigvalsh(scene.at(scene.last).kernel)[-1])
    down = [b for b in found if b.quotient < -_ZERO * top]
    shown = ", ".join(f"{b.quotient:.3g} at distance {b.distance:g} (loss {b.loss:.2g})" for b in down)
    head = f"width {point.m}: non-convexity (Section 3) near w_{scene.last}, for the targets F(w_{scene.last}): "
    said = f"the loss's Hessian has v^T H v = {shown}" if down else "no negative curvature was found"
    holds = "which it is" if rank > 2 * scene.n else "which it is not"
    return (
        f"{head}{said}; Proposition 3.1 asks for rank(H_i) > 2n = {2 * scene.n}, {holds}: that of H_1 is {rank} and "
        f"none exceeds {most} (nor is that enough: erratum L15)"
    )


def linear_dynamics(scene: Scene) -> str:
    """How far F(w_t) runs from the linearised system's outputs, beside eq 23, in a sentence.

    Args:
        scene: the path.

    Returns:
        The largest distance over the steps, and what it is to the residual.
    """
    path = scene.path
    marks = range(path.clean)
    linear = linearised_descent(
        path.points[0],
        path.data.X,
        path.data.y,
        learning_rate=path.eta,
        steps=path.clean - 1,
        loss=LOSS,
        record_at=marks,
        kernel=scene.at(0).kernel,
    )
    gap = np.linalg.norm(path.record("outputs") - linear.outputs[:, :, 0], axis=1)
    step = int(gap.argmax())
    within = "within" if gap[step] <= scene.setting.eps else "beyond"
    return (
        f"width {path.points[0].m}: the linearised system's outputs stay within {float(gap[step]):.3g} of F(w_t) "
        f"(largest at step {step} of {path.clean - 1}; ||F_0 - y|| = {path.residual_0:.3g}), {within} eps = "
        f"{scene.setting.eps:g} of eq 23, whose condition is hessian_threshold_linear"
    )
