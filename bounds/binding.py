"""From what a caller gives to the values of a formula's inputs: names, numbers, domains, activations, defaults."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache, partial
from typing import Any

import sympy

from bounds.compile import compile_expressions
from bounds.errors import Missing, NotApplicable, TheoryError
from bounds.model import POSITIVE, Default, Domain, Paper, Quantity
from bounds.registry import suggest
from bounds.tape import Tape
from bounds.values import array, check_domain, largest, number

ACTIVATION_ROLES = {
    "activation_at_zero": lambda phi: abs(phi.phi0),
    "activation_lipschitz": lambda phi: phi.sup(1),
    "activation_smoothness": lambda phi: phi.sup(2),
    "activation_third": lambda phi: largest(phi.sup(k) for k in (1, 2, 3)),
    "activation_parity": lambda phi: int(phi.parity == "odd"),
    "activation_in_unit_interval": lambda phi: None if phi.in_unit_interval is None else int(phi.in_unit_interval),
}
"""What an activation supplies, by role; None where it cannot tell."""

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
        suppliers: What the activation can supply besides, worked out when an assumption asks for it.
    """

    values: dict[str, Any]
    given: frozenset[str]
    assumed: dict[str, Default]
    symbolic: frozenset[str]
    activation: str
    unset: tuple[str, ...]
    suppliers: Mapping[str, Callable[[], Any]] = field(default_factory=dict)

    def supply(self, names: Iterable[str]) -> dict[str, Any]:
        """What the activation gives for ``names``; a constant that it does not settle is left out.

        Raises:
            NotApplicable: The activation has no such constant (relu no second derivative).
        """
        found = {n: self.suppliers[n]() for n in names if n in self.suppliers}
        return {n: v for n, v in found.items() if v is not None}

    def tape(self, paper: Paper, expressions: Iterable[Any], top: Quantity | None = None) -> Tape:
        """The tape of ``expressions`` under this binding."""
        return compile_expressions(paper, tuple(expressions), self.given, top, self.symbolic)


