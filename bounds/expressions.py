"""Expressions in one real variable typed by a user: parsed over a whitelist, never evaluated as Python."""

from __future__ import annotations

import ast
import math
import warnings
from decimal import Decimal, InvalidOperation
from typing import Any

import sympy

from bounds.errors import TheoryError

Z = sympy.Symbol("z", real=True)
"""The variable of every activation."""

MAX_LENGTH, MAX_DEPTH, MAX_EXPONENT, MAX_BITS = 500, 40, 32, 4096
_NODES = (ast.Expression, ast.Constant, ast.Name, ast.Load, ast.BinOp, ast.UnaryOp, ast.Call, ast.USub, ast.UAdd)
_OPERATORS = (ast.Add, ast.Sub, ast.Mult, ast.Div, ast.Pow)
_CONSTANTS = {"pi": sympy.pi, "E": sympy.E}
_KINKED = ("Abs", "abs", "Max", "max", "Min", "min", "relu", "sign", "Heaviside", "Piecewise", "floor")
FUNCTIONS: dict[str, Any] = {
    **{
        name: getattr(sympy, name)
        for name in ("tanh", "exp", "log", "erf", "erfc", "sin", "cos", "atan", "sinh", "cosh", "sech", "sqrt")
    },
    "sigmoid": lambda u: 1 / (1 + sympy.exp(-u)),
    "softplus": lambda u: sympy.log(1 + sympy.exp(u)),
    "silu": lambda u: u / (1 + sympy.exp(-u)),
    "gelu": lambda u: u * (1 + sympy.erf(u / sympy.sqrt(2))) / 2,
}
"""Functions that a typed expression may use."""


