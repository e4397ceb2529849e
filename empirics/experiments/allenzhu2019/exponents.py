"""How what the attacks reach grows with omega, against the orders claimed; which premises hold with constants at 1.

A bound C omega^p is refuted by a measured exponent below p as omega -> 0, and by nothing else: an exponent above p says
that the bound is not tight there, or that the attack is not the worst. Random directions are no attack: they say
nothing of the worst case.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from bounds.registry import quantity
from empirics.comparison import predict
from empirics.experiments.allenzhu2019.initial import Frame
from empirics.experiments.allenzhu2019.key import KEY
from empirics.experiments.allenzhu2019.table import Table
from empirics.exponents import Exponent, fit_exponent
from empirics.verdict import CONSISTENT, VIOLATED, Row

FEW = 4.0
"""Signs that the flips change on average, at least, where a radius counts: below, whole numbers hide the exponent."""
BEND = 0.05
"""Exponents this far below the claim may be a curve's over a finite range of radii: they speak against nothing."""
SAID = {
    "sign_changes": "sign changes",
    "sign_change_norm": "norm of what changed sign",
    "forward_change": "change of a layer",
    "backward_change": "change of the backward product",
    "ntk_gradient_gap": "gradient gap",
    "ntk_output_gap": "output gap",
    "ntk_kernel_gap": "kernel gap",
}
RADII = {
    "forward_radius": "<=",
    "intermediate_radius": "<=",
    "intermediate_radius_proof": "<=",
    "semi_smoothness_radius_low": ">=",
    "semi_smoothness_radius": "<=",
    "semi_smoothness_radius_proof": "<=",
    "ntk_kernel_radius": "<=",
}
"""Ends of omega that Lemmas 8.2, 8.6, 8.7 and Theorems 4, 5 ask for."""


@dataclass(frozen=True)
class Growth:
    """One quantity's exponents in omega.

    Attributes:
        name: of the quantity.
        claimed: the bound's exponent.
        attacked: of the mean over samples under the attacks, None from fewer than three radii.
        random: of the mean over samples under random directions, likewise.
        share: random over attacked, at the largest radius; NaN where the attacks reached nothing.
    """

    name: str
    claimed: float
    attacked: Exponent | None
    random: Exponent | None
    share: float

    @property
    def below(self) -> bool:
        """Whether the whole interval lies below the claim, by more than `BEND`."""
        return self.attacked is not None and self.attacked.high < self.claimed - BEND

    def words(self) -> str:
        """``sign changes 0.68 [0.66, 0.70] (claimed 0.67; random 1.02)``."""
        random = "-" if self.random is None else f"{self.random.value:.2f}"
        return f"{SAID[self.name]} {self.attacked or '-'} (claimed {self.claimed:.2f}; random {random})"


def growths(table: Table, omegas: tuple[float, ...], names: frozenset[str]) -> tuple[list[Growth], list[float]]:
    """The exponents of one network, and the radii that count.

    Args:
        table: what the attacks and the random directions reached, sign_changes among it.
        omegas: the radii.
        names: the quantities wanted.

    Returns:
        One growth for each of `SAID` that is wanted, over the radii at which the attacks change `FEW` signs of a layer
        on average, and these.
    """
    counts = np.asarray(table.typical("sign_changes", random=False)) >= FEW
    found = []
    for name in (name for name in SAID if name in names):
        claimed = float(quantity(f"{KEY}.{name}").orders["omega"])
        attacked, random = (table.typical(name, random=kind) for kind in (False, True))
        top = int(np.argmax(omegas))
        fits = [_fit(omegas, values, counts) for values in (attacked, random)]
        share = float(random[top] / attacked[top]) if attacked[top] > 0 else np.nan
        found.append(Growth(name, claimed, fits[0], fits[1], share))
    return found, [omega for omega, counted in zip(omegas, counts, strict=True) if counted]


def _fit(omegas: tuple[float, ...], values: np.ndarray, counts: np.ndarray) -> Exponent | None:
    usable = counts & np.isfinite(values) & (values > 0)
    return fit_exponent(np.asarray(omegas)[usable], values[usable]) if usable.sum() > 2 else None


def findings(table: Table, see: Frame, omegas: tuple[float, ...], names: frozenset[str]) -> list[str]:
    """The exponents of one network, in one or two sentences.

    Args:
        table: what was reached.
        see: the network's values and seed.
        omegas: the radii.
        names: the quantities wanted.

    Returns:
        Sentences with numbers.
    """
    found, used = growths(table, omegas, names)
    if not found:
        return []
    head = f"width {see.values['m']}, seed {see.seed}"
    if len(used) < 3:
        few = f"{head}: at {len(used)} of {len(omegas)} radii can {FEW:.0f} signs of a layer be changed on average"
        return [f"{few}, too few for exponents in omega"]
    shown = "; ".join(g.words() for g in found)
    low = [SAID[g.name] for g in found if g.below]
    against = (
        f"below the claim on these radii, the direction that would refute: {', '.join(low)}"
        if low
        else (f"none lies more than {BEND:g} below its claim, which alone would speak against an upper bound")
    )
    share = ", ".join(f"{g.share:.2g} of the {SAID[g.name]}" for g in found)
    return [
        f"{head}: attacks' exponents in omega from {used[0]:.3g} to {used[-1]:.3g}, means over samples: {shown}; "
        f"{against}",
        f"{head}: random directions say nothing of the worst case: at omega = {max(omegas):.3g} they reach {share} of "
        f"the attacks",
    ]


def premises(see: Frame, omegas: tuple[float, ...]) -> str:
    """Which premises hold with their hidden constants at 1.

    Args:
        see: the network's values.
        omegas: the radii.

    Returns:
        A sentence; none of them withholds a verdict, as each hides a constant.
    """

    def at(name: str) -> float:
        return float(predict(f"{KEY}.{name}", see.values).value)

    inside = []
    for name, sign in RADII.items():
        end = at(name)
        many = sum(omega <= end if sign == "<=" else omega >= end for omega in omegas)
        inside.append(f"omega {sign} {name} = {end:.2g} at {many}")
    m, d = (float(see.values[letter]) for letter in ("m", "d"))
    yes = {True: "holds", False: "fails"}
    wide, few = at("products_width"), at("sparsity_limit")
    return (
        f"width {m:.0f}: premises with hidden constants at 1, of {len(omegas)} radii: {', '.join(inside)}; "
        f"m >= products_width = {wide:.3g} {yes[m >= wide]}; d <= m/(L log m) = {few:.3g} {yes[d <= few]}; Lemma 8.6 "
        f"allows {at('intermediate_sparsity'):.2g} sign changes a layer; they withhold no verdict"
    )


def mild(row: Row) -> Row:
    """A trend in the width refutes none of Lemmas 7.1 to 8.7 and Theorems 4, 5, whose premises hide constants.

    Norms of products of Gaussian matrices approach their limits from below, like 1 - c m^(-2/3): on any finite range of
    widths they grow, and with enough seeds the interval of the exponent says so.

    Args:
        row: as `gather` gives it, of any quantity of Sections 7, 8, 11 or 14.

    Returns:
        The row; one that a trend made VIOLATED is CONSISTENT, with the trend and this among its reasons.
    """
    if row.verdict != VIOLATED or not row.details.get("widths"):
        return row
    text = f"{'; '.join(row.reasons)}, which refutes it only where its premises' hidden constants admit these widths"
    return replace(row, verdict=CONSISTENT, reasons=(text,))