def bind(
    paper: Paper,
    expressions: tuple[Any, ...],
    values: Mapping[str, Any],
    *,
    top: Quantity | None = None,
    defaults: bool = False,
    unknown: str = "",
    also: tuple[Any, ...] = (),
    fill: Mapping[str, Default] | None = None,
    incomplete: bool = False,
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
        incomplete: Whether values may be missing: then only assumptions are asked about.
        fill: With ``defaults``: values to assume before the paper's own, from a data set or a scenario.

    Raises:
        TheoryError: A name is unknown, unused, missing, given twice over, or its value out of range.
    """
    named = {k: v for k, v in values.items() if v is not None}
    activation = named.pop("activation", None)
    numbers = {name: _checked(paper, name, value) for name, value in named.items()}
    if unknown in numbers:
        raise TheoryError(f"{unknown} is what is solved for: leave it out")
    suppliers = _suppliers(paper, activation, numbers)
    given = frozenset(numbers) | frozenset(suppliers)
    fill = fill or {}
    symbolic = _symbolic_defaults(paper, given | set(fill)) if defaults else frozenset()
    tape = compile_expressions(paper, expressions, given, top, symbolic)
    inputs = tape.inputs | (compile_expressions(paper, also, given, None, symbolic).inputs if also else frozenset())
    _refuse_unused(paper, top, frozenset(numbers), inputs)
    assumed: dict[str, Default] = {}
    missing = [n for n in sorted(tape.inputs) if n not in numbers and n not in suppliers and n != unknown]
    if defaults and activation is None and any(_from_activation(paper, n) for n in missing):
        assumed["activation"] = fill.get("activation", DEFAULT_ACTIVATION)
        activation = assumed["activation"].value
        suppliers = {n: v for n, v in _suppliers(paper, activation, {}).items() if n not in numbers}
    numbers.update({n: v for n, supply in suppliers.items() if n in inputs and (v := supply()) is not None})

    absent = [n for n in missing if n not in numbers]
    unset = [n for n in absent if n in hidden_constants(paper) and n not in fill]
    own = {n: p.default for n, p in paper.parameters.items() if p.default is not None}
    assumed |= {n: d for n in absent if n not in unset and defaults and (d := fill.get(n, own.get(n))) is not None}
    if (without := [n for n in absent if n not in unset and n not in assumed]) and not incomplete:
        raise Missing(_missing(paper, top, without))
    numbers |= dict.fromkeys(unset, 1) | {n: _assumed(paper, n, d) for n, d in assumed.items() if n in absent}
    assumed |= {n: own[n] for n in symbolic & _mentioned(paper, expressions, given, top)}
    return Binding(numbers, given, assumed, symbolic, str(activation or ""), tuple(unset), suppliers)


@lru_cache(maxsize=64)
def hidden_constants(paper: Paper) -> frozenset[str]:
    """The names of the constants that the paper hides."""
    return frozenset(c.name for q in paper.quantities.values() for c in q.hidden)


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


def _checked(paper: Paper, name: str, value: Any) -> Any:
    """A value given by name: a number within its range, an array, or an activation."""
    hidden = hidden_constants(paper)
    if name not in paper.parameters and name not in paper.quantities and name not in hidden:
        known = [*paper.parameters, *paper.quantities, *hidden, "activation", *_roles(paper)]
        raise TheoryError(f"{paper.key} has no parameter {name!r}{suggest(name, known)}")
    parameter = paper.parameters.get(name)
    if parameter is not None and parameter.kind == "activation":
        return _activation(value)
    if parameter is not None and parameter.kind != "number":
        return array(parameter, value)
    checked = number(name, value)
    if parameter is not None:
        check_domain(name, checked, parameter.domain)
    elif name in hidden:
        check_domain(name, checked, POSITIVE)
    elif paper.quantities[name].side in ("upper", "equal") and not paper.quantities[name].signed:
        check_domain(name, checked, Domain(0))
    return checked


def _roles(paper: Paper) -> list[str]:
    return [p.role.replace("_", "-") for p in paper.parameters.values()]


def _assumed(paper: Paper, name: str, default: Default) -> Any:
    """A value that nobody gave: where it is out of range (data of deficient rank), the statement does not apply."""
    try:
        return _checked(paper, name, default.value)
    except TheoryError as error:
        raise NotApplicable(f"{error} ({default.origin})") from None


def _activation(value: Any) -> Any:
    from bounds.activations import get

    return get(value)


def _suppliers(paper: Paper, activation: Any, numbers: Mapping[str, Any]) -> dict[str, Callable[[], Any]]:
    """phi, phi_0, beta_phi, ... from an activation's name, expression or object; each worked out when it is needed."""
    if activation is None:
        return {}
    phi = _activation(activation)
    found: dict[str, Callable[[], Any]] = {
        p.name: partial(_constant, p.role, phi) for p in paper.parameters.values() if p.role in ACTIVATION_ROLES
    }
    if clash := [n for n in found if n in numbers]:
        raise TheoryError(
            f"activation = {phi.name!r} and {clash[0]} are both given: {clash[0]} comes from the activation"
        )
    return found | ({"activation": lambda: phi} if "activation" in paper.parameters else {})


@lru_cache(maxsize=1024)
def _constant(role: str, phi: Any) -> Any:
    """What an activation supplies for a role; worked out once."""
    return ACTIVATION_ROLES[role](phi)


def _from_activation(paper: Paper, name: str) -> bool:
    """Whether an activation supplies the parameter."""
    return name == "activation" or _role(paper, name) in ACTIVATION_ROLES


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
    hint = " (activation=... gives phi's constants)" if {_role(paper, n) for n in names} & set(ACTIVATION_ROLES) else ""
    described = [f"{n} ({paper.parameters[n].text})" if n in paper.parameters else n for n in names]
    return f"{top.key if top else paper.key} needs {', '.join(described)}{hint}"


def relevant(quantity: Quantity, values: Mapping[str, Any]) -> dict[str, Any]:
    """Those of ``values`` that ``quantity``, its conditions or assumptions depend on; quantities at any level too."""
    suppliers = [p.name for p in quantity.paper.parameters.values() if _from_activation(quantity.paper, p.name)]
    return {
        n: v for n, v in values.items()
        if _depends(quantity, n) or (n == "activation" and any(_depends(quantity, s) for s in suppliers))
    }  # fmt: skip


@lru_cache(maxsize=8192)
def _depends(quantity: Quantity, name: str) -> bool:
    """Whether the value of ``name``, supplied, would be read."""
    if name in quantity.parameters:
        return True
    conditions = (*quantity.conditions, *quantity.side_conditions, *quantity.assumptions)
    relations = [c.relation for c in conditions if c.relation is not None]
    formulas = tuple(relations if quantity.conditions else [quantity, *relations])
    given = frozenset() if name in quantity.paper.parameters else frozenset({name})
    return name in compile_expressions(quantity.paper, formulas, given, quantity).inputs
