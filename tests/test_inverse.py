"""What a theorem covers at a given width: cases solved by hand, and answers checked by solving for the width again."""

from __future__ import annotations

import json
import math
from fractions import Fraction

import pytest
import sympy
from click.testing import CliRunner
from derivation import SIMPLE

import bounds
import cli
from bounds.across import Question
from bounds.forms import above, at_least
from bounds.inverse import inputs_of, largest, reach
from bounds.model import COUNT, POSITIVE, REAL, Condition, Default, Domain, Paper, Parameter, Quantity, Source
from bounds.reaches import reaches
from bounds.solve import solve

EASY = {**SIMPLE, "failure": "1/2"}


def banerjee(name, **values):
    return largest(name, "banerjee2023", **values)


@pytest.mark.parametrize(("m", "depth"), [(2593, 2), (8712, 2), (8713, 3), (2 * 266**2, 6), (2 * 266**2 + 1, 7)])
def test_depth_by_hand(m, depth):
    # alpha > 0 is m > 2 (4 L^2 + 10 L)^2: 2592 at L = 2, 8712 at L = 3, 2 266^2 at L = 7
    found = banerjee("L", m=m, **EASY)
    assert (found.direction, found.value, found.binding) == ("largest", depth, "RSC")
    assert (found.interval, found.others, found.fails) == ((None, depth), (), ("RSC",))
    assert f"RSC fails at {depth + 1}" in found.certificate
    assert banerjee("depth", width=m, **EASY).value == depth


def test_nothing_covered_says_why():
    found = banerjee("L", m=2592, **EASY)
    assert (found.direction, found.value, found.applicable, found.binding) == ("none", None, False, "RSC")
    assert "RSC fails at every L from 2" in found.reasons[0]


def test_integer_letter_with_one_condition():
    found = banerjee("d", m=123456789, L=2, **{k: v for k, v in EASY.items() if k != "d"})
    assert (found.value, found.binding, found.direction) == (123456789, "m >= d", "largest")


def test_real_letters_by_hand():
    simple = {**EASY, "L": 2}
    # failure >= 2 (L + 1)/m, with equality
    given = {k: v for k, v in simple.items() if k != "failure"}
    found = banerjee("failure", m=10**6, **given)
    assert (found.direction, found.binding) == ("least", "probability")
    assert Fraction(6, 10**6) in found.value
    # at m = 144^2: 2 > 2 36 sqrt(2 (1 + y))/144, y < 7
    given = {k: v for k, v in simple.items() if k != "mean_y_sq"}
    found = banerjee("mean_y_sq", m=144**2, **given)
    assert (found.direction, found.binding, found.interval[0]) == ("largest", "RSC", None)
    assert Fraction(7) in found.value
    # 2 kappa^2 > 2 36 sqrt(2)/sqrt(m): kappa^2 > 36 sqrt(2)/1000
    given = {k: v for k, v in simple.items() if k != "kappa"}
    found = banerjee("kappa", m=10**6, **given)
    assert found.direction == "least"
    assert float(found.value) == pytest.approx(math.sqrt(0.036 * math.sqrt(2)), rel=1e-12)
    for end in (found.value.lo, found.value.hi):
        assert abs(end / float(found.value) - 1) < 1e-12


def test_a_default_that_is_a_formula_gives_way_to_the_letter():
    # ||gbar||^2 = varrho^2 unless asked about: 2 gbar > 2 36 sqrt(2)/sqrt(m)
    given = {k: v for k, v in EASY.items() if k != "gbar_norm_sq"}
    found = banerjee("gbar_norm_sq", m=10**6, L=2, **given)
    assert (found.direction, found.binding) == ("least", "RSC")
    assert float(found.value) == pytest.approx(0.036 * math.sqrt(2), rel=1e-12)
    assert "gbar_norm_sq" not in found.assumed


def test_assumptions_that_fail_at_the_answer():
    found = banerjee("L", m=10**6, activation="gelu")
    assert (found.value, found.applicable) == (None, False)
    assert "Assumption 1" in " ".join(found.reasons)


