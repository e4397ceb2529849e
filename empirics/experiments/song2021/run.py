"""Training song2021's networks and gathering the verdicts."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

from bounds.activations import get
from bounds.errors import NotApplicable
from empirics.checks import check_device
from empirics.comparison import Comparison, configuration, gather
from empirics.data import Dataset
from empirics.experiments.song2021 import descent, initial, mean_gram, observe
from empirics.experiments.song2021.constants import KEY, Start, no_rank, start_at, unit_data
from empirics.experiments.song2021.setting import Setting
from empirics.networks import network
from empirics.setting import Progress, on_device, versions
from empirics.verdict import Observation

TRAINED = observe.LEMMA_3 | observe.BALL | descent.MEASURED
"""What is measured on trained networks; the rest is measured on fresh ones."""
MEASURED = TRAINED | initial.MEASURED
NOTES = (
    "constants of Lemma 3 are measured at w_0; chi_max is the least that bounds sigma_max(V) in the ball of Lemma 1",
    "gradient flow is not followed: of Theorem 1 its conditions on h_0 only",
)


@dataclass(frozen=True)
class _Job:
    """What all widths share."""

    setting: Setting
    data: Dataset
    mean: Mapping[str, Any]
    names: frozenset[str]
    progress: Progress | None


def balanced(omega_1: float, d_0: int, width: int) -> float:
    """omega_2 with omega_1 omega_2 = 1/sqrt(d_0 d_1)."""
    return 1 / (omega_1 * math.sqrt(d_0 * width))


def values_of(setting: Setting, width: int, data: Dataset, mean: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters at which the theory predicts, but for what is measured at w_0."""
    n, d_0 = data.X.shape
    omega_2 = balanced(setting.omega_1, d_0, width) if setting.omega_2 is None else setting.omega_2
    found = {
        "n": n,
        "d_0": d_0,
        "d_1": width,
        "d_2": 1,
        "omega_1": setting.omega_1,
        "omega_2": omega_2,
        "activation": setting.activation,
        "t": setting.t,
        "delta_1": setting.delta_1,
        "delta_2": setting.delta_2,
        "delta_3": setting.delta_3,
        "delta_4": setting.delta_4,
        "k_1": setting.delta_4,
        "k_2": setting.delta_4,
        "norm_Y": float(data.y.norm()),
        "eps": setting.eps,
        "sigma_max_X": mean["sigma_max_X"],
        "gram_max": width * mean["gram_max"],
    }
    if "gram_min" in mean:
        found["gram_min"] = width * mean["gram_min"]
    if "sigma_min_Xt" in mean:
        found["sigma_min_Xt"] = mean["sigma_min_Xt"]
    return found


def check_activation(name: str) -> None:
    """Refuse an activation without the derivatives that Assumption 2 asks for.

    Raises:
        NotApplicable: it has a kink, or an unbounded derivative.
    """
    phi = get(name)
    for order in (1, 2):
        phi.derivative(order)
        if not math.isfinite(float(phi.sup(order))):
            raise NotApplicable(
                f"activation = {name}: sup|phi{chr(39) * order}| must be finite (song2021, Assumption 2)"
            )


def compare(
    setting: Setting, data: Dataset, only: frozenset[str] = frozenset(), progress: Progress | None = None
) -> Comparison:
    """Train the paper's networks on ``data`` and set every measurable quantity against its prediction.

    Args:
        setting: Widths, seeds, initial scales, ...
        data: The samples; scaled here to norm 1, the targets to ||Y|| <= 1.
        only: The keys wanted; empty for all.
        progress: Called with one line per network.

    Returns:
        The verdicts; after Ctrl-C those of the networks that were finished, with ``interrupted`` in the configuration.

    Raises:
        TheoryError: The setting or the data do not fit the paper.
        NotApplicable: The activation is not covered.
        KeyboardInterrupt: Ctrl-C before the first network was finished.
    """
    check_device(setting.device)
    check_activation(setting.activation)
    data = on_device(unit_data(data), setting.device)
    names = frozenset(key.split(".")[1] for key in only) or MEASURED
    mean = mean_gram.data_values(data, setting.activation, setting.omega_1, setting.t)
    job = _Job(setting, data, mean, names, progress)
    seen: list[Observation] = []
    runs: list[dict[str, Any]] = []
    findings: list[str] = []
    interrupted = False
    try:
        for width in setting.widths:
            for seed in setting.run_seeds if names & TRAINED else ():
                found, record = _one_network(job, width, seed)
                seen += found
                runs.append(record)
            if names & initial.MEASURED and setting.fresh:
                found, sentences = _fresh(job, width)
                seen += found
                findings += sentences
    except KeyboardInterrupt:  # what is finished still makes a table
        if not seen:
            raise
        interrupted = True
    rows, cases = gather(seen)
    findings += _along(runs)
    made = configuration(setting, data, runs, interrupted=interrupted, notes=NOTES, findings=findings)
    return Comparison(rows, {KEY: made}, versions(), cases)


