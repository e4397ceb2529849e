"""Theorem 6.1 on small sparse models, whose Hessians are computed whole."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from bounds import activations
from empirics.activations import TorchActivation, torch_activation
from empirics.experiments.liu2020.key import KEY
from empirics.experiments.liu2020.setting import Setting
from empirics.verdict import Observation

SPARSE = frozenset(("sparse_hessian_norm", "sparse_hessian_norm_proof", "sparse_hessian_norm_printed"))
SPARSITY = 3
UNITS = 1024
"""Units of a model at most: its Hessian is a dense matrix."""
_GRID = 400_001


@dataclass(frozen=True, eq=False)
class Sparse:
    """Eq 27 with units sigma(u_p . w_{S_p}): f = (1/s(P)) sum_p v_p sigma(u_p . w_{S_p}), ||u_p|| = 1, s(P) = sqrt(P).

    Attributes:
        w: parameters, (P,).
        place: S_p, the parameters that unit p reads, (P, C_s).
        u: (P, C_s).
        v: (P,), in [-1, 1].
        activation: sigma; a unit is as smooth as it is.
    """

    w: Tensor
    place: Tensor
    u: Tensor
    v: Tensor
    activation: TorchActivation

    def hessian(self) -> Tensor:
        """sum_p v_p sigma''(u_p . w_{S_p}) u_p u_p^T/s(P), dense, (P, P)."""
        bend = self.activation.d2((self.u * self.w[self.place]).sum(1)) * self.v / len(self.v) ** 0.5
        parts = bend[:, None, None] * self.u[:, :, None] * self.u[:, None, :]
        rows, columns = (t.expand_as(parts) for t in (self.place[:, :, None], self.place[:, None, :]))
        return self.w.new_zeros(len(self.w), len(self.w)).index_put((rows, columns), parts, accumulate=True)


def ring(units: int, activation: str, seed: int | None, sparsity: int = SPARSITY) -> Sparse:
    """A sparse model in which unit p reads parameters p, ..., p + C_s - 1, counted round a ring.

    So each unit has C_s parameters and each parameter C_s units. Without a seed all is aligned: u_p = (1, ..., 1)/
    sqrt(C_s), v_p = 1 and every u_p . w where |sigma''| is largest, for which ||H|| = C_s sup|sigma''|/s(P), the
    vector of ones being its eigenvector.

    Args:
        units: P, at least C_s.
        activation: sigma, twice differentiable.
        seed: of normal w and u, the latter scaled to unit norm, and of signs v; None: aligned.
        sparsity: C_s.

    Returns:
        The model, in float64.
    """
    place = (torch.arange(units)[:, None] + torch.arange(sparsity)) % units
    sigma = torch_activation(activation)
    if seed is None:
        grid = torch.linspace(-10, 10, _GRID, dtype=torch.float64)
        top = grid[sigma.d2(grid).abs().argmax()]
        ones = torch.ones(units, dtype=torch.float64)
        u = ones[:, None].expand(-1, sparsity) / sparsity**0.5
        return Sparse(ones * top / sparsity**0.5, place, u, ones, sigma)
    generator = torch.Generator().manual_seed(seed)
    w, u = (torch.randn(*shape, generator=generator, dtype=torch.float64) for shape in ((units,), place.shape))
    v = torch.randint(2, (units,), generator=generator).to(torch.float64) * 2 - 1
    return Sparse(w, place, u / u.norm(dim=1, keepdim=True), v, sigma)


def sparse(setting: Setting, width: int, names: frozenset[str]) -> Iterator[Observation]:
    """Theorem 6.1 on aligned and random sparse models with as many units as the network is wide, `UNITS` at most.

    As printed, with s(P) twice, it fails once s(P) > C_s^2 (erratum L1): the aligned model's norm is C_s beta/s(P).

    Args:
        setting: the activation, how many random models (seeds), the device.
        width: P.
        names: the quantities wanted, of `SPARSE`.

    Yields:
        Observations, exact up to rounding; none where P < C_s.

    Raises:
        NotApplicable: the activation has no bounded second derivative.
    """
    units = min(width, UNITS)
    if not names & SPARSE or units < SPARSITY:
        return
    beta = float(activations.get(setting.activation).sup(2))
    values: dict[str, Any] = {"C_s": SPARSITY, "beta_alpha": beta, "s_P": units**0.5}
    for seed in (*((None,) if setting.fresh else ()), *setting.run_seeds):
        matrix = ring(units, setting.activation, seed).hessian().to(setting.device)
        size = float(torch.linalg.eigvalsh(matrix).abs().max())
        label = f"P={units}, " + ("aligned" if seed is None else "random")
        for name in sorted(names & SPARSE):
            frame: dict[str, Any] = {"seed": seed or 0, "label": label, "width": units}
            yield Observation(f"{KEY}.{name}", values, size, upper=size, **frame)