ANSWERS = [
    (q, p.name)
    for q in bounds.quantities()
    for p in q.paper.parameters.values()
    if q.unknown and q.answers == "width" and p.domain.integer and p.name != q.unknown
    if p.name in inputs_of(q, [p.name])
]


@pytest.mark.parametrize(("q", "letter"), ANSWERS, ids=lambda x: getattr(x, "key", x))
def test_answers_agree_with_the_widths_required(q, letter):
    """At the width required for a value of the letter, that value is the largest covered where widths rise with it."""
    at = q.paper.parameters[letter].default
    k = 3 if letter == "L" else int(at.value) if at is not None and not hasattr(at.value, "free_symbols") else 3
    needed = [solve(q, {letter: k + step}, side=True) for step in (0, 1)]
    if None in (needed[0].value, needed[1].value):
        return
    m = int(needed[0].value)
    found = reach(q, letter, {q.unknown: m})
    if needed[1].value > m:
        assert (found.direction, found.value, found.binding) == ("largest", k, needed[1].binding)
    else:
        assert found.direction in ("all", "largest")
        assert found.value is None or found.value > k


# a synthetic theorem with given conditions in n (an integer), x and y


def theorem(*formulas, **domains):
    m, n, x, y = (sympy.Symbol(s, positive=True) for s in "mnxy")
    letters = {"m": COUNT, "n": COUNT, "x": POSITIVE, "y": REAL} | domains
    roles = {"m": "width", "n": "samples", "x": "radius", "y": "shift"}
    parameters = {
        s: Parameter(s, roles[s], "a letter", d, s, s, Default(1, "here") if s != "m" else None)
        for s, d in letters.items()
    }
    conditions = tuple(Condition(f"C{k}", "a condition", f(m, n, x, y)) for k, f in enumerate(formulas))
    q = Quantity(
        "needs", "m", None, "requires", Source("made", "up"), "printed", "width", tuple("nxy"),
        direction="at_least", conditions=conditions, unknown="m", answers="width",
    )  # fmt: skip
    return Paper("made", "t", "a", "v", 2000, "b", "s", parameters, {"needs": q}, ()).quantities["needs"]


def test_sets_that_are_no_intervals_are_said_to_be():
    # n (n - 100)^2 <= m: at m = 100 covered at n = 1 (9801 > 100: no), ..., only near 100: 99, 100, 101
    q = theorem(lambda m, n, x, y: at_least(m, n * (n - 100) ** 2))
    found = reach(q, "n", {"m": 200})
    assert (found.direction, found.value, found.interval) == ("largest", 101, (99, 101))
    # at m = 10^4: n = 1 needs 9801, n = 2 needs 19208, and again from n = 90 (9000) to n = 110 (11000): 109 needs 8829
    found = reach(q, "n", {"m": 10**4})
    assert (found.value, found.interval, len(found.others)) == (1, (None, 1), 1)
    assert [*found.others[0]] == [90, 109]
    assert "fails at 2" in found.certificate


def test_all_and_none_and_two_conditions_that_exclude_each_other():
    found = reach(theorem(lambda m, n, x, y: at_least(m, 1 / n)), "n", {"m": 5})
    assert (found.direction, found.value, found.applicable) == ("all", None, True)
    q = theorem(lambda m, n, x, y: at_least(m, n), lambda m, n, x, y: at_least(n, 10))
    found = reach(q, "n", {"m": 9})
    assert (found.direction, found.applicable) == ("none", False)
    assert "holds between" in found.reasons[0]
    found = reach(q, "n", {"m": 12})
    assert (found.value, found.interval, found.binding) == (12, (10, 12), "C0")


