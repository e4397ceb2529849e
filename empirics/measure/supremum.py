"""The largest value that a search finds in a ball around theta_0: a lower bound of the supremum that a theorem bounds.

S restarts climb at once, as one batch of networks. An iteration tries two points of the ball: a step along the
gradient, projected, and a step towards the maximiser of the gradient's linear form over the ball (conditional
gradient), which never fails on a convex function. A restart moves to the better one if it is better than where it
stands; each of its two step lengths doubles when it succeeds and is quartered when it fails.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from bounds.errors import TheoryError
from empirics.balls import Ball
from empirics.checks import check_inputs, check_targets, check_trained
from empirics.losses import Loss, loss_function
from empirics.measure.ascent import Ascent
from empirics.measure.memory import budget_bytes, is_out_of_memory, rows_that_fit
from empirics.measure.objectives import Objective, Quantity, objective
from empirics.measurement import Measurement, Stopwatch
from empirics.networks import Network, as_weights
from empirics.weights import Weights, signature

_ROOM = 1e-12  # relative excess of a radius that counts as rounding

Progress = Callable[[int, list[float]], None]


@dataclass(frozen=True)
class _Search:
    """What all restarts share: theta_0, the function in the network's dtype and in float64, and the options."""

    here: Weights
    centre: Weights
    ball: Ball
    objective: Objective
    exact: Objective
    seed: int
    steps: int
    tol: float
    progress: Progress | None


def supremum(
    net: Network | Weights,
    quantity: str | Quantity,
    X: Tensor,
    ball: Ball,
    *,
    centre: Weights | None = None,
    y: Tensor | None = None,
    loss: str | Loss = "mean_square",
    restarts: int = 16,
    steps: int = 100,
    seed: int = 0,
    tol: float = 1e-6,
    budget: int | None = None,
    progress: Progress | None = None,
) -> Measurement:
    """The best lower bound found of the supremum of a quantity over a ball of parameters.

    A number above a theorem's bound refutes the theorem; one below proves nothing. Every point is checked to lie in
    the ball, and its value computed, in float64 whatever the network's dtype.

    Args:
        net: the network, or a point of it: one of the starting points where it is not theta_0.
        quantity: one of `objectives.QUANTITIES` (param_grad_norm, input_grad_norm, output, loss, loss_grad_norm,
            kernel_lambda_max, kernel_lambda_min_negative, kernel_change, hessian_norm), or a differentiable function of
            (weights, X) that returns (S,), or (S, r) of which the largest counts, for weights with a leading dimension
            S, in their dtype.
        X: inputs, (n, d).
        ball: a ball of `empirics.balls`.
        centre: theta_0; None: a Network's `initial`, or the weights given.
        y: targets, (n,) or (n, k), for the quantities of the loss.
        loss: which loss, see `empirics.losses`.
        restarts: starting points: theta_0, the net's own, random ones.
        steps: of every restart, at most.
        seed: of the starting points; restart s starts alike whatever `restarts` and `budget` are.
        tol: a restart stops when ten steps gain less than this, relative to its value.
        budget: bytes for the batch of restarts; None: 80% of what is free. What does not fit at once is done in turn.
        progress: called every ten steps with (step, the restarts' values).

    Returns:
        value: the largest value found. details: at, the float64 Weights where it is attained; start, the value at
        theta_0; restarts (restarts,), each one's value, NaN where dropped; spread, their range relative to the largest;
        steps; ball; evaluations of the function for one network; diverged, how many restarts met a value or gradient
        that is not finite and were dropped.

    Raises:
        TheoryError: bad values, nothing trained, a function without finite value at theta_0, no restart without NaN or
            infinity, or memory for not even one restart.
        NotApplicable: the quantity or the ball does not exist for this network.

    >>> from empirics.balls import SpectralBall
    >>> from empirics.networks import network
    >>> net = network(L=2, m=512, d=2)
    >>> found = supremum(net, "input_grad_norm", torch.ones(1, 2), SpectralBall(0.0, 1.0), restarts=2, steps=5)
    >>> found.value > 2 / 512**0.5  # banerjee2023, Lemma 4.1 as printed (erratum B1)
    True
    """
    here, origin = as_weights(net), _origin(net, centre)
    _check_options(ball, restarts, steps, seed, tol)
    check_trained(here, "the supremum")
    x, chosen = check_inputs(origin, X), loss_function(loss, origin.k)
    with Stopwatch(x) as watch, _named_exhaustion():
        found = _objectives(quantity, origin, x, y, chosen, seed)
        search = _Search(here, origin, ball, *found, seed, steps, tol, progress)
        start = float(search.exact.exact(search.centre.to(torch.float64)))
        if not torch.isfinite(torch.tensor(start)):
            raise TheoryError(f"quantity is {start} at theta_0: its supremum cannot be sought from there")
        values, at, counts = _in_groups(search, restarts, _group_size(search, x.shape[0], restarts, budget))
    finite = values[values.isfinite()]
    if at is None:
        raise TheoryError(f"quantity was NaN or infinite in all {restarts} restarts: take a smaller ball")
    best = float(finite.max())
    spread = float((finite.max() - finite.min()) / max(abs(best), torch.finfo(torch.float64).tiny))
    name = quantity if isinstance(quantity, str) else getattr(quantity, "__name__", "quantity")
    details: dict[str, Any] = {"at": at, "start": start, "restarts": values, "spread": spread, "ball": str(ball)}
    details |= counts | {"diverged": restarts - finite.numel()}
    return Measurement(name, best, "lower", best, details=details, **(watch.origin | {"dtype": "float64"}))


