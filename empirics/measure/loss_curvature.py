"""Extreme eigenvalues of the full-batch loss Hessian, by Lanczos on analytic Hessian-vector products.

Source of the quantity: banerjee2023, Theorem 5.2 (smoothness: lambda_max <= beta). A product is the tangent of the
gradient: one tangent sweep forward and one back, six matrix products per layer where the gradient itself takes three.
"""

from __future__ import annotations

import torch
from torch import Tensor

from bounds.errors import TheoryError
from empirics.measure.curvature import check_options
from empirics.measure.forward import backward, check_inputs, check_targets, forward
from empirics.measure.lanczos import lanczos
from empirics.measurement import Measurement, Stopwatch
from empirics.networks import Network, Weights, as_weights, check_smooth


class LossHessian:
    """The Hessian of calL = (1/n) sum_i sum_h (y_ih - f_ih)^2 on flat vectors (1, P): W^(1), ..., W^(L), V in turn."""

    def __init__(self, weights: Weights, X: Tensor, y: Tensor) -> None:
        cache = forward(weights, X, order=2)
        self.weights, self.a, self.n = weights, cache.a, X.shape[0]
        self.loss = (cache.f - y).square().sum() / self.n
        self.residual = (cache.f - y) * (2 / self.n)
        b, self.c = backward(weights, cache, self.residual)
        self.slope = [d1 * scale for d1, scale in zip(cache.d1, weights.scales[1:], strict=True)]  # d a_{l+1}/d z_l
        self.bend = [b_l.mul_(d2) for b_l, d2 in zip(b, cache.d2, strict=True)]

    def views(self, flat: Tensor) -> list[Tensor]:
        """The blocks of a flat vector (1, P), as matrices shaped like the weights."""
        sizes = [t.numel() for t in self.weights.tensors]
        return [part.view_as(t) for part, t in zip(flat[0].split(sizes), self.weights.tensors, strict=True)]

    def apply(self, g: Tensor) -> Tensor:
        """Hessian times g."""
        out = torch.empty_like(g)
        (*directions, u), (*results, result_u), L = self.views(g), self.views(out), self.weights.L
        dz, da = [self.a[0] @ directions[0].mT], [torch.empty(0)]
        for l in range(1, L):
            da.append(self.slope[l - 1] * dz[-1])
            dz.append(torch.addmm(self.a[l] @ directions[l].mT, da[-1], self.weights.W[l].mT))
        da.append(self.slope[-1] * dz[-1])
        dr = torch.addmm(self.a[-1] @ u, da[-1], self.weights.V).mul_(2 / self.n)
        torch.mm(self.a[-1].mT, dr, out=result_u).addmm_(da[-1].mT, self.residual)
        back = torch.addmm(dr @ self.weights.V.mT, self.residual, u.mT)  # tangent of the cotangent of a_{l+1}
        for l in range(L - 1, -1, -1):
            dc = (self.slope[l] * back).addcmul_(self.bend[l], dz[l])
            torch.mm(dc.mT, self.a[l], out=results[l])
            if l:
                results[l].addmm_(self.c[l].mT, da[l])
                back = torch.addmm(dc @ self.weights.W[l], self.c[l], directions[l])
        return out

    def metric(self, y: Tensor) -> Tensor:
        """The identity."""
        return y.clone()

    def take(self, rows: Tensor) -> LossHessian:
        """Itself: the batch is of one."""
        return self


def loss_hessian_extremes(
    net: Network | Weights,
    X: Tensor,
    y: Tensor,
    *,
    tol: float = 1e-3,
    max_iter: int = 300,
    verify: bool = False,
    seed: int = 0,
) -> Measurement:
    """Largest and smallest eigenvalue of the Hessian of calL = (1/n) sum_i (y_i - f_i)^2 in all parameters.

    Args:
        net: the network, or a point of it.
        X: inputs, (n, d).
        y: targets, (n,) or (n, k).
        tol: residual allowed at both ends, relative to the largest |eigenvalue|.
        max_iter: products at most.
        verify: form the Ritz vectors and report their true residuals, at twice the cost (see `lanczos`).
        seed: of the start vector.

    Returns:
        value: the largest Ritz value, at most lambda_max; residual: an eigenvalue lies within it. details: lambda_min
        (at least the true one), lambda_max, residual_min, residual_max, converged, products, loss: numbers.

    Raises:
        TheoryError: bad inputs, or a loss that is not finite.
        NotApplicable: the activation is not twice differentiable.
    """
    weights = as_weights(net)
    check_smooth(weights, "the loss Hessian")
    check_options(tol, max_iter)
    x = check_inputs(weights, X)
    target = check_targets(weights, y, x.shape[0])
    with Stopwatch(x) as watch:
        hessian = LossHessian(weights, x, target)
        if not bool(torch.isfinite(hessian.loss)):
            raise TheoryError(f"net has loss {float(hessian.loss)}: its weights have diverged")
        size = sum(t.numel() for t in weights.tensors)
        start = torch.randn(1, size, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(x)
        ritz = lanczos(hessian, start, both=True, tol=tol, max_iter=max_iter, verify=verify)
        names = ("lambda_min", "lambda_max", "residual_min", "residual_max", "converged", "products")
        details = {name: getattr(ritz, name)[0].item() for name in names} | {"loss": float(hessian.loss)}
    top = details["lambda_max"]
    residual = details["residual_max"]
    return Measurement("loss_hessian", top, "lower", top, None, residual, details=details, **watch.origin)
