"""Activations: exact constants against certified search and against 50-digit maximisation; hostile text."""

import mpmath as mp
import pytest
import sympy
from hypothesis import given, settings
from hypothesis import strategies as st

from bounds.activations import Z, breaks_lipschitz, get, names
from bounds.arb_eval import exact_ball
from bounds.canonical import canonical
from bounds.errors import NotApplicable, TheoryError
from bounds.search import UnboundedError
from bounds.suprema import certified_supremum

SMOOTH = [name for name in names() if name != "relu"]

# phi, transcribed for mpmath from the definitions; not from the package.
DEFINITIONS = {
    "tanh": mp.tanh,
    "sigmoid": lambda z: 1 / (1 + mp.exp(-z)),
    "softplus": lambda z: mp.log(1 + mp.exp(z)),
    "gelu": lambda z: z * mp.ncdf(z),
    "silu": lambda z: z / (1 + mp.exp(-z)),
    "erf": mp.erf,
    "sin": mp.sin,
    "identity": lambda z: z,
    "tanh01": lambda z: (1 + mp.tanh(z)) / 2,
}


def maximise(phi, k):
    """The greatest |phi^(k)| on [-8, 40], by a grid and a golden-section search at 50 digits."""
    with mp.workdps(60):

        def size(z):
            return abs(mp.taylor(phi, z, k)[k]) * mp.factorial(k)

        grid = [mp.mpf(i) / 4 for i in range(-32, 33)] + [mp.mpf(40)]
        best = max(grid, key=size)
        low, high = best - mp.mpf(1) / 4, best + mp.mpf(1) / 4
        golden = (mp.sqrt(5) - 1) / 2
        for _ in range(60):
            left, right = high - golden * (high - low), low + golden * (high - low)
            low, high = (low, right) if size(left) > size(right) else (left, high)
        return max(size(low), size(best))


@pytest.mark.parametrize("k", [1, 2, 3])
@pytest.mark.parametrize("name", SMOOTH)
def test_suprema_agree_with_a_numerical_maximisation(name, k):
    expected = maximise(DEFINITIONS[name], k)
    ball = get(name).sup(k).enclosure.ball
    assert abs(float(ball.mid()) - float(expected)) <= 1e-14 * max(float(expected), 1e-3)


@pytest.mark.parametrize("k", [1, 2, 3])
@pytest.mark.parametrize("name", SMOOTH)
def test_certified_search_contains_the_exact_number(name, k):
    supremum = get(name).sup(k)
    ball = certified_supremum(sympy.diff(canonical(get(name).expression), Z, k))
    if supremum.exact is not None:
        assert ball.overlaps(exact_ball(supremum.exact))
    assert supremum.enclosure.relative_width < 1e-25
    assert float(ball.rad()) <= 1e-25 * abs(float(ball.mid()))


def test_exact_suprema_by_hand():
    root = sympy.sqrt
    by_hand = {
        "tanh": (1, 4 * root(3) / 9, 2),
        "sigmoid": (sympy.Rational(1, 4), root(3) / 18, sympy.Rational(1, 8)),
        "softplus": (1, sympy.Rational(1, 4), root(3) / 18),
        "sin": (1, 1, 1),
        "identity": (1, 0, 0),
        "tanh01": (sympy.Rational(1, 2), 2 * root(3) / 9, 1),
        "silu": (None, sympy.Rational(1, 2), None),
    }
    for name, values in by_hand.items():
        assert tuple(get(name).sup(k).exact for k in (1, 2, 3)) == values


def test_gelu_and_fu2018_reference_values():
    assert float(get("gelu").sup(1)) == pytest.approx(1.12890414518515, rel=1e-14)
    assert float(get("gelu").sup(2)) == pytest.approx(0.797884560802865, rel=1e-14)
    largest = {"sigmoid": 0.25, "tanh": 2, "tanh01": 1}  # L_phi
    for name, value in largest.items():
        assert max(float(get(name).sup(k)) for k in (1, 2, 3)) == value


def test_phi0_is_exact():
    assert get("sigmoid").phi0 == sympy.Rational(1, 2)
    assert get("softplus").phi0 == sympy.log(2)
    assert [get(n).phi0 for n in ("tanh", "gelu", "silu", "erf", "sin", "identity", "relu")] == [0] * 7
    assert get("0.1+tanh(z)").phi0 == sympy.Rational(1, 10)


def test_parity():
    odd = {name for name in names() if get(name).parity == "odd"}
    assert odd == {"tanh", "erf", "sin", "identity"}
    assert get("z**2*exp(-z**2)").parity == "even"
    assert get("2*sigmoid(3*z)-1").parity == "odd"
    assert get("z+z**2").parity is None


