"""Shifted Cholesky factorisations of a symmetric matrix, and what they prove about its least eigenvalue.

For any lower triangular L whatever, B = L L^T + E gives lambda_min(B) >= -||E||_2. Here B = A - cI, L is a blocked
Cholesky factor, and ||E||_2 is bounded from what was computed on the way. For block column J these are
P = fl(B_J - sum_{k<J} l l^T), then L_J from P by whatever routine, then its defect D = fl(P - L_J L_J^T). A sum of k
products in floating point, in any order, fused or not, obeys (Higham, Accuracy and Stability of Numerical Algorithms,
Lemma 8.4), with u = 2^-53 and gamma_k = k u/(1 - k u),

    b - sum l l = p + e,  |e| <= gamma_k (sum |l||l| + |p|) :  used for P and again for D,

    |E| <= gamma_{n+1} |L||L|^T + (1 + gamma_{n+1})^2 |D|,   || |L||L|^T ||_2 <= ||L||_F^2 = tr(L L^T),
    tr(L L^T) <= (tr B + sqrt(n) (1 + gamma_{n+1})^2 ||D||_F)/(1 - gamma_{n+1}) :

Demmel's gamma_{n+1}/(1 - gamma_{n+1}) tr(B) for a textbook Cholesky (Higham, Theorem 10.5; Rump, BIT 46 (2006) 433),
and a tiny ||D||_F for not having to trust a triangular solver: those for GPUs invert diagonal blocks.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

UNIT = 2.0**-53  # unit roundoff of float64
VANISHED = 2.0**-510  # times n: more than all that underflow can do to a matrix of norm at least 2^-100
_LEAF, _PANEL = 64, 192  # columns factorised at once; columns updated by one matrix product
_DIRECT = 128  # up to this size an eigendecomposition costs no more than the iteration
_STEPS, _LEAST, _TRIALS = 24, 6, 10


def margin(n: int) -> float:
    """What makes a nonnegative quantity, computed with at most n^2 + 64 roundings, an upper bound.

    Args:
        n: rows.

    Returns:
        A factor above 1.
    """
    return 1 + 4 * UNIT * (n * n + 64)


class LambdaMin:
    """Bounds of lambda_min(A), tightened by factorisations of A - shift I and by Rayleigh quotients.

    Attributes:
        lower, upper: proved bounds.
        theta, x, residual: the least Rayleigh quotient found, its vector (n, 1), and ||A x - theta x||/||x||.
        shift, bound: c and the bound of ||E||_2 that gave `lower`.
        count: factorisations in float64.
    """

    def __init__(self, A: Tensor, norm: float, tol: float) -> None:
        self.A, self.n, self.tol, self.norm = A, A.shape[0], tol, norm * margin(A.shape[0])
        entries = A.diagonal()
        least, largest, total = torch.stack([entries.amin(), entries.abs().amax(), entries.abs().sum()]).tolist()
        known = self.n == 1 or norm == 0
        self.lower: float = least if known else -self.norm
        self.upper: float = least if known else least + self.n * VANISHED
        self.theta: float = least
        self.largest, self.total, self.residual = largest, total, 0.0 if known else math.inf
        self.shift, self.bound, self.count, self.single = self.lower, 0.0, 0, False
        generator = torch.Generator().manual_seed(0)
        self.x = torch.randn(self.n, 1, generator=generator, dtype=torch.float64).to(A.device)
        self.factor = torch.empty(self.n, self.n, dtype=A.dtype, device=A.device)  # the only other n x n array

    def run(self) -> None:
        """Enclose lambda_min to the tolerance, or as closely as rounding allows."""
        if self.n <= _DIRECT:
            values, vectors = torch.linalg.eigh(self.A)
            self.theta, self.x = float(values[0]), vectors[:, :1]
        else:
            self.begin()
        distance = 0.0
        for _ in range(_TRIALS):
            if self.close():
                break
            rounding, wanted = self.expected_bound(self.theta), self.tol * abs(self.theta)
            distance = max(wanted - rounding, rounding / 4, 4 * distance)
            if self.attempt(self.theta - distance):
                distance = 0.0
                if not self.close():
                    self.improve()
            elif self.single and self.count > 1:  # float32 is too coarse for this matrix
                distance, self.single = 0.0, False
                self.begin()
        self.finish()

    def close(self) -> bool:
        """Whether the interval is as narrow as the tolerance, or as rounding, wants it."""
        return self.theta - self.lower <= self.tol * abs(self.theta) + 3 * self.expected_bound(self.theta)

    def begin(self) -> None:
        """A factor to start from: in float32 for half the price, else in float64, else of A lifted above zero."""
        if self.theta > 0 and self.count == 0:
            half = self.factor.flatten().view(torch.float32)[: self.n**2].view(self.n, self.n)
            self.single = not bool(_factorise(self.A, 0.0, half)[-1])
            if self.single:
                self.improve(_inverse(half))
                return
        if self.theta <= 0 or not self.attempt(0.0):
            self.lift()
        self.improve()

    def lift(self) -> None:
        """Factorise A + drop I for a drop near the least that works, found by doubling."""
        drop = 2 * self.expected_bound(0.0)  # enough for any semidefinite A
        if self.theta < -drop or not self.attempt(-drop):
            self.improve(lambda v: -(self.A @ v))
            drop = max(2 * drop, -1.1 * self.theta + 4 * self.expected_bound(self.theta))
            while not self.attempt(-drop):
                drop *= 2

    def expected_bound(self, shift: float) -> float:
        """About the rounding bound at this shift."""
        return _gamma(self.n + 1) * (self.total + self.n * abs(shift)) + UNIT * (self.largest + abs(shift))

    def attempt(self, shift: float) -> bool:
        """Factorise A - shift I, over the last factor; where that succeeds, keep what it proves."""
        trace, largest, defect, failed = _factorise(self.A, shift, self.factor).tolist()
        self.count += 1
        if failed or not math.isfinite(defect):
            return False
        gamma, defect = _gamma(self.n + 1), math.sqrt(2) * defect  # the lower triangle's, of both
        square = (trace + math.sqrt(self.n) * defect) / (1 - gamma)
        bound = (gamma * square + defect + UNIT * largest) * margin(self.n) + self.n * VANISHED
        lower = math.nextafter(shift - bound, -math.inf)
        if lower > self.lower:
            self.lower, self.shift, self.bound = lower, shift, bound
        self.single = False
        return True

    def improve(self, operator: Callable[[Tensor], Tensor] | None = None) -> None:
        """A better vector in the Krylov space of an operator, by default the inverse that the newest factor gives."""
        theta, self.x = _lowest(self.A, operator or _inverse(self.factor), self.x, self.tol)
        self.theta = min(self.theta, theta)

    def finish(self) -> None:
        """Let the Rayleigh quotient of x bound lambda_min from above; both its products err by gamma_2n ||A||_F."""
        w = self.A @ self.x
        square = self.x.square().sum()
        quotient = (self.x * w).sum() / square
        residual = torch.linalg.vector_norm(w - quotient * self.x) / square.sqrt()
        self.theta, self.residual = torch.stack([quotient, residual]).tolist()
        upper = self.theta + _gamma(4 * self.n + 8) * self.norm * margin(self.n) + self.n * VANISHED
        self.upper = min(self.upper, math.nextafter(upper, math.inf))


def _factorise(A: Tensor, shift: float, L: Tensor) -> Tensor:
    """Write L of B = A - shift I, its upper triangle undefined: (sum |b_ii|, max |b_ii|, ||D||_F, whether it failed).

    D is left out in float32, which proves nothing.
    """
    n, diagonal = A.shape[0], A.diagonal() - shift
    defects, failures = [diagonal.new_zeros(())], []
    for i in range(0, n, _LEAF):
        top = i - i % _PANEL
        if i == top:
            panel = L[i:, i : i + _PANEL].copy_(A[i:, i : i + _PANEL])
            panel.diagonal().copy_(diagonal[i : i + _PANEL])
            if i:
                panel.addmm_(L[i:, :i], L[i : i + _PANEL, :i].mT, alpha=-1)
        P = L[i:, i : i + _LEAF]
        if i > top:
            P.addmm_(L[i:, top:i], L[i : i + _LEAF, top:i].mT, alpha=-1)
        square, below = P[: P.shape[1]], P[P.shape[1] :]
        corner, failed = torch.linalg.cholesky_ex(square)
        X = torch.linalg.solve_triangular(corner, below.mT, upper=False).mT
        for part, factor in ((square, corner), (below, X)):
            if L.dtype == torch.float64:
                defects.append(torch.linalg.vector_norm(torch.addmm(part, factor, corner.mT, alpha=-1)))
            part.copy_(factor)
        failures.append(failed)
    size, defect = diagonal.abs(), torch.linalg.vector_norm(torch.stack(defects))
    return torch.stack([size.sum(), size.amax(), defect, torch.stack(failures).amax().double()])


def _inverse(L: Tensor) -> Callable[[Tensor], Tensor]:
    """The map v -> (L L^T)^-1 v, in L's precision."""

    def apply(v: Tensor) -> Tensor:
        half = torch.linalg.solve_triangular(L, v.to(L.dtype), upper=False)
        return torch.linalg.solve_triangular(L.mT, half, upper=True).double()

    return apply


