"""The Hessian of one output at many samples in compact form: 2 L m numbers per sample instead of L m^2 parameters.

In directions V_l (of W_l, e_l of its bias) the second differential of f depends only on p_l = V_l a_l + e_l and
s_l = V_l^T c_l. The readout is one more layer, z_{L+1} = v.a_{L+1}, under psi. With b_l = d f/d alpha^(l):

    sum_l b_l.(phi''(z_l) dz_l^2) + 2 sum_l s_l.da_l,   dz_l = p_l + W_l da_l (+ dalpha^(l-1) at a shortcut),
    dalpha^(l) = phi'(z_l) dz_l,  da_l = scale_l dalpha^(l-1),

a quadratic form y^T Q y in y = (p_l, s_l), which is M applied to the direction. So H = M^T Q M, whose nonzero spectrum
is that of G^(1/2) Q G^(1/2), G = M M^T; a product with Q is two sweeps, and all samples share their matrix products.
Layers that are not trained have no p_l, s_l; s_l is needed only where something below is trained, and the readout's p
only where psi bends.
"""

from __future__ import annotations

from copy import copy

import torch
from torch import Tensor

from empirics.measure.forward import Pass, backward
from empirics.measure.lanczos import needed_rows
from empirics.weights import Weights


class CompactHessian:
    """The Hessians of one output at R = (networks x samples) rows as H = M^T Q M; vectors y are (R, D).

    `apply` and `metric` reuse their result's memory from call to call.

    Attributes:
        size: D.
        p, s: where each layer's block stands in y, by the layer's index 0..L (L is the readout).
    """

    def __init__(self, weights: Weights, cache: Pass, output: int = 0) -> None:
        self.L, self.low = weights.L, weights.lowest
        self.networks = weights.batch[0] if weights.batch else 0
        self.W = weights.W
        self.v = weights.V[..., output]
        self.scales, self.shortcuts = weights.scales, weights.shortcuts
        cotangent = torch.zeros_like(cache.f)
        cotangent[..., output] = 1
        b, c = backward(weights, cache, cotangent, self.low)
        c[-1] = c[-1][..., output, None]
        rows = cache.f[..., 0].numel()
        self.slope = {
            l: (cache.d1[l] * weights.scales[l + 1]).reshape(rows, -1) for l in range(self.low, self.L)
        }  # d a_{l+1}/d z_l
        self.bend = {l: (b[l] * cache.d2[l]).reshape(rows, -1) for l in range(self.low, self.L)}
        self._reaching = {l: b[l].reshape(rows, -1).norm(dim=1) for l in range(self.low, self.L)}
        self.psi = bool(cache.out)
        if self.psi:
            self.bend[self.L] = cache.out[1][..., output].reshape(rows, 1)
        self._lay_out(weights, cache, c, rows)

    def _lay_out(self, weights: Weights, cache: Pass, c: list[Tensor], rows: int) -> None:
        """Blocks of y, and per layer |a|^2 (+ 1 for a bias), |c|^2."""
        self.p, self.s, self.a, self.c = {}, {}, {}, {}
        self.alpha, self.gamma = {}, {}
        self.biased: set[int] = set()
        at, like = 0, cache.f.new_empty(rows, 0)
        for l, (weight, bias) in enumerate(zip(weights.learns, weights.learns_bias, strict=True)):
            if not (weight or bias):
                continue
            a, self.c[l] = (t.reshape(rows, -1) for t in (cache.a[l].expand(*c[l].shape[:-1], -1), c[l]))
            norm = a.square().sum(1) if weight else a.new_zeros(rows)
            self.alpha[l], self.gamma[l] = (norm + bias)[:, None], self.c[l].square().sum(1, keepdim=True)
            if l < self.L or self.psi:
                self.p[l] = slice(at, at := at + self.c[l].shape[1])
            if weight and l > self.low:
                self.s[l], self.a[l] = slice(at, at := at + a.shape[1]), a
            if bias:
                self.biased.add(l)
        self.size = at
        self._q, self._g = like.new_empty(rows, at), like.new_empty(rows, at)

    def keep(self, needed: Tensor) -> Tensor:
        """As `Operator.keep`: of a batch of networks the same number of samples each."""
        if not self.networks:
            return needed_rows(needed)
        grid = needed.view(self.networks, -1)
        count = int(grid.sum(1).max())
        order = grid.to(torch.int8).argsort(dim=1, descending=True, stable=True)[:, :count].sort(1).values
        return (order + torch.arange(self.networks, device=grid.device)[:, None] * grid.shape[1]).flatten()

    def take(self, rows: Tensor) -> CompactHessian:
        """The Hessians of some of the rows."""
        part = copy(self)
        for name in ("slope", "bend", "a", "c", "alpha", "gamma", "_reaching"):
            setattr(part, name, {l: t[rows] for l, t in getattr(self, name).items()})
        part._q, part._g = (t.new_empty(len(rows), t.shape[1]) for t in (self._q, self._g))
        return part

    def apply(self, y: Tensor) -> Tensor:
        """Q y: the tangent sweep, then its adjoint, whose variable lam_l is half the form's derivative in dz_l."""
        out = self._q
        dz: dict[int, Tensor] = {}
        for l in range(self.low, self.L):
            dz[l] = self._tangent(y, out, dz, l)
        da = self._input(out, dz, self.L)
        back = y[:, self.s[self.L]] if self.L in self.s else None
        if self.psi:
            dz_out = self._readout(y, da)
            lam = self.bend[self.L] * dz_out
            if self.L in self.p:
                out[:, self.p[self.L]] = lam
            pulled = self._rowwise_v(lam)
            back = pulled if back is None else back + pulled
        for l in range(self.L - 1, self.low - 1, -1):
            back = self._adjoint(y, out, dz[l], back, l)
        return out

    def _input(self, out: Tensor, dz: dict[int, Tensor], l: int) -> Tensor | None:
        """da_l, written to its place in the product where it has one."""
        if l - 1 not in dz:
            return None
        place = out[:, self.s[l]] if l in self.s else None
        return torch.mul(self.slope[l - 1], dz[l - 1], out=place)

    def _tangent(self, y: Tensor, out: Tensor, dz: dict[int, Tensor], l: int) -> Tensor:
        """dz_l."""
        p = y[:, self.p[l]] if l in self.p else None
        da = self._input(out, dz, l)
        if da is None:
            return torch.as_tensor(p)
        found = self._product(p, da, self.W[l].mT)
        return found.add_(da, alpha=1 / self.scales[l]) if l + 1 in self.shortcuts else found

    def _adjoint(self, y: Tensor, out: Tensor, dz: Tensor, back: Tensor | None, l: int) -> Tensor | None:
        """lam_l to its place, and what the layer below is sent: s_l + W_l^T lam_l."""
        place = out[:, self.p[l]] if l in self.p else None
        if back is None:
            lam = torch.mul(self.bend[l], dz, out=place)
        else:
            lam = torch.mul(self.slope[l], back, out=place).addcmul_(self.bend[l], dz)
        if l == self.low:
            return None
        found = self._product(y[:, self.s[l]] if l in self.s else None, lam, self.W[l])
        return found.add_(lam, alpha=1 / self.scales[l]) if l + 1 in self.shortcuts else found

    def _product(self, add: Tensor | None, x: Tensor, w: Tensor) -> Tensor:
        """The sum add + x w, each network with its own w."""
        if not self.networks:
            return x @ w if add is None else torch.addmm(add, x, w)
        grid = x.unflatten(0, (self.networks, -1))
        found = grid @ w if add is None else torch.baddbmm(add.unflatten(0, (self.networks, -1)), grid, w)
        return found.flatten(0, 1)

    def _readout(self, y: Tensor, da: Tensor | None) -> Tensor:
        """dz_{L+1}, (R, 1)."""
        p = y[:, self.p[self.L]] if self.L in self.p else y.new_zeros(y.shape[0], 1)
        if da is None:
            return p
        return p + self._product(None, da, self.v[..., None])

    def _rowwise_v(self, lam: Tensor) -> Tensor:
        return self._product(None, lam, self.v[..., None, :])

    def metric(self, y: Tensor) -> Tensor:
        """M M^T y; per layer p' = (|a|^2 + 1) p + c (s.a), s' = a (p.c) + |c|^2 s, without the 1 if there is no bias.

        Without a bias M^T maps (c, -a) to zero, and the recurrence would amplify round-off along it: that component is
        taken out of y in place, which leaves x = M^T y as it is.
        """
        out = self._g
        for l, alpha in self.alpha.items():
            gamma = self.gamma[l]
            if l in self.p and l in self.s:
                self._mix(y[:, self.p[l]], y[:, self.s[l]], out, l)
            elif l in self.p:
                torch.mul(alpha, y[:, self.p[l]], out=out[:, self.p[l]])
            elif l in self.s:
                torch.mul(gamma, y[:, self.s[l]], out=out[:, self.s[l]])
        return out

    def _mix(self, p: Tensor, s: Tensor, out: Tensor, l: int) -> None:
        alpha, gamma, a, c = self.alpha[l], self.gamma[l], self.a[l], self.c[l]
        p_c, s_a = _dot(p, c), _dot(s, a)
        if l not in self.biased:
            null = (p_c * _inverse(gamma) - s_a * _inverse(alpha)) / 2
            p.addcmul_(c, null, value=-1)
            s.addcmul_(a, null)
            s_a, p_c = s_a + null * alpha, p_c - null * gamma
        torch.mul(alpha, p, out=out[:, self.p[l]]).addcmul_(c, s_a)
        torch.mul(gamma, s, out=out[:, self.s[l]]).addcmul_(a, p_c)

    def root(self, y: Tensor) -> Tensor:
        """G^(1/2) y, in memory of its own.

        G mixes p and s only in the span of (c, 0) and (0, a), taken as unit vectors: there it is B = [[alpha, |a||c|],
        [|a||c|, gamma]], elsewhere alpha on p and gamma on s. sqrt(B) = (B + r I)/sqrt(tr B + 2 r) with r =
        sqrt(det B), which is 0 without a bias and |c| with one.
        """
        out = torch.empty_like(y)
        for l, alpha in self.alpha.items():
            gamma = self.gamma[l]
            if l in self.p:
                torch.mul(alpha.sqrt(), y[:, self.p[l]], out=out[:, self.p[l]])
            if l in self.s:
                torch.mul(gamma.sqrt(), y[:, self.s[l]], out=out[:, self.s[l]])
            if not (l in self.p and l in self.s):
                continue
            p, s, c, a = y[:, self.p[l]], y[:, self.s[l]], self.c[l], self.a[l]
            a_norm, c_norm = a.norm(dim=1, keepdim=True), c.norm(dim=1, keepdim=True)
            unit_c, unit_a = c * _inverse(c_norm), a * _inverse(a_norm)
            along_c, along_a = _dot(p, unit_c), _dot(s, unit_a)
            det = c_norm if l in self.biased else 0.0
            scale = _inverse((alpha + gamma + 2 * det).sqrt())
            mixed = a_norm * c_norm * scale
            out[:, self.p[l]] += unit_c * (((alpha + det) * scale - alpha.sqrt()) * along_c + mixed * along_a)
            out[:, self.s[l]] += unit_a * (((gamma + det) * scale - gamma.sqrt()) * along_a + mixed * along_c)
        return out

    def start(self, noise: Tensor) -> Tensor:
        """Start vectors (R, D) from (D,) noise, scaled so that x = M^T y has parts of like size."""
        found = noise.expand(self._q.shape).clone()
        for blocks, scale in ((self.p, self.alpha), (self.s, self.gamma)):
            for l, at in blocks.items():
                found[:, at] *= _inverse(scale[l]).sqrt()
        return found

    def upper_bound(self, norms: dict[int, Tensor]) -> Tensor:
        """Upper bound of ||H||, (R,), from the spectral norms of the layers above the lowest trained one.

        It holds up to the rounding of the sweeps, for which it allows some eps in every phi, phi' and phi'' and 64 m
        eps in all: slopes such as 1 - tanh^2 have a small absolute error, not a small relative one.

        With nu_l = ||(V_l, e_l)||_F and slope_l = max |d a_{l+1}/d z_l|: ||dz_l|| <= sum_j T_lj nu_j, by the recursion
        ||dz_l|| <= |(a_l, 1)| nu_l + (||W_l|| + 1/scale_l at a shortcut) slope_{l-1} ||dz_{l-1}||. So |x^T H x| is at
        most nu^T S nu with S nonnegative and symmetric: its top eigenvalue is the bound.
        """
        rows, count = self._q.shape[0], self.L + 1
        T = self._q.new_zeros(rows, count, count)
        S = torch.zeros_like(T)
        eps = 16 * torch.finfo(T.dtype).eps
        for l in range(self.low, count):
            if l > self.low:
                reach = self.slope[l - 1].abs().amax(1, keepdim=True) + eps * self.scales[l]
                if l in self.s:
                    S[:, l] += self._length(l, eps) * reach * T[:, l - 1]
                norm = norms[l].repeat_interleave(rows // max(self.networks, 1))[:, None] if self.networks else norms[l]
                norm = norm + 1 / self.scales[l] if l + 1 in self.shortcuts else norm
                T[:, l] = norm * reach * T[:, l - 1]
            if l in self.alpha:
                width = self.a[l].shape[1] if l in self.a else 0
                T[:, l, l] = self.alpha[l].sqrt()[:, 0] + eps * self.scales[l] * width**0.5
        S = S + S.mT
        for l, bend in self.bend.items():
            most = bend.abs().amax(1) + (eps * self._reaching[l] if l < self.L else eps)
            S += (most[:, None, None] * T[:, l, :, None]) * T[:, l, None, :]
        width = max([1, *(t.shape[1] for t in self.slope.values())])
        margin = 1 + 64 * width * torch.finfo(T.dtype).eps  # covers the round-off of the entries
        return torch.linalg.eigvalsh(S)[:, -1].clamp(min=0) * margin

    def _length(self, l: int, eps: float) -> Tensor:
        """|c_l| with what the rounding of phi' may hide, (R, 1)."""
        hidden = self._reaching[l][:, None] if l < self.L else float(self.psi)
        return self.gamma[l].sqrt() + eps * hidden


def _inverse(t: Tensor) -> Tensor:
    return torch.where(t > 0, 1 / t, 0.0)


def _dot(x: Tensor, y: Tensor) -> Tensor:
    return (x[:, None] @ y[..., None])[:, 0]