def test_names_and_aliases_ignore_case():
    assert get("Swish") is get("silu")
    assert get(" LINEAR ") is get("identity")
    assert get(get("tanh")) is get("tanh")
    assert get("log(1+exp(t))") is get("softplus")
    assert get(sympy.tanh(sympy.Symbol("u"))) is get("tanh")
    assert get("z") is get("identity")


def test_relu_has_a_slope_and_no_curvature():
    relu = get("relu")
    assert relu.sup(1).exact == 1
    assert not relu.smooth
    for k in (2, 3):
        with pytest.raises(NotApplicable, match="kink"):
            relu.sup(k)


@pytest.mark.parametrize(
    ("text", "base", "a", "b"),
    [
        ("10+tanh(z/100)*100", "tanh", 100, "1/100"),
        ("gelu(z)/1.2", "gelu", "5/6", 1),
        ("x*sigmoid(1.702*x)", "silu", "500/851", "851/500"),
        ("3-2*softplus(1-4*t)", "softplus", 2, 4),
        ("x/2*(1+erf(x/sqrt(2)))", "gelu", 1, 1),
        ("cos(2*z+1)", "sin", 1, 2),
        ("1-2/(1+exp(2*z))", "tanh", 1, 1),
        ("erf(3*z)/3", "erf", "1/3", 3),
        ("5*z-1", "identity", 5, 1),
    ],
)
def test_affine_images_follow_the_chain_rule(text, base, a, b):
    a, b = sympy.Rational(a), sympy.Rational(b)
    for k in (1, 2, 3):
        expected, got = get(base).sup(k), get(text).sup(k)
        if expected.exact is not None:
            assert sympy.simplify(got.exact - a * b**k * expected.exact) == 0
        else:
            assert got.enclosure.ball.overlaps(exact_ball(a * b**k) * expected.enclosure.ball)


@pytest.mark.parametrize(
    ("text", "k", "exact"),
    [
        ("z*exp(-z**2/2)", 1, "1"),  # (1 - z^2) e^(-z^2/2), at 0
        ("exp(-z**2)", 1, "sqrt(2)*exp(-1/2)"),
        ("atan(z)", 2, "3*sqrt(3)/8"),
        ("sqrt(1+z**2)", 1, "1"),  # approached at infinity, at an algebraic rate
        ("z*atan(z)", 1, "pi/2"),  # the same, with an irrational limit
        ("z+sin(z)**2", 1, "2"),  # periodic: no tails
        ("tanh(z)**3", 1, "3/4"),
        ("z/sqrt(1+z**2)", 3, "3"),
        ("tanh(1000*z)+z*0", 1, "1000"),
        ("log(1+z**2)", 1, "1"),
    ],
)
def test_searched_suprema_known_by_hand(text, k, exact):
    ball = get(text).sup(k).enclosure
    assert ball.ball.overlaps(exact_ball(sympy.sympify(exact)))
    assert ball.relative_width < 1e-25


def test_mish_against_mpmath():
    mish = get("x*tanh(softplus(x))")
    for k in (1, 2):
        expected = maximise(lambda z: z * mp.tanh(mp.log(1 + mp.exp(z))), k)
        assert float(mish.sup(k)) == pytest.approx(float(expected), rel=1e-14)


def test_unbounded_and_uncertified_suprema_say_so():
    square = get("z**2")
    assert square.sup(1).is_infinite
    assert square.sup(2).exact is None
    assert float(square.sup(2)) == 2
    with pytest.raises(UnboundedError, match="infinite"):
        float(square.sup(1))
    for text in ("1/(z-5)", "exp(z)", "sin(z**2)", "log(5+z)"):
        with pytest.raises(TheoryError, match="not certified") as caught:
            get(text).sup(1).enclosure
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "text", ["tanh(" * 35 + "z" + ")" * 35, "silu(silu(silu(silu(silu(z)))))", "(1+z+tanh(z)+sin(z)+erf(z))**32"]
)
def test_huge_expressions_are_refused_not_attempted(text):
    assert get(text).parity in ("odd", None)
    with pytest.raises(TheoryError) as caught:
        get(text).sup(1).enclosure
    assert "\n" not in str(caught.value)


def test_equal_writings_have_equal_suprema():
    pairs = [
        ("exp(-z**2)*exp(z)", "exp(z-z**2)"),
        ("exp(z)/(1+exp(z))**2", "sigmoid(z)*sigmoid(-z)"),
        ("1/cosh(z)", "sech(z)"),
    ]
    for left, right in pairs:
        assert get(left).sup(1).enclosure.ball.overlaps(get(right).sup(1).enclosure.ball)
    assert float(get("1/cosh(z)").sup(1)) == 0.5  # sech tanh, where tanh^2 = 1/2


