"""allenzhu2019's widths: every condition against the lemma it comes from, exact integers, and which root is meant."""

from __future__ import annotations

import time
from fractions import Fraction

import derive_allenzhu2019 as derive
import mpmath as mp
import pytest

import bounds
from bounds import TheoryError

SIDES = ("delta <= 1/(C L)", *derive.lemmas({"n": 2, "d": 1, "L": 2}, mp.mpf(100), mp.mpf("0.5")))
POINTS = (
    {"n": 2, "L": 1, "d": 1, "delta": Fraction(1, 2)},
    {"n": 3, "L": 2, "d": 10, "delta": Fraction(1, 5)},
    {"n": 1, "L": 3, "d": 1, "delta": Fraction(1)},  # further apart than 1/L
    {"n": 7, "L": 12, "d": 3, "delta": Fraction(1, 3)},  # further apart than 1/L
    {"n": 512, "L": 5, "d": 1, "delta": Fraction(1, 1000)},
    {"n": 60, "L": 100, "d": 1000, "delta": Fraction(1, 100)},
)


def width(**values):
    return bounds.required_width("allenzhu2019.required_width", defaults=False, **values)


def slack(v, m):
    """Condition name -> slack at the width m, on the lemma's own terms; ``Theorem`` is the paper's line as printed."""
    with mp.workdps(400):
        m, near = mp.mpf(m), derive.closest(v["delta"], v["L"])
        own = {
            "Theorem": derive.main_line(v, m, derive.real(v["delta"])),
            "delta <= 1/(C L)": derive.main_line(v, m, near),
        }
        return own | derive.lemmas(v, m, near)


@pytest.mark.parametrize("v", POINTS, ids=lambda v: f"n={v['n']}, L={v['L']}")
@pytest.mark.parametrize("batch", [None, 1, 5])
def test_every_threshold_is_where_its_lemma_begins_to_hold(v, batch):
    v = v if batch is None else {**v, "b": batch, "n": max(v["n"], batch)}
    name = "allenzhu2019." + ("required_width" if batch is None else "sgd_required_width")
    found = bounds.required_width(name, defaults=False, **v)
    theorem = "Theorem 1" if batch is None else "Theorem 2"
    assert set(found.thresholds) == {theorem, *SIDES}
    for condition, m in found.thresholds.items():
        key = "Theorem" if condition == theorem else condition
        # at equality in exact numbers (a power of log 1 is 0) either side may be met
        assert slack(v, m)[key] >= -(mp.mpf(10) ** -300) if m > 1 else True, condition
        if m > 2:
            assert slack(v, m - 1)[key] < 0, condition
    assert found.value == max(found.thresholds.values())
    assert found.binding in {theorem, *SIDES}
    assert set(found.unset) == {c.name for c in found.quantity.hidden}


def test_sum_over_layers_costs_six_powers_of_depth_for_sgd():
    v = {"n": 4, "L": 6, "d": 2, "delta": Fraction(1, 10), "b": 3}
    m = bounds.quantity("sgd_required_width_depth").evaluate(**v)
    with mp.workdps(400):
        at, before = (derive.main_line(v, mp.mpf(x), derive.real(v["delta"]), layers=3) for x in (m, m - 1))
        assert at >= 0 > before
    assert m > 6**6 * bounds.quantity("sgd_required_width").evaluate(**v)


def test_printed_width_for_sgd_grows_with_the_batch():
    v = {"n": 100, "L": 2, "d": 1, "delta": Fraction(1, 10)}
    printed, derived = (
        [bounds.quantity(f"sgd_required_width{tail}").evaluate(**v, b=b) for b in (1, 10, 100)]
        for tail in ("_printed", "")
    )
    assert printed == sorted(printed)
    assert derived == sorted(derived, reverse=True)
    assert printed[0] < derived[0]
    assert printed[1] == derived[1]  # n/b^2 = 1 at b = sqrt(n)
    assert printed[2] > derived[2]


def test_theorem_3_binds_for_few_samples():
    """The printed line implies Theorem 3's as stated unless log m > n^3/delta."""
    for n, delta, L in ((1, "1/2", 2), (2, "1/2", 2), (3, "1/2", 2), (2, "1/3", 3)):
        found = width(n=n, L=L, d=1, delta=delta)
        assert found.binding == "Theorem 3"
        assert mp.log(int(found.value)) > n**3 / mp.mpf(Fraction(delta).numerator) * Fraction(delta).denominator
        assert found.value > found.thresholds["Theorem 1"]
    for n, delta, L in ((4, "1/2", 2), (3, "1/10", 2), (512, "1/100", 5)):
        found = width(n=n, L=L, d=1, delta=delta)
        assert found.binding == "Theorem 1"
        assert mp.log(int(found.value)) < n**3 / mp.mpf(Fraction(delta).numerator) * Fraction(delta).denominator


