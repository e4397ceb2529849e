"""What a caller may give as a value: exact numbers, arrays of points, activations, vectors and matrices."""

from __future__ import annotations

import math
from collections.abc import Iterable
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from bounds.averages import Array
from bounds.errors import TheoryError
from bounds.model import Domain, Parameter
from bounds.npz import read_npy
from bounds.tables import figures

MOST_DIGITS = 100_000
"""Exact decimals are written out: an exponent beyond this would only exhaust the memory."""
SHOWN = 60
"""So many characters of what was given are shown."""


def number(name: str, value: Any) -> Any:
    """``value`` as an exact number or a float64 array; decimal text is exact (``"1e-6"`` is 1/1000000).

    Raises:
        TheoryError: Not a number, NaN or infinite.
    """
    if isinstance(value, str):
        value = _parse(name, value)
    if isinstance(value, Decimal):
        value = Fraction(value)
    if isinstance(value, list | tuple | np.ndarray) and not (isinstance(value, np.ndarray) and not value.ndim):
        array = _rectangular(name, value)
        if array.dtype.kind not in "iufb":
            raise TheoryError(f"{name}: an array of numbers is needed, not of {array.dtype}")
        with np.errstate(over="ignore"):  # a long double beyond float64's range
            array = array.astype(np.float64)
        if not np.all(np.isfinite(array)):
            raise TheoryError(f"{name}: the array holds NaN or infinite values")
        return array
    if isinstance(value, np.ndarray | np.generic):
        value = value.item()
    if isinstance(value, bool) or not (
        isinstance(value, int | float | Fraction) or hasattr(value, "is_Rational") or hasattr(value, "enclosure")
    ):
        raise TheoryError(f"{name} = {value!r}: not a number")
    if hasattr(value, "is_comparable") and not (value.is_comparable and value.is_finite is not False):
        raise TheoryError(f"{name} = {value}: a finite real number is needed")
    if isinstance(value, float) and not math.isfinite(value):
        raise TheoryError(f"{name} = {value}: a finite number is needed")
    return value


def _rectangular(name: str, value: Any) -> np.ndarray:
    try:
        return np.asarray(value)
    except ValueError:
        raise TheoryError(f"{name}: rows of the same length are needed") from None


def _parse(name: str, text: str) -> Fraction | int:
    try:
        if "/" not in text and abs(Decimal(text.strip()).adjusted()) > MOST_DIGITS:
            raise TheoryError(f"{name} = {brief(text)}: more than {MOST_DIGITS} digits are not handled")
        exact = Fraction(text.strip()) if "/" in text else Fraction(Decimal(text.strip()))
    except TheoryError:
        raise
    except (ValueError, InvalidOperation, ZeroDivisionError, OverflowError):
        raise TheoryError(f"{name} = {brief(text)!r}: not a number (write 0.1, 1e-6 or 1/3)") from None
    return int(exact) if exact.denominator == 1 else exact


def largest(numbers: Iterable[Any]) -> Any:
    """The largest of numbers that may be suprema, exact where they are; ties go to the first."""
    return max(numbers, key=float)


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
    if isinstance(value, Fraction) and not 1e-300 < abs(value) < 1e300:  # beyond the floats
        return figures(round(value), 3) if abs(value) > 1 else f"1/{figures(round(1 / value), 3)}" if value else "0"
    if isinstance(value, Fraction | float) or hasattr(value, "__float__"):
        return f"{float(value):.6g}"
    return str(value)


def array(parameter: Parameter, value: Any) -> Array:
    """A vector or matrix: an array, a list, text such as ``3,2,1`` (rows separated by ``;``), or a .npy file.

    Raises:
        TheoryError: Not numbers, of the wrong dimension, empty, or outside the parameter's range.
    """
    if isinstance(value, Array):
        return value
    wanted = 1 if parameter.kind == "vector" else 2
    if isinstance(value, str):
        value = _read_array(parameter.name, value, wanted)
    found = number(parameter.name, value)
    if not isinstance(found, np.ndarray) or found.ndim != wanted or not found.size:
        raise TheoryError(
            f"{parameter.name}: a {parameter.kind} of numbers is needed, for example 3,2,1 or a .npy file"
        )
    check_domain(parameter.name, found, parameter.domain)
    found.flags.writeable = False
    return Array(found)


def _read_array(name: str, text: str, dimensions: int) -> Any:
    """The numbers of a text or of the file that it names."""
    word = text.strip()
    if word.endswith(".npy"):
        try:
            return read_npy(Path(word))
        except TheoryError as error:
            raise TheoryError(f"{name}: {error}") from None
    try:
        rows = [[float(_parse(name, word)) for word in row.split(",")] for row in text.split(";")]
        return rows[0] if dimensions == 1 and len(rows) == 1 else np.array(rows)
    except (ValueError, OverflowError) as error:
        raise TheoryError(
            f"{name} = {brief(text)!r}: {error}; write 3,2,1 (rows separated by ;) or a .npy file"
        ) from None


def brief(text: str) -> str:
    """The beginning of what was given, for a message."""
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}..."