def _origin(net: Network | Weights, centre: Weights | None) -> Weights:
    here = as_weights(net)
    origin = (net.initial if isinstance(net, Network) else here) if centre is None else as_weights(centre)
    origin = origin.to(here.V)
    if here.batch or signature(here) != signature(origin):
        raise TheoryError("net and centre must be single networks of one shape: measure a batch one by one")
    return origin


def _objectives(
    quantity: str | Quantity, centre: Weights, x: Tensor, y: Tensor | None, loss: Loss, seed: int
) -> tuple[Objective, Objective]:
    """The function in the network's dtype and in float64."""
    target = None if y is None else check_targets(centre, y, x.shape[0])
    search = objective(quantity, centre, x, target, loss, seed)
    if x.dtype == torch.float64:
        return search, search
    target = None if target is None else target.to(torch.float64)
    return search, objective(quantity, centre.to(torch.float64), x.to(torch.float64), target, loss, seed)


def _check_options(ball: object, restarts: object, steps: object, seed: object, tol: object) -> None:
    if isinstance(ball, type) or not isinstance(ball, Ball):
        raise TheoryError(f"ball={ball!r} is not a ball: give SpectralBall(rho, rho_1) or another of empirics.balls")
    for name, value, least in (("restarts", restarts, 1), ("steps", steps, 0), ("seed", seed, 0)):
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value < 2**63:
            raise TheoryError(f"{name}={value!r} must be an integer of at least {least}")
    if isinstance(tol, bool) or not isinstance(tol, (int, float)) or not 0 <= tol < 1:
        raise TheoryError(f"tol={tol!r} must lie in [0, 1): a relative gain such as 1e-6")


def _group_size(search: _Search, n: int, restarts: int, budget: int | None) -> int:
    """Restarts at once: their parameters, the sweeps' activations for autograd, and kernels."""
    weights = search.centre
    item, device = weights.V.element_size(), weights.V.device
    numbers = sum(t.numel() for t in weights.tensors)
    rows = n * weights.k
    per_row = item * (search.objective.copies * numbers + 12 * rows * (sum(weights.widths) + weights.d) + 8 * rows**2)
    total = budget_bytes(budget, device)
    return rows_that_fit(restarts, per_row=per_row, fixed=4 * numbers * 8, budget=total, device=device, what="restart")


def _in_groups(search: _Search, restarts: int, size: int) -> tuple[Tensor, Weights | None, dict[str, int]]:
    """Every restart's value in float64, where the best is attained, and the work done."""
    values: list[float] = []
    at, steps, evaluations = None, 0, 0
    while len(values) < restarts:
        group = range(len(values), min(len(values) + size, restarts))
        run = _unless_exhausted(search, group)
        if run is None:
            size = len(group) // 2
            torch.cuda.empty_cache()  # what the failed attempt left may be in pieces too small for the next one
            continue
        for row, alive in enumerate(run.alive.tolist()):
            value, point = _judge(search, run, row) if alive else (torch.nan, None)
            if point is not None and value > max((v for v in values if v == v), default=-torch.inf):
                at = point
            values.append(value)
        steps, evaluations = max(steps, run.steps), evaluations + run.evaluations
    return torch.tensor(values, dtype=torch.float64), at, {"steps": steps, "evaluations": evaluations}


def _unless_exhausted(search: _Search, group: Sequence[int]) -> Ascent | None:
    """The climb, or None where memory ran out: on return the error is gone, and with it the tensors it kept alive."""
    try:
        return _climb(search, group)
    except (RuntimeError, MemoryError) as error:
        if len(group) == 1 or not is_out_of_memory(error):
            raise
    return None


@contextmanager
def _named_exhaustion() -> Iterator[None]:
    """One line where memory runs out and there is nothing left to halve: one restart, or one point in float64."""
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        raise TheoryError("out of memory with one restart: use fewer samples or float32") from error


def _climb(search: _Search, group: Sequence[int]) -> Ascent:
    centre, starts, given = search.centre, [], []
    moved = any(bool((a != b).any()) for a, b in zip(search.here.tensors, centre.tensors, strict=True))
    for s in group:
        given.append(s == 0 or (s == 1 and moved))
        if s == 0:
            starts.append(centre.tensors)
        elif s == 1 and moved:
            starts.append(search.ball.project(search.here.tensors, centre.tensors))
        else:
            generator = torch.Generator().manual_seed((search.seed * 1_000_003 + s) % 2**63)
            starts.append(search.ball.sample(centre.tensors, generator))
    points = [torch.stack(rows) for rows in zip(*starts, strict=True)]
    run = Ascent(centre, search.ball, search.objective.of(group), points)
    run.scatter(torch.tensor([not g for g in given]), torch.tensor([s % 2 == 1 for s in group]))
    run.climb(search.steps, search.tol, search.progress)
    return run


def _judge(search: _Search, run: Ascent, row: int) -> tuple[float, Weights | None]:
    """The value of a restart's last point in float64, that point being in the ball."""
    centre = search.centre.to(torch.float64)
    point = tuple(t[row].to(torch.float64) for t in run.points)
    inside = centre.with_tensors(_inside(search.ball, point, centre.tensors))
    value = float(search.exact.exact(inside))
    return (value, inside) if abs(value) < torch.inf else (torch.nan, None)


def _inside(ball: Ball, point: Sequence[Tensor], centre: Sequence[Tensor]) -> Sequence[Tensor]:
    """The point, drawn into the ball where rounding has put it outside."""
    if bool(ball.contains(point, centre, _ROOM)):
        return point
    point = ball.project(point, centre)
    if not bool(ball.contains(point, centre, _ROOM)):
        point = [c + (t - c) * (1 - 1e-9) for t, c in zip(point, centre, strict=True)]
    if not bool(ball.contains(point, centre, _ROOM)):
        raise TheoryError(f"ball={ball} does not contain its own projections: its project and contains disagree")
    return point
