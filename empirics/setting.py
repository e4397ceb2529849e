"""What an experiment is asked to do: fields that check themselves and become the command line's options."""

from __future__ import annotations

import math
import platform
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

import torch
from torch import Tensor

from bounds.errors import TheoryError
from empirics.data import Dataset

Progress = Callable[[str], None]
DEVICES = ("cpu", "cuda", "mps", "xpu")


def _integer(value: Any, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def _real(value: Any, allowed: Callable[[float], bool]) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value) and allowed(value)


def _device(value: Any) -> bool:
    """Whether torch knows such a device; one that this machine lacks may be a worker's."""
    try:
        return torch.device(value).type in DEVICES
    except (RuntimeError, TypeError):
        return False


def _several(values: Any, allowed: Callable[[Any], bool]) -> bool:
    return isinstance(values, tuple) and bool(values) and len(set(values)) == len(values) and all(map(allowed, values))


KINDS: Mapping[str, tuple[Callable[[Any], bool], str]] = {
    "": (lambda _: True, ""),
    "count": (lambda v: _integer(v, 1), "an integer >= 1"),
    "whole": (lambda v: _integer(v, 0), "an integer >= 0"),
    "positive": (lambda v: _real(v, lambda x: x > 0), "a positive number"),
    "nonnegative": (lambda v: _real(v, lambda x: x >= 0), "a number >= 0"),
    "fraction": (lambda v: _real(v, lambda x: 0 < x < 1), "a number between 0 and 1"),
    "device": (_device, "cpu, cuda or a numbered one such as cuda:1"),
    "counts": (lambda v: _several(v, lambda x: _integer(x, 1)), "different integers >= 1"),
    "positives": (lambda v: _several(v, lambda x: _real(x, lambda y: y > 0)), "different positive numbers"),
}
"""Kind of a field -> (whether a value is one, what it must be)."""


def option(default: Any, text: str, *, kind: str = "") -> Any:
    """A field of a setting.

    Args:
        default: its value where none is given; None: it may be left open.
        text: what it is, for ``--help``.
        kind: one of `KINDS`.

    Returns:
        A dataclass field.
    """
    return field(default=default, metadata={"help": text, "kind": kind})


def check_fields(setting: Any) -> None:
    """Refuse values outside their fields' kinds.

    Args:
        setting: a dataclass whose fields were made by `option`.

    Raises:
        TheoryError: naming the first field that is wrong, its value and what it must be.
    """
    for f in fields(setting):
        value, kind = getattr(setting, f.name), f.metadata.get("kind", "")
        allowed, must = KINDS[kind]
        if not (value is None and "None" in str(f.type)) and not allowed(value):
            shown = ",".join(map(str, value)) if isinstance(value, tuple) else value
            raise TheoryError(f"{f.name} = {shown}: must be {must}")


@dataclass(frozen=True)
class Setting:
    """What every comparison is asked; an experiment's own setting adds what its paper has besides.

    Attributes:
        widths: Widths of the networks.
        seeds: How many initialisations per width.
        activation: Name or expression in z.
        learning_rate: Step size; None: the experiment's own rule.
        steps: Steps of gradient descent.
        points: How many points of the trajectory are measured, the first and the last among them.
        restarts: Searches of the ball for the worst point, per network and quantity; 0: none.
        restart_steps: Steps of each.
        device: ``cpu`` or ``cuda``.
        first_seed: The first of the seeds; the others follow it.
        fresh: Whether to do also what is done once per width and not once per seed: many untrained initialisations,
            stochastic descent. A study does it with the first of its seeds.
        shared: Whether to do also what is done once for all widths, as it does not depend on them: networks whose size
            is another number. A study does it with the first of its widths.
    """

    widths: tuple[int, ...] = option((64, 128, 256), "Widths, separated by commas.", kind="counts")
    seeds: int = option(3, "Initialisations per width.", kind="count")
    activation: str = option("tanh", "Name or expression in z.")
    learning_rate: float | None = option(None, "Step size, or 'theory'.", kind="positive")
    steps: int = option(100, "Steps of gradient descent.", kind="count")
    points: int = option(2, "Measured points of the trajectory, the first and the last among them.", kind="count")
    restarts: int = option(0, "Also search the ball for the worst point, from so many starts.", kind="whole")
    restart_steps: int = option(40, "Steps of each search.", kind="count")
    device: str = option("cpu", "cpu or cuda.", kind="device")
    first_seed: int = option(0, "The first seed; the others follow it.", kind="whole")
    fresh: bool = option(True, "Also do what is done once per width: ensembles of fresh initialisations, SGD.")
    shared: bool = option(True, "Also do what is done once for all widths: networks whose size is another number.")

    @property
    def idle(self) -> bool:
        """Whether nothing is left to do, as all of it is `shared` and done elsewhere."""
        return False

    @property
    def run_seeds(self) -> range:
        """The seeds of the trained networks."""
        return range(self.first_seed, self.first_seed + self.seeds)

    def fresh_seeds(self, count: int) -> range:
        """The seeds of an ensemble that is not trained, disjoint for different first seeds.

        Args:
            count: Its size.

        Returns:
            ``count`` seeds; none where ``fresh`` is off.

        >>> Setting(first_seed=2).fresh_seeds(10)
        range(20, 30)
        """
        return range(self.first_seed * count, (self.first_seed + 1) * count) if self.fresh else range(0)

    def __post_init__(self) -> None:
        check_fields(self)

    def with_theory_rate(self) -> Setting:
        """The same with the step size that the theory prescribes."""
        return replace(self, learning_rate=None)


def equal_rows(X: Tensor) -> Iterator[tuple[int, int]]:
    """Pairs of equal rows: every row that stood before, with the first like it.

    Args:
        X: inputs, (n, d).

    Yields:
        Their positions, the earlier one first.
    """
    seen: dict[tuple[float, ...], int] = {}
    for j, row in enumerate(map(tuple, X.tolist())):
        i = seen.setdefault(row, j)
        if i < j:
            yield i, j


def repeated(X: Tensor) -> tuple[int, int] | None:
    """The first two equal rows, which make the least eigenvalue of every tangent kernel 0; None if all differ.

    Args:
        X: inputs, (n, d).

    Returns:
        Their positions, or None.
    """
    return next(equal_rows(X), None)


def round_up(value: float, digits: int = 2) -> float:
    """``value`` rounded up to ``digits`` figures: a radius that contains it.

    >>> round_up(0.1234), round_up(0.0)
    (0.13, 0.0)
    """
    if value <= 0 or not math.isfinite(value):
        return value
    unit = 10.0 ** (math.floor(math.log10(value)) - digits + 1)
    return math.ceil(value / unit - 1e-12) * unit


def on_device(data: Dataset, device: str) -> Dataset:
    """The data where the networks are."""
    return replace(data, X=data.X.to(device), y=data.y.to(device))


def versions() -> dict[str, str]:
    """The versions that matter for repeating a run."""
    from importlib.metadata import PackageNotFoundError, version

    found = {"python": platform.python_version()}
    for name in ("bounds", "torch", "numpy", "scipy", "sympy", "scikit-learn"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found
