"""What runs of allenzhu2019's networks showed beside its quantities, in sentences with numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from empirics.comparison import predict
from empirics.experiments.allenzhu2019.descent import Path
from empirics.experiments.allenzhu2019.judging import constant_at
from empirics.experiments.allenzhu2019.key import KEY
from empirics.experiments.allenzhu2019.losses import Trial, sentence
from empirics.experiments.allenzhu2019.setting import Setting
from empirics.experiments.allenzhu2019.stochastic import Walk
from empirics.exponents import fit_exponent


def findings(
    paths: Mapping[str, Sequence[Path]],
    walks: Mapping[str, Sequence[Walk]],
    trials: Mapping[str, Sequence[Trial]],
    setting: Setting,
) -> list[str]:
    """Everything that was seen, kind by kind.

    Args:
        paths: runs of gradient descent, by kind.
        walks: of SGD.
        trials: with other losses.
        setting: for eps.

    Returns:
        Sentences.
    """
    said: list[str] = []
    for kind, runs in paths.items():
        sound = [path for path in runs if not path.failed]
        said += [line for part in (_steps, _movement, _norms) for line in part(kind, sound)] if sound else []
    for kind, sgd in walks.items():
        said += _sgd(kind, [run for run in sgd if not run.failed])
    for tried in trials.values():
        for name in dict.fromkeys(t.name for t in tried):
            said.append(sentence(name, [t for t in tried if t.name == name], setting.eps))
    return said


def _steps(kind: str, paths: Sequence[Path]) -> Iterator[str]:
    """The step used beside the theory's, and the rate of the loss."""
    moved = [p for p in paths if len(p.loss) > 1]
    if not moved or not paths[0].values["delta"] > 0:
        return
    scale = [p.eta / float(predict(f"{KEY}.step_size", p.values).value) for p in moved]
    ratios = [p.loss[1:] / p.loss[:-1] for p in moved]
    worst, count = max(float(r.max()) for r in ratios), sum(len(r) for r in ratios)
    fell = sum(int((r < 1).sum()) for r in ratios)
    chi = [1 - float(p.loss[-1] / p.loss[0]) ** (1 / (len(p.loss) - 1)) for p in moved]
    wide = [constant_at(int(p.values["m"]), p.values) for p in moved]
    yield (
        f"{kind}, {len(moved)} runs: the loss fell in {fell} of {count} steps, by {100 * min(chi):.2g}% to "
        f"{100 * max(chi):.2g}% a step on average (largest factor {worst:.4g}), at step sizes {_span(scale)} times "
        f"Theorem 1's d delta/(n^4 L^2 m); the widths are Theorem 1's for C_m <= {min(wide):.1e}"
    )


def _movement(kind: str, paths: Sequence[Path]) -> Iterator[str]:
    """(12.1)'s m^(-1/2), and what the tuple norm costs (A7)."""
    moved = [p for p in paths if p.moved.max() > 0]
    if not moved:
        return
    width = [float(p.values["m"]) for p in moved]
    far = [float(p.farthest.frobenius.max()) for p in moved]
    text = f"{kind}, {len(moved)} runs: the farthest layer moved by {_span(far)} (Frobenius)"
    if len(set(width)) > 1:
        plain = fit_exponent(width, far)
        per = fit_exponent(width, [x / float(p.loss[0]) ** 0.5 for x, p in zip(far, moved, strict=True)])
        text += (
            f", as width^{_figures(plain)}, and divided by sqrt(F_0), which differs between initialisations, as "
            f"width^{_figures(per)}; (12.1) has width^-0.5 up to its logarithm"
        )
    together = [float(p.moved.max()) / x for p, x in zip(moved, far, strict=True)]
    L = len(moved[0].farthest.layer)
    yield (f"{text}; all layers together {_span(together)} times as far, at most sqrt(L) = {L**0.5:.3g} (A7)")


