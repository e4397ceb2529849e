"""Shares and elasticities: by hand, against monomials and homogeneity, and against solved widths nearby."""

from __future__ import annotations

import json
import math
from fractions import Fraction

import pytest
import sympy
from click.testing import CliRunner
from generic import defined, leaves
from sympy.core.function import AppliedUndef

import bounds
import cli
from bounds.explaining import explain
from bounds.forms import Written

WIDTHS = [q for q in bounds.quantities() if q.conditions or (q.unknown and q.side_conditions)]
FORMULAS = [q for q in bounds.quantities() if q not in WIDTHS]
SIMPLE = {"gamma": 1, "L": 3, "phi_0": 0, "beta_phi": 1, "rho_1": 0}


def found(name, **values):
    return {e.name: e for e in explain(name, **values).elasticities}


def test_gamma_by_hand():
    seen = found("banerjee2023.gamma", sigma_1=1, rho=2, m=16)  # 1 + 2/4: shares 2/3 and 1/3
    assert seen["sigma_1"].elasticity == pytest.approx(2 / 3, rel=1e-15)
    assert seen["rho"].elasticity == pytest.approx(1 / 3, rel=1e-15)
    assert seen["m"].elasticity == pytest.approx(-1 / 6, rel=1e-15)
    assert seen["m"].slope == pytest.approx(-2 / (2 * 64), rel=1e-15)
    assert {e.kind for e in seen.values()} == {"smooth"}


def test_hessian_norm_falls_like_one_over_sqrt_m():
    seen = found("banerjee2023.hessian_norm", c_H=7, m=100)
    assert (seen["m"].elasticity, seen["c_H"].elasticity, len(seen)) == (-0.5, 1.0, 2)


def test_gamma_enters_the_hessian_by_the_chain_rule():
    # L = 2, beta = 0: psi = h(1) = 1, c_H = 2 (4 g^4 + 2 g^2 + 2) g + 4 g^3 = 328 at g = 2, c_H' = 740
    point = {"L": 2, "phi_0": 0, "beta_phi": 0, "rho_1": 0}
    c_h = explain("banerjee2023.c_H_chain", gamma=2, **point)
    assert c_h.value == 328
    slope = next(e for e in c_h.elasticities if e.name == "gamma")
    assert (slope.slope, slope.kind) == (740, "smooth")
    assert slope.elasticity == pytest.approx(740 * 2 / 328, rel=1e-15)
    # gamma = 1 + 10/sqrt(100) = 2 has elasticity 1/2 in sigma_1 and rho, -1/4 in m
    seen = found("banerjee2023.hessian_norm", sigma_1=1, rho=10, m=100, **point)
    assert seen["sigma_1"].elasticity == pytest.approx(370 / 164, rel=1e-15)
    assert seen["rho"].elasticity == pytest.approx(370 / 164, rel=1e-15)
    assert seen["m"].elasticity == pytest.approx(-0.5 - 185 / 164, rel=1e-15)


def test_kink_has_two_elasticities():
    # at gamma = 1 psi and the decay are maxima attained twice: by hand (1458 + 30)/162 above, (912 + 18)/162 below
    seen = found("banerjee2023.c_H", **SIMPLE)
    assert explain("banerjee2023.c_H", **SIMPLE).value == 162
    assert (seen["gamma"].kind, seen["L"].kind) == ("kink", "smooth")
    assert seen["gamma"].elasticity == pytest.approx(1488 / 162, rel=1e-15)
    assert seen["gamma"].other == pytest.approx(930 / 162, rel=1e-15)
    # 2 L (L^2 + L + 1) 2 + 2 L at L = 3: slope 4 (3 L^2 + 2 L + 1) + 2 = 138
    assert seen["L"].elasticity == pytest.approx(138 * 3 / 162, rel=1e-15)


def test_recursions_by_doubling_are_discrete():
    # gamma = 1, phi(0) = 0: the sum over layers is L, so each step to L + 1 is exactly proportional
    seen = found("banerjee2023.path_sum", L=5, gamma=1, phi_0=0)
    assert (seen["L"].kind, seen["L"].slope) == ("discrete", None)
    assert seen["L"].elasticity == pytest.approx(1, rel=1e-15)
    assert seen["gamma"].slope == pytest.approx(2 * 4 * 5, rel=1e-15)  # sum of gamma^(2L-2): (2L-2) L


def test_zero_has_a_derivative_but_no_elasticity():
    seen = explain("banerjee2023.gamma", sigma_1=1, rho=0, m=16)
    rho = next(e for e in seen.elasticities if e.name == "rho")
    assert (rho.elasticity, rho.slope) == (0, 0.25)
    assert any("rho" in note for note in seen.notes)


def test_a_ceiling_is_left_out():
    point = {"loss_0": 8, "loss_star": 0, "eps": 1, "chi": Fraction(1, 2)}
    seen = explain("banerjee2023.iterations", **point)  # log 8/log 2 = 3
    assert seen.value == 3
    eps = next(e for e in seen.elasticities if e.name == "eps")
    assert eps.elasticity == pytest.approx(-1 / math.log(8), rel=1e-15)
    assert any("rounded up" in note for note in seen.notes)


def test_nothing_overflows():
    seen = explain("banerjee2023.c_H", L=4000, gamma=3, phi_0=0, beta_phi=1, rho_1=0)
    assert seen.value == math.inf
    gamma = next(e for e in seen.elasticities if e.name == "gamma")
    # the dominant terms: 2 L^3 g^(2L), the decay g^(L-1), and in psi h(L-1) h(L)^2/2 = g^(L-2) g^(2L-2)/2
    assert gamma.elasticity == pytest.approx(6 * 4000 - 5, rel=1e-9)
    assert seen.path[0].log10 == pytest.approx(seen.log10, rel=1e-12)


