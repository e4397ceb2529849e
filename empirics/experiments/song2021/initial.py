"""What holds with high probability at a fresh initialisation: eqs 56-76, over many seeds and without training."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from scipy.stats import t as student
from torch import Tensor

from empirics.comparison import predict
from empirics.data import Dataset
from empirics.experiments.song2021.architecture import shallow
from empirics.experiments.song2021.constants import KEY
from empirics.measure.forward import forward
from empirics.verdict import Observation, clopper_pearson

PER_SEED = ("mu_Phi_lower", "mu_Phi_lower_printed", "nu_Phi_upper", "sigma_max_phi_upper", "V0_norm", "row_norm",
            "loss_init", "loss_init_derived")  # fmt: skip
MEAN = ("gram_min_lower", "gram_max_upper", "feature_norm", "gram_mean_eigenvalue")
FRACTIONS = ("p_2", "p_3", "failure_probability")
WIDTHS = ("required_width", "required_width_simplified", "required_width_unbounded", "required_width_unbounded_data",
          "required_width_direct", "concentration_width", "init_scale", "init_scale_proof")  # fmt: skip
MEASURED = frozenset((*PER_SEED, *MEAN, *FRACTIONS, *WIDTHS))
_AT_ESTIMATES = frozenset(("d_1", "sigma_max_X", "sigma_min_Xt"))
UNREAD: Mapping[str, frozenset[str]] = {
    "required_width": frozenset(("d_1",)),
    "required_width_direct": frozenset(("d_1",)),
    "required_width_simplified": _AT_ESTIMATES,
    "required_width_unbounded": _AT_ESTIMATES,
}
"""What only the side conditions of a width read: d_1 is solved for, and two take the paper's estimates for the data."""
SUBSET = 128
"""Samples on which the mean Gram matrix is compared entry by entry."""
UNLIKELY = 1e-6
"""Probability with which a sample mean may leave the interval given for the truth."""


@dataclass(frozen=True, eq=False)
class Draws:
    """What S initialisations show, each (S,), and the Gram matrices of some samples, (S, k, k).

    Attributes:
        least, greatest: extreme eigenvalues of M_0 = phi(W_0 X)^T phi(W_0 X); least is 0 where d_1 < n.
        trace: of M_0.
        readout, row, summand, loss: ||V_0||, max_i ||W_0,i||, max_i ||A_i||, h(Theta_0).
        grams: M_0 of the first `SUBSET` samples.
    """

    least: np.ndarray
    greatest: np.ndarray
    trace: np.ndarray
    readout: np.ndarray
    row: np.ndarray
    summand: np.ndarray
    loss: np.ndarray
    grams: Tensor


def draw(setting: Any, width: int, omega_2: float, data: Dataset) -> Draws:
    """Initialise the network ``init_seeds`` times and look at each; nothing waits for the device until the end.

    Args:
        setting: omega_1, activation, init_seeds, device.
        width: d_1.
        omega_2: standard deviation of V_0.
        data: inputs of norm 1.

    Returns:
        What was seen.
    """
    n, d_0 = data.X.shape
    rows, grams = [], []
    for seed in setting.fresh_seeds(setting.init_seeds):
        options = {"omega_1": setting.omega_1, "omega_2": omega_2, "activation": setting.activation}
        made = shallow(torch.Generator().manual_seed(seed), d_0=d_0, d_1=width, **options)
        weights = made.to(setting.device)
        cache = forward(weights, data.X, 0)
        features = cache.a[-1]
        M = features @ features.mT
        ends = torch.linalg.eigvalsh(M)[[0, -1]].clamp(min=0)
        largest_row, summand = weights.W[0].norm(dim=1).max(), features.square().sum(0).max()
        loss = (cache.f - data.y[:, None]).square().sum()
        rows.append(torch.stack([*ends, M.trace(), weights.V.norm(), largest_row, summand, loss]))
        grams.append(M[:SUBSET, :SUBSET].clone())
    table = torch.stack(rows).cpu().numpy()
    if n > width:
        table[:, 0] = 0.0  # the rank is at most d_1: what the solver gives is rounding
    return Draws(*table.T, grams=torch.stack(grams))  # type: ignore[misc]


def observe_initial(
    draws: Draws,
    values: Mapping[str, Any],
    mean: Mapping[str, Any],
    *,
    width: int,
    why: tuple[str, ...],
    first: int = 0,
) -> Iterator[Observation]:
    """What the seeds of one width say of the statements with high probability.

    Args:
        draws: what was seen.
        values: the parameters at which the theory predicts.
        mean: from `mean_gram.data_values`: gram_min, gram_max, gram_error per hidden unit.
        width: d_1.
        why: why sigma_min(phi(W_0 X)) is 0 whatever the seed.
        first: the first of their seeds.

    Yields:
        Observations. Those that presuppose the concentration of M_0 about E M_0 carry the reason where a seed shows
        none.
    """
    low, high = _off(draws, values, mean, width)

    def see(name: str, measured: float, **extra: Any) -> Observation:
        extra.setdefault("upper", measured)
        given = {k: v for k, v in values.items() if k not in UNREAD.get(name, ())}
        return Observation(f"{KEY}.{name}", given, float(measured), width=width, **extra)

    long = _readout_reasons(draws, values, width)
    for s, least in enumerate(draws.least):
        seed = first + s
        few = why + (_spread("least", least, low.bound, "<") if low.off[s] else ())
        many = _spread("largest", draws.greatest[s], high.bound, ">") if high.off[s] else ()
        root, top = math.sqrt(least), math.sqrt(draws.greatest[s])
        yield see("mu_Phi_lower", root, seed=seed, reasons=few)
        yield see("mu_Phi_lower_printed", root, seed=seed, reasons=few)
        yield see("sigma_max_phi_upper", top, seed=seed, reasons=many)
        here = {**values, "sigma_max_V0": float(draws.readout[s]), "sigma_max_phi": top}
        yield see("nu_Phi_upper", float(predict(f"{KEY}.nu_Phi", here).value), seed=seed, reasons=many)
        yield see("V0_norm", draws.readout[s], seed=seed, reasons=long[s])
        yield see("row_norm", draws.row[s], seed=seed)
        yield see("loss_init", draws.loss[s], seed=seed)
        yield see("loss_init_derived", draws.loss[s], seed=seed)
    yield from _mean(see, draws, mean, width, why)
    yield from _fractions(see, low, high, draws, values, why)
    for name in WIDTHS:
        scale = float(values["omega_1"]) * float(values["omega_2"])
        yield see(name, scale if name.startswith("init_scale") else float(width))