def test_separation_beyond_one_over_depth_restricts_nothing():
    """delta = 1 at L = 10 is delta = 1/10; C_delta = 2 makes it 1/20."""
    far, near = (width(n=50, L=10, d=1, delta=x) for x in (1, "1/10"))
    assert far.value == near.value
    assert (far.binding, near.binding) == ("delta <= 1/(C L)", "Theorem 1")
    assert width(n=50, L=10, d=1, delta=1, C_delta=2).value == width(n=50, L=10, d=1, delta="1/20").value
    own = bounds.quantity("allenzhu2019.required_width")
    assert own.evaluate(n=50, L=10, d=1, delta=1) < own.evaluate(n=50, L=10, d=1, delta="1/10")
    assert bounds.quantity("allenzhu2019.delta_eff").evaluate(delta=1, L=10) == 0.1


@pytest.mark.parametrize("d", [1, 10])
@pytest.mark.parametrize("batch", [None, 37])
def test_exact_integers_of_hundreds_of_digits(d, batch):
    v = {"n": 10**6, "L": 100, "d": d, "delta": Fraction(1, 10**6)}
    scale = Fraction(10) ** 144 * Fraction(10) ** 24 * d * Fraction(10) ** 48
    name = "required_width"
    if batch:
        v, scale, name = {**v, "b": batch}, scale * 10**6 / batch, "sgd_required_width"
    q = bounds.quantity(f"allenzhu2019.{name}")
    q.evaluate(**v)
    start = time.perf_counter()
    m = q.evaluate(**v)
    assert time.perf_counter() - start < 2
    assert m > 10**229
    with mp.workdps(1000):
        k = derive.real(scale)
        assert mp.mpf(int(m)) >= k * mp.log(int(m)) ** 5
        assert mp.mpf(int(m) - 1) < k * mp.log(int(m) - 1) ** 5
        assert m == int(mp.ceil(derive.roots(k)[1]))
    assert q.evaluate(**{**v, "delta": "1e-6"}) == m


def test_the_width_is_the_larger_root():
    q, root = bounds.quantity("allenzhu2019.required_width"), bounds.quantity("allenzhu2019.width_root")
    for n, L, d, delta in ((1, 1, 1, 1), (2, 3, 5, "1/4"), (11, 2, 1, "1/100")):
        v = {"n": n, "L": L, "d": d, "delta": delta}
        with mp.workdps(120):
            small, large = derive.roots(derive.real(Fraction(n**24 * L**12 * d) / Fraction(delta) ** 8))
            assert q.evaluate(**v) == int(mp.ceil(large))
            assert 1 < small < 5 < large
            assert root.evaluate(**v, log10=True) == pytest.approx(float(mp.log10(large)), rel=1e-13)
            assert root.evaluate(**v) == pytest.approx(float(large), rel=1e-11)
            ball = root.evaluate(**v, certified=True)
            assert ball.lo <= large <= ball.hi
    # by hand: at n = L = d = delta = 1 the line is m >= log(m)^5; m = 2 satisfies it and is not meant
    assert q.evaluate(n=1, L=1, d=1, delta=1) == 332106


def test_below_the_threshold_every_width_works():
    """m >= K log(m)^5 holds for all m >= 1 where K <= (e/5)^5 = 0.0477: log(m)^5/m is largest at e^5."""
    q, root = bounds.quantity("allenzhu2019.required_width"), bounds.quantity("allenzhu2019.width_root")
    one = {"n": 1, "L": 1, "d": 1, "delta": 1}
    edge = (mp.e / 5) ** 5
    assert q.evaluate(**one, C_m="1/25") == 1
    with pytest.raises(TheoryError, match="every m >= 1"):
        root.evaluate(**one, C_m="1/25")
    with mp.workdps(60):
        for constant in ("0.05", "0.1", "0.5"):
            below, above = derive.roots(mp.mpf(constant))
            assert mp.mpf(constant) > edge
            assert below < mp.e**5 < above
            assert q.evaluate(**one, C_m=constant) == int(mp.ceil(above))
        # just above the edge the gap of real widths around e^5 = 148.413 holds no integer
        narrow = edge * (1 + mp.mpf("1e-9"))
        below, above = derive.roots(narrow)
        assert 148 < below < above < 149
        assert q.evaluate(**one, C_m=Fraction(mp.nstr(narrow, 40))) == 1


def test_scales_with_the_hidden_constant_up_to_logarithms():
    q = bounds.quantity("allenzhu2019.required_width")
    v = {"n": 100, "L": 4, "d": 1, "delta": "1/20"}
    once, thousand = (q.evaluate(**v, C_m=c) for c in (1, 1000))
    with mp.workdps(60):
        ratio = mp.mpf(int(thousand)) / int(once)
        logs = mp.log(int(thousand)) / mp.log(int(once))
        assert abs(ratio / (1000 * logs**5) - 1) < mp.mpf(10) ** -30
    assert bounds.result(q, **v).unset == ("C_m",)