def _lowest(A: Tensor, operator: Callable[[Tensor], Tensor], start: Tensor, tol: float) -> tuple[float, Tensor]:
    """The least Rayleigh quotient with A, and its vector (n, 1), in a Krylov space of an operator that magnifies it.

    The error of the top Ritz value falls at least like 1/k^2, so k/2 times a step's gain is left: stop at tol/4. The
    first steps from a vector that an earlier space gave gain little, and tell nothing.
    """
    most, top = min(A.shape[0], _STEPS), 0.0
    V, H = start / torch.linalg.vector_norm(start), torch.zeros(most, most, dtype=torch.float64)
    for k in range(1, most + 1):
        w = operator(V[:, -1:])
        first = V.mT @ w
        w = w - V @ first
        second = V.mT @ w
        w = w - V @ second
        size = torch.linalg.vector_norm(w)
        *column, rest = torch.cat([(first + second)[:, 0], size[None]]).tolist()  # the one wait of this step
        if not math.isfinite(rest):  # a solve in float32 may overflow
            break
        H[:k, k - 1] = torch.tensor(column, dtype=torch.float64)
        if k == most or rest <= 1e-8 * math.hypot(*column):
            break
        if k >= _LEAST and k % 2 == 0:
            last, top = top, float(torch.linalg.eigvalsh(H[:k, :k], UPLO="U")[-1])
            if 0 <= (top - last) * k <= tol * top:
                break
        V = torch.cat([V, w / size], 1)
    values, S = torch.linalg.eigh((V.mT @ (A @ V)).cpu())
    return float(values[0]), V @ S[:, :1].to(A.device)


def _gamma(k: int) -> float:
    return k * UNIT / (1 - k * UNIT)
