"""The Hessian of a loss as an operator: the tangent of the gradient, one sweep forward and one back."""

from __future__ import annotations

from functools import partial
from typing import Self

import torch
from torch import Tensor

from empirics.losses import Loss, loss_function
from empirics.measure.forward import backward, forward
from empirics.measure.lanczos import needed_rows
from empirics.weights import Weights


class _Whole:
    """An operator of one network, or of a batch whose products are shared."""

    def metric(self, y: Tensor) -> Tensor:
        """The identity."""
        return y.clone()

    def keep(self, needed: Tensor) -> Tensor:
        """All or nothing."""
        return needed_rows(needed.any().expand(len(needed)))

    def take(self, rows: Tensor) -> Self:
        """Itself."""
        return self


class LossHessian(_Whole):
    """The Hessian of a loss on flat vectors (S, P): the trained ones of W^(1), ..., W^(L), V, biases in turn.

    S is the number of networks in a batch, 1 for a single one. `share` is what the loss is multiplied by.

    Attributes:
        loss: the loss there, (S,).
        size: P, the number of trained parameters.
    """

    def __init__(
        self, weights: Weights, X: Tensor, y: Tensor, loss: str | Loss = "mean_square", share: float = 1.0
    ) -> None:
        self.kind, self.y, self.share = loss_function(loss, weights.k), y, share
        cache = forward(weights, X, order=2)
        self.weights, self.cache, self.size = weights, cache, weights.parameters
        self.loss = self.kind.value(cache.f, y).reshape(-1) * share
        self.residual = self.kind.slope(cache.f, y) * share
        b, self.c = backward(weights, cache, self.residual, weights.lowest)
        low = weights.lowest
        self.slope = [d1 * scale for d1, scale in zip(cache.d1, weights.scales[1:], strict=True)]  # d a_{l+1}/d z_l
        self.bend = [b_l * d2 if l >= low else d2 for l, (b_l, d2) in enumerate(zip(b, cache.d2, strict=True))]
        self.out_bend = self.residual * cache.out[1] if cache.out else None

    def views(self, flat: Tensor) -> tuple[list[Tensor | None], list[Tensor | None]]:
        """(weights, biases) of flat vectors (S, P), layer by layer, shaped like them; None where not trained."""
        weights = self.weights
        pairs = list(zip(weights.tensors, weights.trainable, strict=True))
        parts = iter(flat.split([t.numel() // len(flat) for t, on in pairs if on], 1))
        shaped = [next(parts).view(t.shape) if on else None for t, on in pairs]
        rest = iter(shaped[weights.L + 1 :])
        return shaped[: weights.L + 1], [None if b is None else next(rest) for b in weights.biases]

    def apply(self, g: Tensor) -> Tensor:
        """Hessian times g."""
        result = torch.empty_like(g)
        (V, e), (out, out_bias) = self.views(g), self.views(result)
        dz, da = self._tangent(V, e)
        w, cache, low = self.weights, self.cache, self.weights.lowest
        df = dz[-1] if not cache.out else cache.out[0] * dz[-1]
        back = self.kind.bend(cache.f, self.y, df) * self.share  # tangent of the cotangent of f, then of g
        if self.out_bend is not None:
            back = (back * cache.out[0]).addcmul_(self.out_bend, dz[-1])
        _collect(out[-1], (cache.a[-1], back), (da[-1], self.c[-1]))
        _sum(out_bias[-1], back)
        if low == w.L:
            return result
        sent = back @ w.V.mT
        if (u := V[-1]) is not None:
            _add(sent, self.c[-1], u.mT)
        for l in range(w.L - 1, low - 1, -1):
            dc = (self.slope[l] * sent).addcmul_(self.bend[l], dz[l])
            _collect(out[l], (dc, cache.a[l]), (self.c[l], da[l]))
            _sum(out_bias[l], dc)
            if l > low:
                sent = dc @ w.W[l]
                if (v := V[l]) is not None:
                    _add(sent, self.c[l], v)
                if l + 1 in w.shortcuts:
                    sent.add_(dc, alpha=1 / w.scales[l])
        return result

    def _tangent(self, V: list[Tensor | None], e: list[Tensor | None]) -> tuple[list[Tensor], list[Tensor | None]]:
        """dz_l and da_l of the L+1 layers; those below the lowest trained one are empty."""
        w, cache, low = self.weights, self.cache, self.weights.lowest
        dz: list[Tensor] = [cache.f.new_empty(0)] * (w.L + 1)
        da: list[Tensor | None] = [None] * (w.L + 1)
        for l in range(low, w.L + 1):
            matrix = w.V if l == w.L else w.W[l].mT
            parts = []
            if l > low:
                da[l] = step = self.slope[l - 1] * dz[l - 1]
                parts.append(step @ matrix)
                if l + 1 in w.shortcuts:
                    parts[0].add_(step, alpha=1 / w.scales[l])
            if (v := V[l]) is not None:
                parts.append(cache.a[l] @ (v if l == w.L else v.mT))
            if (bias := e[l]) is not None:
                parts.append(bias[..., None, :])
            dz[l] = sum(parts[1:], parts[0]).expand(*w.batch, cache.n, -1)
        return dz, da


class SummedHessian(_Whole):
    """The same over chunks of samples whose sweeps are made again for every product, to hold one chunk at a time."""

    def __init__(self, weights: Weights, X: Tensor, y: Tensor, loss: str | Loss, rows: int) -> None:
        kind, n = loss_function(loss, weights.k), len(X)
        self.weights, self.size = weights, weights.parameters
        chunks = list(zip(X.split(rows), y.split(rows), strict=True))
        self._parts = [partial(LossHessian, weights, x, t, kind, kind.share(len(x), n)) for x, t in chunks]
        self.loss = torch.stack([part().loss for part in self._parts]).sum(0)

    def apply(self, g: Tensor) -> Tensor:
        """Hessian times g."""
        out = torch.zeros_like(g)
        for part in self._parts:
            out += part().apply(g)
        return out


def _collect(place: Tensor | None, first: tuple[Tensor, Tensor], second: tuple[Tensor | None, Tensor | None]) -> None:
    """x^T y + x'^T y' into its place, if there is one."""
    if place is None:
        return
    torch.matmul(first[0].mT, first[1], out=place)
    x, y = second
    if x is not None and y is not None:
        _add(place, x.mT, y)


def _add(place: Tensor, x: Tensor, y: Tensor) -> None:
    """Add x y in place."""
    if place.ndim == 2:
        place.addmm_(x, y)
    else:
        place.baddbmm_(x.expand(len(place), -1, -1), y.expand(len(place), -1, -1))


def _sum(place: Tensor | None, dc: Tensor) -> None:
    if place is not None:
        torch.sum(dc, -2, out=place)
