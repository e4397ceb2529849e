"""Training allenzhu2019's networks and gathering the verdicts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from bounds.activations import get
from bounds.errors import NotApplicable, TheoryError
from empirics.checks import check_device
from empirics.comparison import Comparison, configuration
from empirics.data import Dataset
from empirics.experiments.allenzhu2019 import descent, findings, lemmas, losses, stochastic
from empirics.experiments.allenzhu2019.data import Samples, batch_size, build, first, rates, samples_of, values_of
from empirics.experiments.allenzhu2019.judging import judged, sum_up
from empirics.experiments.allenzhu2019.key import KEY
from empirics.experiments.allenzhu2019.setting import Setting
from empirics.setting import Progress, on_device, versions
from empirics.verdict import Observation
from empirics.weights import Weights

MEASURED = descent.MEASURED | stochastic.MEASURED | losses.MEASURED | frozenset().union(*lemmas.MEASURED.values())
REFERENCE = {"mlp": 64, "cnn": 4, "resnet": 64}
REFERENCES = 8
"""Widths and number of the networks whose kernels set the step size."""
NOTES = (
    "hidden constants are unknown: with constants of 1 no network here is as wide, and no step as short, as Theorems 1 "
    "and 2 ask; a row says what constant its runs need, and a trend below the theorem's width refutes nothing",
    "step sizes left open: eta m is the least of m/lambda_max(K), for SGD of m/(n max_i K_ii), over 8 reference "
    "networks of the kind, K the tangent kernel at w_0; with Theorem 6's losses 1/lambda_max(K) of the network itself",
    "Theorem 6's losses: the first seed of every width, on the first samples only (--loss-samples); perturbations of "
    "the fully connected network: at the first samples only (--perturbed-samples)",
    "rows of cnn: m are its channels, and the constants hide a polynomial in the number of positions (Theorem 7)",
)


@dataclass(frozen=True)
class Rates:
    """eta m of gradient descent and of SGD, for one kind of network."""

    descent: float
    sgd: float


@dataclass
class Seen:
    """What a comparison has gathered so far, by kind of network."""

    observations: dict[str, list[Observation]] = field(default_factory=dict)
    runs: list[dict[str, Any]] = field(default_factory=list)
    paths: dict[str, list[descent.Path]] = field(default_factory=dict)
    walks: dict[str, list[stochastic.Walk]] = field(default_factory=dict)
    trials: dict[str, list[losses.Trial]] = field(default_factory=dict)
    said: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Job:
    """What all networks share."""

    setting: Setting
    samples: Samples
    names: frozenset[str]
    progress: Progress | None

    def tell(self, text: str) -> None:
        """Progress, if someone is watching."""
        if self.progress:
            self.progress(text)


def compare(
    setting: Setting, data: Dataset, only: frozenset[str] = frozenset(), progress: Progress | None = None
) -> Comparison:
    """Train the paper's networks on ``data`` and set every measurable quantity against its prediction.

    Args:
        setting: Which kinds of network, widths, seeds, step sizes, ...
        data: The samples, changed here to norm 1 as in footnote 5 where they are not so; targets for regression, which
            stand for classes where cross-entropy is trained.
        only: The keys wanted; empty for all, and then with what no quantity states as findings.
        progress: Called with one line per kind and width.

    Returns:
        The verdicts, kind by kind: rows of CNNs and ResNets are labelled. After Ctrl-C those of the widths that were
        finished, with ``interrupted`` in the configuration.

    Raises:
        TheoryError: The setting or the data do not fit the paper.
        NotApplicable: An activation other than relu.
        KeyboardInterrupt: Ctrl-C before the first width was finished.
    """
    check(setting)
    samples = samples_of(on_device(data, setting.device))
    batch_size(setting, samples)
    names = frozenset(key.split(".")[1] for key in only) or MEASURED
    job, seen, interrupted = Job(setting, samples, names, progress), Seen(), False
    try:
        for kind in setting.kinds:
            job.tell(f"{kind}: step sizes")
            common = common_rates(kind, job)
            for width in setting.widths_of(kind):
                _one_width(seen, job, kind, width, common)
    except KeyboardInterrupt:  # the widths that are finished still make a table
        if not seen.runs:
            raise
        interrupted = True
    cases = judged(seen.observations, samples)
    said = [] if only else [*findings.findings(seen.paths, seen.walks, seen.trials, setting), *seen.said]
    notes = (*NOTES, *samples.notes, *samples.equal)
    made = configuration(setting, samples.data, seen.runs, interrupted=interrupted, notes=notes, findings=said)
    return Comparison(sum_up(cases), {KEY: made}, versions(), cases)


def check(setting: Setting) -> None:
    """Refuse what the paper does not cover.

    Args:
        setting: what was asked.

    Raises:
        NotApplicable: another activation than relu, a CNN or ResNet without its logarithm.
        TheoryError: a device that is not there, or a width of 1.
    """
    check_device(setting.device)
    if get(setting.activation).name != "relu":
        raise NotApplicable(f"activation = {setting.activation}: allenzhu2019's networks are relu's (Section 2)")
    for name, widths in (("widths", setting.widths), ("channels", setting.channels)):
        if min(widths) < 2:
            raise TheoryError(f"{name} = {','.join(map(str, widths))}: must be at least 2, the orders have log m")


def common_rates(kind: str, job: Job) -> Rates:
    """Step sizes times m: the least over reference networks, so that they fall as 1/m, as Theorem 1's do.

    The references depend on the kind, the depth and the data only: a run does not depend on what is run beside it.

    Args:
        kind: mlp, cnn or resnet.
        job: the samples, and what is measured.

    Returns:
        eta m of gradient descent and of SGD.
    """
    if not job.names & (descent.MEASURED | stochastic.MEASURED):
        return Rates(1.0, 1.0)
    width = REFERENCE[kind]
    found = [rates(start, job.samples.X) for start in _starts(kind, width, job, range(REFERENCES))]
    least = [width * min(column) for column in zip(*found, strict=True)]
    return Rates(*least)


def _starts(kind: str, width: int, job: Job, seeds: Iterable[int]) -> Iterator[Weights]:
    outputs = job.samples.y.shape[1]
    return (build(kind, job.setting, width, seed, job.samples, outputs) for seed in seeds)


def _one_width(seen: Seen, job: Job, kind: str, width: int, common: Rates) -> None:
    """Train all initialisations of one width; nothing is added to ``seen`` before all are done."""
    setting, names = job.setting, job.names
    starts = list(_starts(kind, width, job, setting.run_seeds))
    values = values_of(kind, setting, starts[0], job.samples)
    found: list[Observation] = []
    paths: list[descent.Path] = []
    walks: list[stochastic.Walk] = []
    if names & descent.MEASURED:
        job.tell(f"{kind}, width {width}: {setting.seeds} networks, {setting.steps} steps")
        paths = _descents(starts, job, values, setting.learning_rate or common.descent / width)
        found += [o for path in paths for o in descent.observe(path, names)]
    if names & stochastic.MEASURED:
        job.tell(f"{kind}, width {width}: {setting.seeds} networks, {setting.sgd_steps} steps of SGD")
        eta = setting.sgd_learning_rate or common.sgd / width
        options = {"seeds": setting.run_seeds, "steps": setting.sgd_steps}
        walks = stochastic.walk(starts, job.samples, eta, values, **options)  # type: ignore[arg-type]
        found += [o for run in walks for o in stochastic.observe(run, names)]
    trials, others = _trials(job, kind, width, values)
    seen_near, said = _lemmas(job, kind, starts, paths)
    found += others + seen_near
    seen.observations.setdefault(kind, []).extend(found)
    seen.paths.setdefault(kind, []).extend(paths)
    seen.walks.setdefault(kind, []).extend(walks)
    seen.trials.setdefault(kind, []).extend(trials)
    seen.said += said
    seen.runs += findings.records(kind, width, paths, walks, trials)


def _lemmas(
    job: Job, kind: str, starts: list[Weights], paths: list[descent.Path]
) -> tuple[list[Observation], list[str]]:
    """What holds at initialisation and near it, network by network."""
    setting, found, said = job.setting, list[Observation](), list[str]()
    wanted = job.names & lemmas.MEASURED[kind]
    for k, (start, seed) in enumerate(zip(starts, setting.run_seeds, strict=True) if wanted else ()):
        job.tell(f"{kind}, width {start.W[0].shape[-2]}, seed {seed}: at initialisation and near it")
        sound = bool(paths) and not paths[k].failed
        end, step = (paths[k].run.final, paths[k].run.stop_step) if sound else (None, 0)
        at: dict[str, Any] = {"seed": seed, "step": step, "names": wanted}
        seen, sentences = lemmas.observe(kind, start, end, setting, job.samples, **at)
        found += seen
        said += [f"{kind}: {text}" for text in sentences]
    return found, said


def _descents(starts: list[Weights], job: Job, values: Mapping[str, Any], eta: float) -> list[descent.Path]:
    setting = job.setting
    options = {"seeds": setting.run_seeds, "steps": setting.steps, "points": setting.points, "eps": setting.eps}
    return descent.descend(starts, job.samples, eta, values, **options)  # type: ignore[arg-type]


def _trials(job: Job, kind: str, width: int, values: Mapping[str, Any]) -> tuple[list[losses.Trial], list[Observation]]:
    """Theorem 6's losses, one network each, on a few samples."""
    trials, found = [], []
    few = first(job.samples, job.setting.loss_samples)
    for name in job.setting.other_losses if job.setting.fresh else ():
        if f"iterations_{name}" not in job.names:
            continue
        if name == losses.ENTROPY and few.classes is None:
            found.append(losses.missing(name, few, values))
            continue
        job.tell(f"{kind}, width {width}: {name.replace('_', ' ')} loss, {job.setting.loss_steps} steps")
        trials.append(losses.trial(name, kind, job.setting, width, few))
        found += losses.observe(trials[-1])
    return trials, found
