"""What the panels of a figure show, in sentences that count them."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from typing import Any

from empirics.experiments.allenzhu2019.landscape.surface import Panel

ENOUGH = 0.9
"""The share of the deepest fall seen that counts as reaching it."""
AGREES = "as the paper reports"
DIFFERS = "the paper reports that its negative gradient sufficiently decreases F in all of its panels"
_NORMALISED = {"batch": "each batch's own statistics, as in training", "running": "the training's averages, kept fixed"}


def summary(figure: Any) -> str:
    """The sentences of a `figure.Landscapes`; the first says what was seen of the paper's claim."""
    if not figure.panels:
        return f"no training reached its first panel: {_lost(figure)}"
    sentences = [_claim(figure.panels), _curvature(figure.panels), _values(figure), _trained(figure)]
    return "\n".join([*sentences, *([_lost(figure)] if figure.lost else [])])


def _claim(panels: Sequence[Panel]) -> str:
    n, runs = len(panels), len({p.data for p in panels})
    falls, curved = [p.gradient_fall for p in panels], [p.curved_fall for p in panels]
    down = sum(f > 0 for f in falls)
    less = sum(c < f for c, f in zip(curved, falls, strict=True))
    enough = sum(p.gradient_fall >= ENOUGH * p.whole_fall for p in panels)
    return (
        f"F falls along minus the gradient in {down} of {n} panels ({runs} training run{'s' if runs > 1 else ''}), "
        f"by {_range(falls)}, of F(W_t), and by more than along the curved direction, either way and at any distance "
        f"({_range(curved)}), in {less} of {n}: {AGREES if down == less == n else DIFFERS}; the gradient alone reaches "
        f"{ENOUGH:.0%} of the deepest fall seen on the whole surface in {enough} of {n}"
    )


def _curvature(panels: Sequence[Panel]) -> str:
    n, d = len(panels), [p.directions for p in panels]
    negative, between = sum(x.oja_curvature < 0 for x in d), sum(x.lanczos_hessian < 0 for x in d)
    deeper = sum(x.oja_curvature < x.lanczos_curvature for x in d)
    return (
        f"the smoothed Hessian's curvature along Oja's direction is negative in {negative} of {n} panels "
        f"({_spread([x.oja_curvature for x in d])}), below that along Lanczos's in {deeper}; the Hessian between "
        f"ReLU's kinks has a negative eigenvalue in {between} of {n} (least Ritz values "
        f"{_spread([x.lanczos_hessian for x in d])}; largest {_spread([x.largest for x in d])}); the two directions "
        f"overlap by {_spread([x.overlap for x in d])}; over the gradient's best distance the quadratic model promises "
        f"of negative curvature {_spread([p.quadratic_ratio for p in panels])} times what it promises of the slope"
    )


def _values(figure: Any) -> str:
    parts = []
    for name, what in figure.data.items():
        own = [p for p in figure.panels if p.data == name]
        if own:
            parts.append(f"{what}: F(W_t) = " + ", ".join(f"{p.here:.3g} (epoch {p.epoch})" for p in own))
    return "; ".join(parts)


def _trained(figure: Any) -> str:
    s = figure.setting
    on = "all training samples" if s.measured is None else f"{s.measured} training samples"
    return (
        f"trained: depth {s.depth}, width {s.width:g}, {s.epochs} epochs, batches of {s.batch_size}, images "
        f"{s.augment} (the paper: {figure.full}); F is over {on}, normalised by {_NORMALISED[s.batch_norm]}"
    )


def _lost(figure: Any) -> str:
    return "; ".join(f"{name} {why}" for name, why in figure.lost.items())


def _range(values: Sequence[float]) -> str:
    return f"{min(values):.0%} to {max(values):.0%}, median {median(values):.0%}"


def _spread(values: Sequence[float]) -> str:
    return f"{min(values):.2g} to {max(values):.2g}, median {median(values):.2g}"
