"""Appendix C, residual networks: the scale of the branches, products of layers (C.1), norms of hidden layers.

h_0 = relu(A x); h_l = relu((I + tau W_l) h_{l-1}), l < L; h_L = relu(W_L h_{L-1}). The paper's tau is 1/(C L log m).
What it draws from it, (C.1), needs C log m >= 284.25 (erratum A11): everything is measured at the network's own scale
and, with the same W_l, at the largest one that ensures (C.1).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from bounds.errors import NotApplicable
from empirics.comparison import predict
from empirics.experiments.allenzhu2019 import critical, residual_change
from empirics.experiments.allenzhu2019.key import KEY
from empirics.experiments.allenzhu2019.residual_norms import draws_finding, least_width, tail
from empirics.experiments.allenzhu2019.residual_products import largest_product
from empirics.measure.forward import Pass, forward
from empirics.networks import network
from empirics.verdict import Observation
from empirics.weights import Weights

SCALE = frozenset(("resnet_tau", "resnet_tau_explicit"))
PRODUCTS = frozenset(("resnet_spectral",))
NORMS = frozenset(("resnet_forward_lower", "resnet_forward_upper"))
MEASURED = SCALE | PRODUCTS | NORMS | residual_change.MEASURED
DRAWS = 20  # fresh networks where it is left open
UNLIKELY = 1e-3
"""Probability with which a norm may leave a bound at a width that is called wide enough for it."""


def prepare(X: Tensor) -> Tensor:
    """Inputs of norm 1 whose last coordinate is 1/sqrt(2) (footnote 5): Appendix C changes nothing there.

    Args:
        X: (n, d), no zero row.

    Returns:
        (n, d + 1).
    """
    return critical.prepare(X, X[:, 0])[0]


def build(
    width: int,
    seed: int,
    X: Tensor,
    L: int,
    activation: str = "relu",
    device: str | torch.device = "cpu",
    C: float = 1.0,
) -> Weights:
    """Appendix C's network with tau = 1/(C L log m).

    Args:
        width: m, at least 2.
        seed: of the weights.
        X: inputs as `prepare` gives them.
        L: trained layers, at least 2: L - 1 residual ones and W_L.
        activation: relu, the only one that the paper covers.
        device: where the network lives.
        C: the constant of tau.

    Returns:
        Theta_0.

    Raises:
        NotApplicable: another activation, or no residual layer.
        TheoryError: a value outside its range.
    """
    if activation != "relu":
        raise NotApplicable(f"activation = {activation}: allenzhu2019's residual network is relu's (Appendix C)")
    if L < 2:
        raise NotApplicable(f"L = {L}: no residual layer (W_L is none); use L of at least 2")
    tau = float(predict(f"{KEY}.resnet_tau", {"L": L, "m": width, "C": C}).value) if width > 1 else None
    options: dict[str, Any] = {"L": L, "m": width, "d_in": X.shape[1], "tau": tau}
    return network(KEY, "resnet", seed=seed, device=device, **options).weights


@dataclass(frozen=True, eq=False)
class Scaled:
    """The network at one scale of its branches.

    Attributes:
        weights: as Appendix C's `resnet` has them.
        X: inputs of norm 1, (n, d_in).
        seed: of the network.
    """

    weights: Weights
    X: Tensor
    seed: int

    @property
    def L(self) -> int:
        """Trained layers."""
        return self.weights.L - 1

    @property
    def tau(self) -> float:
        """Scale of the branches."""
        return self.weights.scales[1]

    @property
    def C(self) -> float:
        """The constant in tau = 1/(C L log m)."""
        return 1 / (self.tau * self.L * math.log(self.weights.m))

    @property
    def values(self) -> dict[str, Any]:
        """The parameters at which the theory predicts."""
        return {"L": self.L, "m": self.weights.m, "tau": self.tau, "n": self.X.shape[0]}

    @cached_property
    def cache(self) -> Pass:
        """One forward sweep."""
        return forward(self.weights, self.X)

    @cached_property
    def products(self) -> dict[tuple[int, int], tuple[float, float]]:
        """(a, b) -> ends of the largest norm of (C.1)'s product over the samples."""
        return largest_product(self.weights, self.cache.d1)

    @cached_property
    def norms(self) -> Tensor:
        """||h_l||, l = 0..L, (L + 1, n)."""
        pairs = zip(self.cache.a[1:], self.weights.scales[1:], strict=True)
        return torch.stack([a.norm(dim=1) / scale for a, scale in pairs])

    def at(self, tau: float) -> Scaled:
        """The same W_l at another scale of the branches."""
        scales = (1.0, *[tau] * (self.L - 1), 1.0, 1.0)
        return replace(self, weights=replace(self.weights, scales=scales))

    def see(self, name: str, measured: float, **extra: Any) -> Observation:
        """An observation; ``upper`` is ``measured`` unless given."""
        extra.setdefault("upper", measured)
        values = self.values | extra.pop("more", {})
        return Observation(f"{KEY}.{name}", values, measured, seed=self.seed, width=self.weights.m, **extra)