def test_least_of_an_integer_and_huge_integers():
    found = reach(theorem(lambda m, n, x, y: at_least(m, 10**40 / n)), "n", {"m": 10**15})
    assert (found.direction, found.value) == ("least", 10**25)
    found = reach(theorem(lambda m, n, x, y: at_least(m, n * n)), "n", {"m": 10**80 - 1})
    assert (found.direction, found.value) == ("largest", 10**40 - 1)


def test_real_letters_of_either_sign_open_and_closed():
    found = reach(theorem(lambda m, n, x, y: at_least(m, (y + 3) ** 2)), "y", {"m": 4})  # y in [-5, -1]
    assert found.direction == "largest"
    assert Fraction(-1) in found.value
    assert [float(x) for x in found.interval] == pytest.approx([-5, -1], rel=1e-12)
    found = reach(theorem(lambda m, n, x, y: above(m, 1 / (1 - y)), y=Domain(0, 1)), "y", {"m": 1000})
    assert Fraction(999, 1000) in found.value
    found = reach(theorem(lambda m, n, x, y: at_least(m, x**2)), "x", {"m": 2})
    assert float(found.value) == pytest.approx(math.sqrt(2), rel=1e-12)
    assert found.value.lo < math.sqrt(2) < found.value.hi


def test_mistakes_are_named():
    for name, values, message in (
        ("m", {}, "m is what"),
        ("L", {}, "needs m"),
        ("omega_t", {"m": 9}, "does not depend on omega_t"),
        ("Q", {"m": 9}, "no parameter 'Q'"),
        ("activation", {"m": 9}, "not a number"),
        ("gamma", {"m": 9}, "not a number"),
        ("L", {"m": [1, 2]}, "one value at a time"),
    ):
        with pytest.raises(bounds.TheoryError, match=message):
            banerjee(name, **values)


def test_across_the_papers():
    rows = reaches(Question(values={"width": "1e60"}), "samples")
    assert {"samples"} == {r.quantity.paper.parameters[r.letter].role for r in rows}
    assert all(r.value is not None or r.reasons or r.direction == "all" for r in rows)
    with pytest.raises(bounds.TheoryError, match="leave its value out"):
        reaches(Question(values={"width": "1e60", "samples": 3}), "samples")
    with pytest.raises(bounds.TheoryError, match="leave its value out"):
        reaches(Question(values={"width": "1e60"}, hidden_layers=2), "depth")
    with pytest.raises(bounds.TheoryError, match="means different things"):
        reaches(Question(values={"width": "1e60"}), "d")
    with pytest.raises(bounds.TheoryError, match="parameter 'Q'"):
        reaches(Question(values={"width": "1e60"}), "Q")
    assert reaches(Question(values={"width": "1e6"}), "radius")  # quantities of that name are not asked about
    with pytest.raises(bounds.TheoryError, match="give --width"):
        reaches(Question(only=("banerjee2023",)), "L")
    with pytest.raises(bounds.TheoryError, match="depends on eps"):
        reaches(Question(only=("banerjee2023",), values={"m": 10}), "eps")


def test_command_line():
    asked = ["largest", "depth", "--paper", "banerjee2023", "--m", "1e6"]
    (row,) = json.loads(CliRunner().invoke(cli.app, [*asked, "--json"]).stdout)["rows"]
    assert (row["value"], row["letter"], row["direction"], row["binding"]) == ("4", "L", "largest", "RSC")
    assert (row["interval"], row["applicable"], row["unset"]) == ([None, "4"], True, [])
    text = CliRunner().invoke(cli.app, asked).stdout
    assert "<= 4" in text
    assert "RSC fails at 5" in text
    assert len(CliRunner().invoke(cli.app, [*asked, "--csv"]).stdout.splitlines()) == 2
    assert CliRunner().invoke(cli.app, [*asked, "--markdown"]).stdout.startswith("| theorem |")
    asked[1] = "sigma_1"
    (row,) = json.loads(CliRunner().invoke(cli.app, [*asked, "--json"]).stdout)["rows"]
    assert row["value"]["lo"] < row["value"]["hi"] < row["value"]["lo"] * (1 + 1e-12)
