"""Fitted exponents, verdicts on orders, and what runs say of hidden constants."""

from __future__ import annotations

import math

import numpy as np
import pytest

from bounds.calibration import Calibration
from bounds.errors import TheoryError
from empirics.comparison import gather
from empirics.scaling import calibration_of, fit_exponent
from empirics.verdict import Observation

KEY = "song2021.V0_norm"
ORDER = "song2021.nu_Phi_upper"
VALUES = {"activation": "gelu", "n": 20, "d_0": 5, "sigma_max_X": 2.0, "omega_1": 1, "omega_2": 0.1, "delta_2": 1}


def observed(power, widths=(64, 128, 256, 512), seeds=3, noise=0.02, c=0.7):
    """Measurements c * order * width^power, the order being evaluated by hand below."""
    rng = np.random.default_rng(0)
    for m in widths:
        for seed in range(seeds):
            size = c * by_hand(m) * (m / 64) ** power * math.exp(noise * rng.standard_normal())
            yield Observation(ORDER, {**VALUES, "d_1": m}, size, seed=seed, width=m)


def by_hand(d_1):
    """Eq 76 at C = 1 for gelu, from the reference values of its Hermite coefficients."""
    c_0, c_1, phi_sq, slope = 0.282094791773878143, 0.5, 0.425218, 1.12890414518515
    c_inf = phi_sq - c_0**2 - c_1**2
    root = math.sqrt(d_1)
    features = math.sqrt(2 * d_1) * (math.sqrt(c_1**2 + c_inf) * 2.0 + c_0 * math.sqrt(20))
    return 0.1 * slope * 2.0 * root + features


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


@pytest.mark.parametrize(("x", "y"), [([1, 1], [1, 2]), ([1, 2], [0, 1]), ([1, 2], [1, math.nan]), ([1, 2], [1])])
def test_what_has_no_logarithm_is_refused(x, y):
    with pytest.raises(TheoryError):
        fit_exponent(x, y)


def test_an_upper_order_that_holds_bounds_its_constant_from_below():
    (row,), cases = gather(observed(0.0))
    assert row.verdict == "CONSISTENT"
    assert row.details["widths"] == (64, 128, 256, 512)
    constant = row.details["constant"]
    assert constant["relation"] == ">="
    assert constant["value"] == pytest.approx(0.7, rel=0.08)
    assert len(cases) == 12
    assert any("width^" in reason for reason in row.reasons)


def test_an_upper_order_that_is_outgrown_is_refuted_and_one_that_is_loose_is_not():
    assert gather(observed(0.3))[0][0].verdict == "VIOLATED"
    assert gather(observed(-0.3))[0][0].verdict == "CONSISTENT"
    assert gather(observed(0.3, widths=(64, 80, 96)))[0][0].verdict == "CONSISTENT"  # too short a range
    assert gather(observed(0.3, widths=(64, 512)))[0][0].verdict == "CONSISTENT"  # no interval from two widths


def test_calibration_goes_through_a_file(tmp_path):
    rows, _ = gather(observed(0.0))
    path = tmp_path / "constants of runs.json"
    assert "1 hidden constants" in calibration_of(rows, "a test").write(path)
    found = Calibration.read(path).fill(ORDER)
    assert found["C"].value == rows[0].details["constant"]["value"]
    assert "calibrated, not proved" in found["C"].origin
    assert Calibration.read(path).fill("song2021.required_width") == {}


def test_nothing_to_calibrate_is_said():
    with pytest.raises(TheoryError, match="nothing to calibrate"):
        calibration_of((), "a test")