def monomial(q):
    """Symbol -> exponent where the formula written out is a single product of powers."""
    e = sympy.sympify(q.expand())
    powers = e.as_powers_dict()
    flat = all((b.is_number and p.is_number) or (b.is_Symbol and p.is_number) for b, p in powers.items())
    return {b.name: p for b, p in powers.items() if b.is_Symbol} if flat and not e.atoms(AppliedUndef, Written) else {}


MONOMIALS = [q for q in FORMULAS if monomial(q)]


@pytest.mark.parametrize("q", MONOMIALS, ids=lambda q: q.key)
def test_elasticity_of_a_monomial_is_its_exponent(q):
    (values,) = defined(q, leaves(q), "monomial")
    seen = found(q, **values)
    for name, exponent in monomial(q).items():
        assert seen[name].elasticity == pytest.approx(float(exponent), rel=1e-14), name


@pytest.mark.parametrize("q", FORMULAS, ids=lambda q: q.key)
def test_shares_add_up_and_the_path_holds_together(q):
    (values,) = defined(q, leaves(q), "shares", fixed={"activation": "gelu"} if "activation" in leaves(q) else {})
    if getattr(q.evaluate(**values), "ndim", 0):
        with pytest.raises(bounds.TheoryError, match="numbers"):
            explain(q, defaults=False, **values)
        return
    seen = explain(q, defaults=False, **values)
    assert seen.value == q.evaluate(**values)
    assert seen.path
    assert seen.path[0].value == pytest.approx(seen.value, rel=1e-12)
    for step, following in zip(seen.path, [*seen.path[1:], None], strict=True):
        check_step(step)
        if following is not None:
            assert following.value == pytest.approx(step.parts[step.driver].value, rel=1e-12, nan_ok=True)
    assert (seen.path[-1].kind, seen.path[-1].parts) == ("leaf", ()) or seen.path[-1].driver is None


def check_step(step):
    shares = [p.share for p in step.parts]
    if step.kind == "sum" and None not in shares:
        assert sum(shares) == pytest.approx(1, rel=1e-12)
        assert sum(p.value for p in step.parts) == pytest.approx(step.value, rel=1e-9)
        assert sum(p.weight for p in step.parts) == pytest.approx(1, rel=1e-12)
        assert abs(shares[step.driver]) == max(map(abs, shares))
    if step.kind == "product" and step.value:
        assert sum(shares) == pytest.approx(step.log10, rel=1e-12, abs=1e-12)
        assert math.prod(math.copysign(1, p.value) for p in step.parts) == math.copysign(1, step.value)
    if step.kind in ("maximum", "minimum"):
        best = (max if step.kind == "maximum" else min)(p.value for p in step.parts)
        assert step.parts[step.driver].value == best == pytest.approx(step.value, rel=1e-12)


@pytest.mark.parametrize(
    ("key", "names", "degree"),
    [
        ("gamma", ("sigma_1", "rho"), 1),
        ("c_1", ("kappa",), 2),
        ("hessian_norm", ("c_H",), 1),
        ("chi", ("rsc_alpha", "beta"), 0),
        ("rsc_alpha", ("c_1", "c_2"), 1),
    ],
)
def test_euler_on_homogeneous_formulas(key, names, degree):
    q = bounds.quantity(f"banerjee2023.{key}")
    values = {n: Fraction(3 + k, 2) for k, n in enumerate(names) if n != "kappa"} | {"m": 50}
    values = {n: v for n, v in values.items() if n in q.parameters}
    seen = found(q, **values)
    assert sum(seen[n].elasticity for n in names) == pytest.approx(degree, abs=1e-14)


def test_no_width_no_elasticity():
    seen = explain("banerjee2023.required_width", activation="gelu")
    assert (seen.applicable, seen.elasticities, seen.path) == (False, (), ())
    assert "Assumption 1" in " ".join(seen.reasons)


def test_arrays_and_unknown_names_are_refused():
    with pytest.raises(bounds.TheoryError, match="one point at a time"):
        explain("banerjee2023.gamma", m=[1, 2], rho=1, sigma_1=1)
    with pytest.raises(bounds.TheoryError, match="did you mean"):
        explain("banerjee2023.gama")


def invoke(*arguments):
    return CliRunner().invoke(cli.app, arguments)


def test_command_line():
    point = ["--sigma_1", "1", "--rho", "2", "--width", "16"]
    data = json.loads(invoke("explain", "banerjee2023.gamma", *point, "--json").stdout)
    assert [x["parameter"] for x in data["elasticities"]] == ["sigma_1", "rho", "m"]
    assert data["value"] == 1.5
    assert data["path"][0]["parts"][0]["share"] == pytest.approx(2 / 3)
    assert (data["leaf"], data["path"][-1]["kind"]) == ("sigma_1", "leaf")
    text = invoke("explain", "banerjee2023.gamma", *point).stdout
    assert "-0.166667" in text
    assert "> sigma_1 = 1, 66.67 %" in text
    rows = invoke("explain", "banerjee2023.gamma", *point, "--csv").stdout.splitlines()
    assert [r.split(",")[0] for r in rows] == ["parameter", "sigma_1", "rho", "m"]
    assert invoke("explain", "banerjee2023.gamma", *point, "--markdown").stdout.startswith("| parameter |")
    data = json.loads(invoke("explain", "banerjee2023.required_width", "--json").stdout)
    assert (data["binding"], data["value"]) == ("RSC", str(bounds.required_width("banerjee2023").value))
