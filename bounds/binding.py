"""From what a caller gives to the values of a formula's inputs: names, numbers, domains, activations, defaults."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from typing import Any

import numpy as np
import sympy

from bounds.compile import Tape, compile_expressions
from bounds.errors import TheoryError
from bounds.model import Default, Domain, Paper, Quantity
from bounds.registry import suggest
from bounds.tables import figures

ACTIVATION_ROLES = {
    "activation_at_zero": lambda phi: abs(phi.phi0),
    "activation_lipschitz": lambda phi: phi.sup(1),
    "activation_smoothness": lambda phi: phi.sup(2),
}
"""What an activation supplies, by role."""

MOST_DIGITS = 100_000
"""Exact decimals are written out: an exponent beyond this would only exhaust the memory."""

DEFAULT_ACTIVATION = Default("tanh", "banerjee2023's experiment (Sec 6)")


@dataclass(frozen=True)
class Binding:
    """The inputs of a formula, checked.

    Attributes:
        values: Name -> number, exact where it was given exactly, or float64 array.
        given: The names that the caller supplied, activation's included.
        assumed: Name -> the default used.
        symbolic: The names whose default is a formula (``gbar_norm_sq = varrho^2``).
        activation: The activation's name, or "".
        unset: The hidden constants evaluated at 1.
    """

    values: dict[str, Any]
    given: frozenset[str]
    assumed: dict[str, Default]
    symbolic: frozenset[str]
    activation: str
    unset: tuple[str, ...]

    def tape(self, paper: Paper, expressions: Iterable[Any], top: Quantity | None = None) -> Tape:
        """The tape of ``expressions`` under this binding."""
        return compile_expressions(paper, tuple(expressions), self.given, top, self.symbolic)


def number(name: str, value: Any) -> Any:
    """``value`` as an exact number or a float64 array; decimal text is exact (``"1e-6"`` is 1/1000000).

    Raises:
        TheoryError: Not a number, NaN or infinite.
    """
    if isinstance(value, str):
        value = _parse(name, value)
    if isinstance(value, Decimal):
        value = Fraction(value)
    if isinstance(value, list | tuple | np.ndarray) and np.ndim(value):
        array = np.asarray(value)
        if array.dtype.kind not in "iufb":
            raise TheoryError(f"{name}: an array of numbers is needed, not of {array.dtype}")
        if not np.all(np.isfinite(array)):
            raise TheoryError(f"{name}: the array holds NaN or infinite values")
        return array.astype(np.float64)
    if isinstance(value, np.ndarray | np.generic):
        value = value.item()
    if isinstance(value, bool) or not (
        isinstance(value, int | float | Fraction) or hasattr(value, "is_Rational") or hasattr(value, "enclosure")
    ):
        raise TheoryError(f"{name} = {value!r}: not a number")
    if isinstance(value, float) and not math.isfinite(value):
        raise TheoryError(f"{name} = {value}: a finite number is needed")
    return value


def _parse(name: str, text: str) -> Fraction | int:
    try:
        if "/" not in text and abs(Decimal(text.strip()).adjusted()) > MOST_DIGITS:
            raise TheoryError(f"{name} = {text}: more than {MOST_DIGITS} digits are not handled")
        exact = Fraction(text.strip()) if "/" in text else Fraction(Decimal(text.strip()))
    except TheoryError:
        raise
    except (ValueError, InvalidOperation, ZeroDivisionError, OverflowError):
        raise TheoryError(f"{name} = {text!r}: not a number (write 0.1, 1e-6 or 1/3)") from None
    return int(exact) if exact.denominator == 1 else exact


def check_domain(name: str, value: Any, domain: Domain) -> None:
    """Raise a one-line ``TheoryError`` when ``value`` (number or array) is outside ``domain``."""
    if isinstance(value, np.ndarray):
        bad = (value < domain.low) | (value > domain.high)
        bad |= (domain.low_open & (value == domain.low)) | (domain.high_open & (value == domain.high))
        if domain.integer:
            bad |= value != np.rint(value)
        if bad.any():
            raise TheoryError(f"{name} = {value[bad].flat[0]:g} (one of {value.size} points): must be {domain}")
        return
    comparable = value if isinstance(value, int | float | Fraction) else float(value)
    low = comparable < domain.low or (domain.low_open and comparable == domain.low)
    high = comparable > domain.high or (domain.high_open and comparable == domain.high)
    if low or high or (domain.integer and comparable != int(comparable)):
        raise TheoryError(f"{name} = {show(value)}: must be {domain}")


def show(value: Any) -> str:
    """A number as people write it: integers whole, others to six digits."""
    if isinstance(value, np.ndarray):
        return f"{value.size} values in [{value.min():g}, {value.max():g}]"
    if isinstance(value, int) and not isinstance(value, bool):
        return figures(value, 3)
    if getattr(value, "free_symbols", None):
        return str(value)
    if isinstance(value, Fraction | float) or hasattr(value, "__float__"):
        return f"{float(value):.6g}"
    return str(value)


def bind(
    paper: Paper,
    expressions: tuple[Any, ...],
    values: Mapping[str, Any],
    *,
    top: Quantity | None = None,
    defaults: bool = False,
    unknown: str = "",
    also: tuple[Any, ...] = (),
) -> Binding:
    """Check ``values`` against what ``expressions`` need and fill in the rest.

    Args:
        paper: The paper whose letters they are.
        expressions: The formulas to evaluate.
        values: Name -> value as the caller gave it; ``activation`` supplies its constants.
        top: The quantity being evaluated.
        defaults: Whether missing values take the paper's defaults; otherwise they are an error.
        unknown: A parameter that is solved for, hence neither given nor missing.
        also: Further expressions (assumptions) whose inputs may be given too.

    Raises:
        TheoryError: A name is unknown, unused, missing, given twice over, or its value out of range.
    """
    named = {k: v for k, v in values.items() if v is not None}
    activation = named.pop("activation", None)
    numbers = {name: _checked(paper, top, name, value) for name, value in named.items()}
    if unknown in numbers:
        raise TheoryError(f"{unknown} is what is solved for: leave it out")
    supplied = _from_activation(paper, activation, numbers)
    given = frozenset(numbers) | frozenset(supplied)
    symbolic = _symbolic_defaults(paper, given) if defaults else frozenset()
    tape = compile_expressions(paper, expressions, given, top, symbolic)
    assumption_inputs = compile_expressions(paper, also, given, None, symbolic).inputs if also else frozenset()
    _refuse_unused(paper, top, frozenset(numbers), tape.inputs | assumption_inputs)
    numbers.update(supplied)
    assumed, unset = {}, []
    hidden = {c.name for c in top.hidden} if top else set()
    missing = [n for n in sorted(tape.inputs) if n not in numbers and n != unknown]
    if defaults and activation is None and any(_role(paper, n) in ACTIVATION_ROLES for n in missing):
        assumed["activation"] = DEFAULT_ACTIVATION
        activation = DEFAULT_ACTIVATION.value
        numbers = {**_from_activation(paper, activation, {}), **numbers}

    def has_default(name: str) -> bool:
        return name in hidden or (defaults and name in paper.parameters and paper.parameters[name].default is not None)

    for name in [n for n in missing if n not in numbers]:
        if name in hidden:
            unset.append(name)
            numbers[name] = 1
        elif defaults and name in paper.parameters and (default := paper.parameters[name].default):
            assumed[name] = default
            numbers[name] = default.value
        else:
            raise TheoryError(_missing(paper, top, [n for n in missing if not (n in numbers or has_default(n))]))
    for name in symbolic & _mentioned(paper, expressions, given, top):
        assumed[name] = paper.parameters[name].default  # type: ignore[assignment]
    return Binding(numbers, given, assumed, symbolic, str(activation or ""), tuple(unset))


def _role(paper: Paper, name: str) -> str:
    return paper.parameters[name].role if name in paper.parameters else ""


def _symbolic_defaults(paper: Paper, given: frozenset[str]) -> frozenset[str]:
    """The parameters whose default is a formula in other quantities."""
    return frozenset(
        p.name
        for p in paper.parameters.values()
        if p.name not in given
        and p.default
        and isinstance(p.default.value, sympy.Expr)
        and p.default.value.free_symbols
    )


def _mentioned(
    paper: Paper, expressions: tuple[Any, ...], given: frozenset[str], top: Quantity | None
) -> frozenset[str]:
    """The inputs when nothing is replaced by a symbolic default."""
    return compile_expressions(paper, expressions, given, top).inputs


def _checked(paper: Paper, top: Quantity | None, name: str, value: Any) -> Any:
    hidden = {c.name for c in top.hidden} if top else set()
    if name not in paper.parameters and name not in paper.quantities and name not in hidden:
        known = [*paper.parameters, *paper.quantities, *hidden, "activation", *_roles(paper)]
        raise TheoryError(f"{paper.key} has no parameter {name!r}{suggest(name, known)}")
    checked = number(name, value)
    if name in paper.parameters:
        check_domain(name, checked, paper.parameters[name].domain)
    elif name in paper.quantities and paper.quantities[name].side in ("upper", "equal"):
        check_domain(name, checked, Domain(0))
    return checked


def _roles(paper: Paper) -> list[str]:
    return [p.role.replace("_", "-") for p in paper.parameters.values()]


def _from_activation(paper: Paper, activation: Any, numbers: Mapping[str, Any]) -> dict[str, Any]:
    """phi_0, beta_phi, ... from an activation's name, expression or object."""
    if activation is None:
        return {}
    from bounds.activations import get

    phi = get(activation)
    wanted = {p.name: ACTIVATION_ROLES[p.role] for p in paper.parameters.values() if p.role in ACTIVATION_ROLES}
    if clash := [n for n in wanted if n in numbers]:
        raise TheoryError(
            f"activation = {phi.name!r} and {clash[0]} are both given: {clash[0]} comes from the activation"
        )
    return {name: read(phi) for name, read in wanted.items()}


