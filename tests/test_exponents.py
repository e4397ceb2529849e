"""Fitted exponents and their intervals."""

from __future__ import annotations

import math

import numpy as np
import pytest

from bounds.errors import TheoryError
from empirics.exponents import fit_exponent, fit_exponents


def test_an_exponent_and_its_interval_by_hand():
    x = [1.0, 2.0, 4.0]
    y = [1.0, 2.0 * math.e**0.1, 4.0]
    found = fit_exponent(x, y)
    # symmetric design: the slope is (log y_3 - log y_1)/(2 log 2) = 1, residuals (-1, 2, -1) * 0.1/3
    assert found.value == pytest.approx(1.0)
    error = math.sqrt(6 * (0.1 / 3) ** 2 / 1 / (2 * math.log(2) ** 2))
    assert found.high - 1 == pytest.approx(12.706204736 * error, rel=1e-6)
    assert (found.places, found.fits) == (3, None)


def test_two_places_determine_no_interval():
    found = fit_exponent([1, 1, 2], [1, 1.1, 2])
    assert (found.low, found.high) == (-math.inf, math.inf)


def test_a_bent_curve_is_no_line():
    x = np.repeat([1.0, 2, 4, 8], 4)
    y = np.exp(np.log(x) ** 2) * np.tile([1, 1.01, 0.99, 1.0], 4)
    assert fit_exponent(x, y).fits is False
    assert fit_exponent(x, x * np.tile([1, 1.01, 0.99, 1.0], 4)).fits is True


def test_several_exponents_by_hand():
    # m and n orthogonal in logarithms, u = log m/log 2 and v = log n/log 3 in {-1/2, 1/2} after centring: the slopes
    # are the contrasts of the four means, and the replicates +-d leave a residual sum 8 d^2 on 5 degrees of freedom
    d = 0.05
    m, n = [1, 2, 1, 2] * 2, [1, 1, 3, 3] * 2
    y = [a**0.5 * b**-2 * math.exp(e) for a, b, e in zip(m, n, [d] * 4 + [-d] * 4, strict=True)]
    found = fit_exponents({"m": m, "n": n}, y)
    assert (found["m"].value, found["n"].value) == pytest.approx((0.5, -2))
    for name, base in (("m", 2), ("n", 3)):
        error = math.sqrt(8 * d**2 / 5 / (8 / 4 * math.log(base) ** 2))
        assert found[name].high - found[name].value == pytest.approx(2.570581836 * error, rel=1e-8)
    assert found["m"].fits is True
    bent = [v * (math.e if (a, b) == (2, 3) else 1) for v, a, b in zip(y, m, n, strict=True)]
    assert fit_exponents({"m": m, "n": n}, bent)["m"].fits is False


@pytest.mark.parametrize(
    ("columns", "text"),
    [
        ({"m": [1, 2, 4], "n": [1, 4, 16]}, "told apart"),
        ({"m": [1, 2, 4], "n": [3, 3, 3]}, "n has 1 different value"),
        ({"m": [1, 2, 4], "n": [1, 2]}, "n has 2 numbers and y 3"),
        ({"m": [1, 2, 0]}, "m = 0"),
        ({}, "needs a parameter"),
    ],
)
def test_several_exponents_that_cannot_be_fitted(columns, text):
    with pytest.raises(TheoryError, match=text):
        fit_exponents(columns, [1, 2, 3])


def test_the_confidence_is_a_fraction_and_widens_the_interval():
    ends = [fit_exponent([1, 2, 4, 8], [1, 2, 4, 9], confidence=c).high for c in (0.5, 0.99)]
    assert ends[0] < ends[1]
    with pytest.raises(TheoryError, match="confidence = 1"):
        fit_exponent([1, 2, 4], [1, 2, 4], confidence=1)


@pytest.mark.parametrize(("x", "y"), [([1, 1], [1, 2]), ([1, 2], [0, 1]), ([1, 2], [1, math.nan]), ([1, 2], [1])])
def test_what_has_no_logarithm_is_refused(x, y):
    with pytest.raises(TheoryError):
        fit_exponent(x, y)