def test_lipschitz():
    assert {name for name in names() if breaks_lipschitz(name)} == {"gelu", "silu", "erf"}
    assert not breaks_lipschitz("gelu(z)/1.2")
    assert breaks_lipschitz("z**2")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   ",
        "__import__('os')",
        "__import__('os').system('true')",
        "z.__class__",
        "f(z)",
        "x+y",
        "tanh+z",
        "3",
        "z-z",
        "z**z",
        "2**z",
        "z[0]",
        "[z]",
        "lambda z: z",
        "(z:=1)",
        "z if z else 1",
        "z and z",
        "z<1",
        "z@z",
        "z//2",
        "~z",
        "1j*z",
        "True*z",
        "'a'*z",
        "tanh(z, z)",
        "tanh(x=z)",
        "tanh()",
        "tanh*z",
        "(tanh)(z)(z)",
        "abs(z)",
        "Abs(z)",
        "Max(z,0)",
        "sqrt(z**2)",
        "log(z)",
        "1/z",
        "z/0",
        "z/(1-1)",
        "0**(-1)*z",
        "z*1e999",
        "z*1e99999999999999999999",
        "9**9**9*z",
        "((9**32)**32)**32*z",
        "z*exp(exp(exp(exp(9))))",
        "log(z-100)",
        "(" * 100 + "z" + ")" * 100 + "+",
        "-" * 400 + "z",
        "tanh(" * 60 + "z" + ")" * 60,
        "z" * 600,
        "z\x00",
        "z;z",
        "import os",
        "{z}",
        "f'{z}'",
        "sqrt(z**2)**3",
        "*z",
    ],
)
def test_hostile_or_senseless_text_gives_one_line(text):
    with pytest.raises(TheoryError) as caught:
        get(text)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400


def test_unknown_names_suggest_the_nearest():
    with pytest.raises(TheoryError, match="did you mean tanh"):
        get("tahn")
    with pytest.raises(TheoryError, match="did you mean sigmoid"):
        get("sigmiod(z)")
    with pytest.raises(TheoryError, match="list"):
        get(["tanh"])
    with pytest.raises(TheoryError):
        get(sympy.Symbol("x") * sympy.Symbol("y"))
    with pytest.raises(TheoryError, match="not smooth"):
        get(sympy.Abs(sympy.Symbol("x")))


def test_decimals_are_exact():
    assert get("0.1*z").expression == Z / 10
    assert get("1e-6*z").expression == Z / 10**6
    assert get("1_000.5*z").expression == Z * sympy.Rational(2001, 2)


@settings(max_examples=25, deadline=None)
@given(
    a=st.fractions(-5, 5, max_denominator=20).filter(bool),
    b=st.fractions(-5, 5, max_denominator=20).filter(bool),
    c=st.fractions(-5, 5, max_denominator=20),
    k=st.sampled_from([1, 2]),
)
def test_rescaled_tanh_has_rescaled_suprema(a, b, c, k):
    supremum = get(f"({a})*tanh(({b})*z+({c}))-({c})").sup(k)
    scale = abs(sympy.Rational(str(a)) * sympy.Rational(str(b)) ** k)
    assert sympy.simplify(supremum.exact - scale * get("tanh").sup(k).exact) == 0


@settings(max_examples=12, deadline=None)
@given(b=st.integers(1, 40), c=st.fractions(-3, 3, max_denominator=7))
def test_search_bounds_every_sampled_value(b, c):
    ball = certified_supremum(sympy.diff(sympy.tanh(b * Z + sympy.Rational(str(c))) * sympy.exp(-(Z**2)), Z))
    slope = sympy.lambdify(Z, sympy.diff(sympy.tanh(b * Z + sympy.Rational(str(c))) * sympy.exp(-(Z**2)), Z), "mpmath")
    steepest = [mp.mpf(-c.numerator) / (c.denominator * b)]  # tanh is steepest here, in less than a grid step
    sampled = max(abs(slope(z)) for z in [*(mp.mpf(i) / 50 for i in range(-150, 151)), *steepest])
    assert float(ball.upper()) >= float(sampled)
    assert float(ball.mid()) <= 1.05 * float(sampled) + b * 0.05


@settings(max_examples=60, deadline=None)
@given(text=st.text(max_size=40) | st.text(alphabet="z()+-*/.0123456789etanhxp ", max_size=30))
def test_any_text_is_an_activation_or_a_theory_error(text):
    message = ""
    try:
        assert get(text).phi0.is_finite
    except TheoryError as error:
        message = str(error)
    assert "\n" not in message