def observe(
    weights: Weights, X: Tensor, values: Mapping[str, Any], *, seed: int, names: frozenset[str]
) -> tuple[list[Observation], list[str]]:
    """Set Appendix C against one network at its initialisation, at its own tau and at `resnet_tau_explicit`.

    Args:
        weights: a residual network at its initialisation (`build`).
        X: inputs as `prepare` gives them.
        values: nothing is needed: L, m, n and tau are read off the network. "C": the constant with which tau was
            chosen, 1 if left out. "fresh": seeds of untrained networks for the statements over seeds (and then networks
            of other depths are drawn too), none of either where it is empty; left out: 20 at seed 0, else none.
        seed: of the network.
        names: bare names wanted of `MEASURED`.

    Returns:
        The observations, and what no quantity states, in sentences; none without a residual layer (L = 1).
    """
    if not weights.shortcuts:
        return [], ["no residual layer at L = 1: nothing of Appendix C is measured"]
    own, fresh = Scaled(weights, X, seed), values.get("fresh", range(0 if seed else DRAWS))
    ensured = own.at(float(predict(f"{KEY}.resnet_tau_explicit", own.values).value))
    seen = [o for o in _scales(own, ensured, float(values.get("C", 1.0))) if o.quantity.split(".")[1] in names]
    said: list[str] = []
    if names & PRODUCTS:
        seen += [o for scaled in (own, ensured) for o in _products(scaled, ensured.tau)]
        said.append(_products_finding(own, ensured))
    if names & NORMS:
        seen += [o for scaled in (own, ensured) for o in _norms(scaled) if o.quantity.split(".")[1] in names]
        if fresh:
            limits = [float(predict(f"{KEY}.{n}", {}).value) for n in ("resnet_forward_lower", "resnet_forward_upper")]
            said.append(draws_finding(weights, X, (limits[0], limits[1]), fresh))
    if wanted := names & residual_change.MEASURED:
        seen += [o for o in residual_change.changes(ensured) if o.quantity.split(".")[1] in wanted]
        if fresh:
            said.append(residual_change.depth_finding(weights, X))
    return seen, said


def _scales(own: Scaled, ensured: Scaled, C: float) -> Iterator[Observation]:
    """The scale used, and the one at which (C.1) is ensured, at the network's own scale and at that one."""
    allowed = float(predict(f"{KEY}.resnet_tau", own.values | {"C": C}).value)
    above = own.tau > allowed * (1 + 1e-12)
    why = (f"tau = {own.tau:.3g} was chosen larger than the paper's {allowed:.3g} at C = {C:g}",) if above else ()
    yield own.see("resnet_tau", own.tau, more={"C": C}, label=f"C = {C:g}", reasons=why)
    for scaled in (own, ensured):
        yield scaled.see("resnet_tau_explicit", scaled.tau, label=_named(scaled))


def _named(scaled: Scaled) -> str:
    return f"C log m = {scaled.C * math.log(scaled.weights.m):.4g}"


def _products(scaled: Scaled, explicit: float) -> Iterator[Observation]:
    """(C.1) for every pair; where tau is larger than what ensures it the constant in tau, not (C.1), is at fault."""
    large = scaled.tau > explicit * (1 + 1e-12)
    why = (f"tau = {scaled.tau:.3g}: (C.1) is ensured up to tau = {explicit:.3g} only (A11)",) if large else ()
    for (a, b), (low, high) in scaled.products.items():
        label = f"a={a} b={b}, {_named(scaled)}"
        yield scaled.see("resnet_spectral", low, upper=high, label=label, reasons=why)


def _products_finding(own: Scaled, ensured: Scaled) -> str:
    bound = float(predict(f"{KEY}.resnet_spectral", {}).value)
    parts = []
    for scaled in (own, ensured):
        low, high = (max(ends[k] for ends in scaled.products.values()) for k in (0, 1))
        verdict = "proved" if high <= bound else "fails" if low > bound else "not settled"
        parts.append(f"{low:.4g} to {high:.4g} at {_named(scaled)} (tau = {scaled.tau:.3g}: {verdict})")
    return (
        f"width {own.weights.m}, L = {own.L}, seed {own.seed}: the largest norm of a product of (C.1), to be at most "
        f"{bound:g}, over {len(own.products)} pairs of layers and {len(own.X)} samples: {'; '.join(parts)}"
    )


def _norms(scaled: Scaled) -> Iterator[Observation]:
    """Every hidden layer's least and largest norm over the samples."""
    low, high = (ends.tolist() for ends in (scaled.norms.amin(1), scaled.norms.amax(1)))
    for l in range(scaled.L + 1):
        label = f"h_{l}, {_named(scaled)}"
        yield scaled.see("resnet_forward_lower", low[l], label=label)
        yield scaled.see("resnet_forward_upper", high[l], label=label, reasons=_too_narrow(scaled, l))


def _too_narrow(scaled: Scaled, l: int) -> tuple[str, ...]:
    """Why the width is no large polynomial for ||h_l|| <= 1.02: h_0 alone fluctuates by 1.12/sqrt(m).

    The residual layers multiply ||h_0|| by at most the norm of their product, and W_L draws a fresh layer, as A did: it
    suffices that h_0, or the factor of each of the two, stays below what these leave of 1.02.
    """
    bound = float(predict(f"{KEY}.resnet_forward_upper", {}).value)
    m, n, last = scaled.weights.m, len(scaled.X), l == scaled.L
    residual = min(l, scaled.L - 1)
    room = bound / (scaled.products[residual, 1][1] if residual else 1.0)
    p = 2 * tail(m, math.sqrt(room)) if last else tail(m, room)
    if room > 1 and n * p <= UNLIKELY:
        return ()
    if room <= 1:
        return (f"tau = {scaled.tau:.3g} is too large for {bound:g}: the residual layers alone may reach it (A11)",)
    return (
        f"m = {m} is too small for the high probability of Lemma 7.1: one sample's norm is above {bound:g} with "
        f"probability up to {p:.2g}; {n} samples need m >= {least_width(n, bound, UNLIKELY)} for h_0 alone",
    )