def _refuse_unused(paper: Paper, top: Quantity | None, given: frozenset[str], used: frozenset[str]) -> None:
    optional = {p.name for p in paper.parameters.values() if p.optional}
    for name in sorted(given - used - optional):
        for other in sorted(given & used & set(paper.quantities)):
            parent = paper.quantities[paper.proved.get(other, other)]
            needs = compile_expressions(paper, (parent,), frozenset({name}), parent).inputs
            if name in needs:
                raise TheoryError(
                    f"{other} and {name} are both given, but {other} is built on {name}: drop one of them"
                )
        what = top.key if top else "this"
        raise TheoryError(f"{what} does not depend on {name}; it takes {', '.join(sorted(used)) or 'nothing'}")


def _missing(paper: Paper, top: Quantity | None, names: list[str]) -> str:
    roles = {_role(paper, n) for n in names}
    hint = " (activation=... gives phi's constants)" if roles & set(ACTIVATION_ROLES) else ""
    described = [f"{n} ({paper.parameters[n].text})" if n in paper.parameters else n for n in names]
    return f"{top.key if top else paper.key} needs {', '.join(described)}{hint}"


def relevant(quantity: Quantity, values: Mapping[str, Any]) -> dict[str, Any]:
    """Those of ``values`` that ``quantity`` or its assumptions depend on."""
    relations = tuple(c.relation for c in quantity.assumptions if c.relation is not None)
    inputs = compile_expressions(quantity.paper, (quantity, *relations), frozenset(), quantity).inputs
    kept = {n: v for n, v in values.items() if n in inputs}
    if "activation" in values and any(_role(quantity.paper, n) in ACTIVATION_ROLES for n in inputs):
        kept["activation"] = values["activation"]
    return kept