def summand_finding(draws: Draws, values: Mapping[str, Any], width: int) -> str:
    """The constant of eq 63 that the seeds ask for.

    It is no row: a maximum over d_1 rows approaches its order log d_1 from below so slowly that on any widths that can
    be run it grows faster, which would read as a refutation of the order.

    Args:
        draws: what was seen.
        values: the parameters at which the theory predicts.
        width: d_1.

    Returns:
        A sentence.
    """
    order = float(predict(f"{KEY}.summand_norm", values).value)
    low, high = (float(x) / order for x in (draws.summand.min(), draws.summand.max()))
    return f"eq 63, width {width}: max_i ||A_i|| is {low:.2g} to {high:.2g} of its order at C = 1"


@dataclass(frozen=True, eq=False)
class _Side:
    """Which seeds leave one side of the interval about E M_0, and its end."""

    off: np.ndarray
    bound: float


def _off(draws: Draws, values: Mapping[str, Any], mean: Mapping[str, Any], width: int) -> tuple[_Side, _Side]:
    low = (1 - float(values["delta_1"])) * width * mean.get("gram_min", 0.0)
    high = (1 + float(values["delta_2"])) * width * mean["gram_max"]
    return _Side(draws.least < low, low), _Side(draws.greatest > high, high)


def _spread(which: str, value: float, bound: float, sign: str) -> tuple[str, ...]:
    return (f"concentration fails: {which} eigenvalue of M_0 {value:.3g} {sign} {bound:.3g} (App E.2)",)


def _allowed(width: int) -> float:
    """The probability with which eq 69 may fail."""
    return min(1.0, 2 * math.exp(-width / 2))


def _readout_reasons(draws: Draws, values: Mapping[str, Any], width: int) -> list[tuple[str, ...]]:
    """Eq 69 may fail in a fraction 2 exp(-d_1/2) of seeds: exceptions refute it only where they are too many."""
    bound = float(values["omega_2"]) * (2 * math.sqrt(width) + 1)
    over = draws.readout > bound
    many, count = int(over.sum()), len(over)
    if not many or clopper_pearson(many, count)[0] > _allowed(width):
        return [()] * count
    text = f"exceeded in {many} of {count} seeds, which the probability 2 exp(-d_1/2) = {_allowed(width):.2g} allows"
    return [(text,) if exceeded else () for exceeded in over]


def _mean(see: Any, draws: Draws, mean: Mapping[str, Any], width: int, why: tuple[str, ...]) -> Iterator[Observation]:
    """The bounds of the spectrum of E M_0, which is known by quadrature, and its trace from the seeds."""
    error, least, top = width * mean["gram_error"], width * mean.get("gram_min", 0.0), width * mean["gram_max"]
    label = "E M_0 by quadrature"
    # E M_0 does not need d_1 >= n: only repeated samples make it singular
    singular = () if "gram_min" in mean else why or ("lambda_min(E M_0) is within rounding of 0",)
    ends = {"lower": max(least - error, 0.0), "upper": least + error, "label": label}
    yield see("gram_min_lower", least, reasons=singular, **ends)
    yield see("gram_max_upper", top, lower=top - error, upper=top + error, label=label)
    roots = {"lower": math.sqrt(max(top - error, 0.0)), "upper": math.sqrt(top + error)}
    yield see("feature_norm", math.sqrt(top), label=label, **roots)
    count = len(draws.trace)
    per = draws.trace / len(mean["gram_mean"])
    centre = float(per.mean())
    if count > 1:
        wide = float(student.ppf(1 - UNLIKELY / 2, count - 1) * per.std(ddof=1) / math.sqrt(count))
        label = f"mean of {count} seeds"
        yield see("gram_mean_eigenvalue", centre, lower=centre - wide, upper=centre + wide, label=label)


def _fractions(
    see: Any, low: _Side, high: _Side, draws: Draws, values: Mapping[str, Any], why: tuple[str, ...]
) -> Iterator[Observation]:
    """Fractions of seeds with their Clopper-Pearson intervals; psi covers further events, so its is a lower bound."""
    exceeded = draws.readout > float(values["omega_2"]) * (2 * math.sqrt(float(values["d_1"])) + 1)
    events = {"p_2": low.off, "p_3": high.off, "failure_probability": low.off | high.off | exceeded}
    for name, event in events.items():
        count, many = len(event), int(event.sum())
        a, b = clopper_pearson(many, count)
        label = f"{many} of {count} seeds"
        reasons = why if name != "p_3" else ()
        yield see(name, many / count, lower=a, upper=None if name == "failure_probability" else b, label=label,
                  reasons=reasons)  # fmt: skip