def _span(values: Sequence[float]) -> str:
    """The least and the greatest, once where they look the same."""
    low, high = f"{min(values):.3g}", f"{max(values):.3g}"
    return low if low == high else f"{low} to {high}"


def _figures(exponent: object) -> str:
    text = str(exponent)
    return text.split(" ")[0] if "inf" in text else text


def _norms(kind: str, paths: Sequence[Path]) -> Iterator[str]:
    """Theorem 3's two-sided bound outside of its ball."""
    if not paths[0].values["delta"] > 0:
        return
    far = [float(p.looks[-1].spectral.max()) for p in paths]
    out = [x / float(predict(f"{KEY}.gradient_radius", p.values).value) for x, p in zip(far, paths, strict=True)]
    upper = _ratios("gradient_upper", paths, lambda look: look.layer.sum())
    lower = _ratios("gradient_lower_total", paths, lambda look: look.layer[-1])
    if not len(upper):
        return
    yield (
        f"{kind}, {len(paths)} runs: at spectral distances up to {max(far):.2g}, {max(out):.1e} times Theorem 3's "
        f"radius at C = 1, ||grad F||^2 was {upper.min():.2g} to {upper.max():.2g} of F L n m/d and ||grad_(W_L) F||^2 "
        f"{lower.min():.2g} to {lower.max():.2g} of F delta m/(d n^2), at the measured points of the paths"
    )


def _ratios(name: str, paths: Sequence[Path], measured: Callable[..., float]) -> np.ndarray:
    """Measured over claimed at C = 1, at every measured point with a loss."""
    return np.array(
        [
            measured(look) / float(predict(f"{KEY}.{name}", {**p.values, "F": look.loss}).value)
            for p in paths
            for look in p.looks
            if look.loss > 0
        ]
    )


def _sgd(kind: str, walks: Sequence[Walk]) -> Iterator[str]:
    """SGD's movement and its worst step."""
    moved = [w for w in walks if len(w.loss) > 1 and w.ends[0].max() > 0]
    if not moved:
        return
    far = [float(w.ends[0].max()) for w in moved]
    width = [float(w.values["m"]) for w in moved]
    growth = max(float((w.loss[1:] / w.loss[:-1]).max()) for w in moved)
    last = [float(w.loss[-1] / w.loss[0]) for w in moved]
    shape = ""
    if len(set(width)) > 1:
        per = fit_exponent(width, [x / float(w.loss[0]) ** 0.5 for x, w in zip(far, moved, strict=True)])
        shape = f", divided by sqrt(F_0) as width^{_figures(per)} where (13.1) has width^-0.5 up to its logarithm"
    yield (
        f"{kind}, {len(moved)} runs of SGD, b = {moved[0].values['b']}: F fell to {min(last):.2g} to {max(last):.2g} "
        f"of F_0 in {max(w.run.stop_step for w in moved)} steps and rose by a factor of {growth:.3g} at most in one; "
        f"the farthest layer moved by {_span(far)}{shape}"
    )


def records(
    kind: str, width: int, paths: Sequence[Path], walks: Sequence[Walk], trials: Sequence[Trial]
) -> list[dict[str, Any]]:
    """The runs as `configuration` lists them.

    Args:
        kind: of network.
        width: m.
        paths: gradient descent.
        walks: SGD.
        trials: other losses.

    Returns:
        A record each.
    """
    rows = [("gradient descent", p.run, p.seed) for p in paths] + [("SGD", w.run, w.seed) for w in walks]
    rows += [(f"{t.name} loss", t.run, t.seed) for t in trials]
    return [
        {
            "network": kind,
            "method": method,
            "shown": method == "gradient descent",
            "width": width,
            "seed": seed,
            "learning_rate": run.learning_rate,
            "steps": run.stop_step,
            "reason": run.reason,
            "loss_first": float(run.records["loss"][0]),
            "loss_last": float(run.final_loss),
            "radii": {},
        }
        for method, run, seed in rows
    ]