def _fresh(job: _Job, width: int) -> tuple[list[Observation], list[str]]:
    """The initialisations of one width."""
    setting, X = job.setting, job.data.X
    if job.progress:
        job.progress(f"width {width}: {setting.init_seeds} initialisations")
    values = values_of(setting, width, job.data, job.mean)
    draws = initial.draw(setting, width, values["omega_2"], job.data)
    first = setting.fresh_seeds(setting.init_seeds)[0]
    seen = initial.observe_initial(draws, values, job.mean, width=width, why=no_rank(X, width), first=first)
    few = draws.grams.shape[1]
    expected = width * torch.as_tensor(job.mean["gram_mean"][:few, :few]).to(draws.grams)
    text = mean_gram.finding(draws.grams, expected, width, setting.omega_1)
    return _wanted(seen, job.names), [text, initial.summand_finding(draws, values, width)]


def _wanted(seen: Any, names: frozenset[str]) -> list[Observation]:
    return [o for o in seen if o.quantity.split(".")[1] in names]


def _one_network(job: _Job, width: int, seed: int) -> tuple[list[Observation], dict[str, Any]]:
    """Train one network and observe."""
    setting, data = job.setting, job.data
    if job.progress:
        job.progress(f"width {width}, seed {seed}: training {setting.steps} steps, measuring {setting.points}")
    values = values_of(setting, width, data, job.mean)
    net = network(
        KEY,
        d_0=data.X.shape[1],
        d_1=width,
        omega_1=setting.omega_1,
        omega_2=values["omega_2"],
        activation=setting.activation,
        seed=seed,
        device=setting.device,
    )
    start = start_at(net.weights, data.X, data.y[:, None], values)
    eta = setting.learning_rate or descent.theory_rate(dict(start.values))
    return measured(start, eta, setting, seed, job.names)


def measured(
    start: Start, eta: float, setting: Setting, seed: int, names: frozenset[str]
) -> tuple[list[Observation], dict[str, Any]]:
    """Run gradient descent from w_0 and observe the quantities in ``names``.

    Args:
        start: w_0 and its constants.
        eta: learning rate.
        setting: steps, points, restarts.
        seed: which run.
        names: bare names wanted.

    Returns:
        The observations and the record of the run.
    """
    run = descent.descend(start, eta, setting.steps, setting.points)
    parts: list[Any] = [
        observe.observe(point, start, seed=seed, step=step, only=names) for step, point in run.points.items()
    ]
    options = {"restarts": setting.restarts, "restart_steps": setting.restart_steps}
    parts.append(observe.sphere(start, seed=seed, only=names, **options))
    parts.append(descent.observe_run(run, start, seed=seed))
    record = {
        "width": start.weights.m,
        "seed": seed,
        "learning_rate": eta,
        "steps": len(run.loss) - 1,
        "reason": run.reason,
        "loss_first": float(run.loss[0]),
        "loss_last": float(run.loss[-1]),
        "radii": {"rho_Phi": start.rho},
        "along": descent.rate_finding(run, start),
    }
    return _wanted(itertools.chain(*parts), names), record


def _along(runs: list[dict[str, Any]]) -> list[str]:
    """What the runs did whether or not Theorem 2 covers them."""
    lines = []
    for width, group in itertools.groupby(runs, key=lambda r: r["width"]):
        along = [r["along"] for r in group]
        chi = max(a["chi"] for a in along)
        steps, good, stayed = (sum(a[k] for a in along) for k in ("steps", "contracting", "in_ball"))
        far = max((a["length"] / a["rho"] for a in along if a["rho"]), default=math.nan)
        length = f", length of the path at most {far:.3g} rho_Phi" if math.isfinite(far) else ""
        lines.append(
            f"width {width}, premises of Theorem 2 met or not: the loss fell by the factor of eq 14 in {good} of "
            f"{steps} steps, {stayed} steps came before any left the ball{length}; "
            f"sigma_max(V_k) reached {chi:.3g}"
        )
    return lines