def parse(text: str) -> sympy.Expr:
    """The expression that ``text`` spells, in the variable ``Z`` whatever name the text gives it.

    Decimals are exact (``0.1`` is 1/10). Names are looked up in a whitelist; nothing is executed.

    Args:
        text: For example ``"10+tanh(x/100)*100"``: numbers, ``+ - * / **``, ``pi``, ``E``, ``FUNCTIONS`` and
            one variable of any name; exponents are numbers.

    Returns:
        A smooth, non-constant SymPy expression with the free symbol ``Z``.

    Raises:
        TheoryError: For anything else, in one line that says what.

    Example:
        >>> parse("log(1+exp(x))/1.5")
        2*log(exp(z) + 1)/3
    """
    if not text.strip() or len(text) > MAX_LENGTH:
        raise TheoryError(f"An activation is a name or an expression of 1 to {MAX_LENGTH} characters.")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a SyntaxWarning about odd literals; the walk below rejects them
            tree = ast.parse(text.strip(), mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise TheoryError(f"Cannot read the activation {_short(text)}: not an expression.") from None
    _check_nodes(tree, text)
    variable = _variable(tree, text)
    expression = _build(tree.body, text.strip(), variable, 0)
    return checked(expression, text)


def checked(expression: sympy.Expr, shown: str | None = None) -> sympy.Expr:
    """``expression`` with its one symbol renamed to ``Z``, once it is known to be smooth and supported.

    Args:
        expression: A SymPy expression.
        shown: How to name it in errors; by default its own text.

    Raises:
        TheoryError: With several or no variables, unknown functions, or kinks.

    Example:
        >>> x = sympy.Symbol("x")
        >>> checked(sympy.tanh(x) / 2)
        tanh(z)/2
    """
    label = _short(str(expression) if shown is None else shown)
    symbols = expression.free_symbols
    if len(symbols) != 1:
        names = ", ".join(sorted(map(str, symbols)))
        raise TheoryError(f"The activation {label} needs exactly one variable, not {len(symbols)} ({names or 'none'}).")
    expression = expression.subs(symbols.pop(), Z)
    allowed = tuple(value for value in FUNCTIONS.values() if isinstance(value, type))
    kinks = [str(atom.func) for atom in expression.atoms(sympy.Function) if str(atom.func) in _KINKED]
    if kinks or expression.has(sympy.Piecewise):
        raise TheoryError(
            f"The activation {label} is not smooth ({(kinks or ['Piecewise'])[0]}): no second derivative."
        )
    for atom in sorted(expression.atoms(sympy.Function), key=str):
        if not isinstance(atom, allowed):
            raise TheoryError(f"The activation {label} uses {atom.func}, which is not among {_known()}.")
    if expression.atoms(sympy.nan, sympy.zoo, sympy.oo, sympy.I) or not _constant_powers(expression):
        raise TheoryError(f"The activation {label} is not a real expression with constant exponents.")
    return expression


def _constant_powers(expression: sympy.Expr) -> bool:
    return all(power.exp.is_Rational and abs(power.exp) <= MAX_EXPONENT**2 for power in expression.atoms(sympy.Pow))


def _check_nodes(tree: ast.Expression, text: str) -> None:
    """Refuse every syntax but arithmetic and plain calls before anything is built."""
    for node in ast.walk(tree):
        if not isinstance(node, _NODES + _OPERATORS):
            raise TheoryError(f"The activation {_short(text)} uses {type(node).__name__}, which is not arithmetic.")


def _variable(tree: ast.Expression, text: str) -> str:
    called = {id(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and id(node) not in called}
    names -= _CONSTANTS.keys()
    if misused := sorted(names & FUNCTIONS.keys()):
        raise TheoryError(f"The activation {_short(text)} uses {misused[0]} without an argument.")
    if len(names) != 1:
        listed = ", ".join(sorted(names)) or "none"
        raise TheoryError(f"The activation {_short(text)} needs exactly one variable, not {len(names)} ({listed}).")
    return names.pop()


def _build(node: Any, text: str, variable: str, depth: int) -> sympy.Expr:
    if depth > MAX_DEPTH:
        raise TheoryError(f"The activation {_short(text)} is nested more than {MAX_DEPTH} deep.")
    if isinstance(node, ast.Constant):
        return _number(node, text)
    if isinstance(node, ast.Name):
        return Z if node.id == variable else _CONSTANTS[node.id]
    if isinstance(node, ast.UnaryOp):
        operand = _build(node.operand, text, variable, depth + 1)
        return -operand if isinstance(node.op, ast.USub) else operand
    if isinstance(node, ast.Call):
        return _call(node, text, variable, depth)
    left, right = (_build(side, text, variable, depth + 1) for side in (node.left, node.right))
    return _binary(node.op, left, right, text)


def _binary(operator: ast.operator, left: sympy.Expr, right: sympy.Expr, text: str) -> sympy.Expr:
    if isinstance(operator, ast.Add):
        return left + right
    if isinstance(operator, ast.Sub):
        return left - right
    if isinstance(operator, ast.Mult):
        return left * right
    if isinstance(operator, ast.Div):
        if right.is_zero:
            raise TheoryError(f"The activation {_short(text)} divides by zero.")
        return left / right
    if not right.is_Rational or abs(right) > MAX_EXPONENT:
        raise TheoryError(f"The activation {_short(text)}: exponents are rational, at most {MAX_EXPONENT} in size.")
    # (9**32)**32... doubles its digits at each level: stop before the number is built.
    if left.is_Rational and float(abs(right)) * max(_bits(left), 1) > MAX_BITS:
        raise TheoryError(f"The activation {_short(text)} contains a number that is too long.")
    if left.is_zero and right < 0:
        raise TheoryError(f"The activation {_short(text)} divides by zero.")
    return left**right


def _bits(number: sympy.Rational) -> int:
    return max(int(number.p).bit_length(), int(number.q).bit_length())


def _call(node: ast.Call, text: str, variable: str, depth: int) -> sympy.Expr:
    name = node.func.id if isinstance(node.func, ast.Name) else "that call"
    if name in _KINKED:
        raise TheoryError(f"The activation {_short(text)} is not smooth ({name}): it has no second derivative.")
    if name not in FUNCTIONS:
        raise TheoryError(f"The activation {_short(text)}: unknown function {name}{did_you_mean(name, FUNCTIONS)}.")
    if len(node.args) != 1 or node.keywords:
        raise TheoryError(f"The activation {_short(text)}: {name} takes one argument.")
    argument = _build(node.args[0], text, variable, depth + 1)
    if argument.is_number and argument.is_comparable and abs(argument) > 2**MAX_EXPONENT:
        raise TheoryError(f"The activation {_short(text)}: the constant inside {name} is too large.")
    return FUNCTIONS[name](argument)


def _number(node: ast.Constant, text: str) -> sympy.Expr:
    if isinstance(node.value, bool) or not isinstance(node.value, (int, float)):
        raise TheoryError(f"The activation {_short(text)} contains {node.value!r}, which is not a real number.")
    if isinstance(node.value, int):
        return sympy.Integer(node.value)
    spelled = ast.get_source_segment(text, node) or repr(node.value)
    try:
        decimal = Decimal(spelled.replace("_", ""))
    except InvalidOperation:
        decimal = Decimal("inf")
    if not decimal.is_finite() or abs(decimal.adjusted()) > 300 or not math.isfinite(node.value):
        raise TheoryError(f"The activation {_short(text)} contains {spelled[:40]}, which is out of range.")
    return sympy.Rational(*decimal.as_integer_ratio())


def did_you_mean(word: str, known: Any) -> str:
    """``"; did you mean tanh?"`` without the question mark, or the list of what is known when nothing is near."""
    import difflib

    near = difflib.get_close_matches(word.lower(), list(known), n=1)
    return f"; did you mean {near[0]}" if near else f"; known: {', '.join(sorted(known))}"


def _known() -> str:
    return ", ".join(sorted(FUNCTIONS))


def _short(text: str) -> str:
    """The quoted text on one line, cut to 60 characters."""
    return repr(text if len(text) <= 60 else text[:57] + "...")
