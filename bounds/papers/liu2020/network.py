"""Section 7: the deep network's norms, lemma by lemma, and its Lipschitz constant."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import sympy

from bounds.model import Quantity
from bounds.papers.liu2020.conditions import HIDDEN, NEAR, NETWORK, SPREAD, ZERO
from bounds.papers.liu2020.letters import symbol
from bounds.papers.liu2020.state import state

L, l, R, m, n, C_x, delta = (symbol(x) for x in ("L", "l", "R", "m", "n", "C_x", "delta"))
L_sigma, beta_sigma, c_0, s_0, sigma_at_0 = (symbol(x) for x in ("L_sigma", "beta_sigma", "c_0", "s_0", "sigma_at_0"))
L_f = symbol("L_f")
i = sympy.Symbol("i", integer=True)
UNSHIFTED = tuple(c for c in NETWORK if c is not ZERO)
OTHERS = {
    "weight_norm": UNSHIFTED,
    "activation_norm_shifted": UNSHIFTED,
    "backward_norm": (*UNSHIFTED, HIDDEN),  # b^(l) holds derivatives of sigma only
}


def q() -> Any:
    """A layer's spectral norm in the ball, over sqrt(m)."""
    return c_0 + R / sympy.sqrt(m)


RUNGS = (
    (
        "weight_norm",
        r"\|W^{(l)}\|_2",
        lambda: c_0 * sympy.sqrt(m) + R,
        "Lemma F.3",
        "c_0 m R",
        "layer anywhere in the ball",
        "largest singular value of each layer",
    ),
    (
        "activation_norm",
        r"\|\alpha^{(l)}\|",
        lambda: L_sigma**l * q() ** l * sympy.sqrt(m) * C_x,
        "Lemma F.4",
        "l L_sigma c_0 R m C_x",
        "output of hidden layer l",
        "norms of the hidden layers' outputs",
    ),
    (
        "backward_norm",
        r"\|b^{(l)}\|",
        lambda: L_sigma ** (L - l - 1) * q() ** (L - l),
        "Lemma F.5",
        "l L L_sigma c_0 R m",
        "gradient of f in the output of layer l",
        "norms of the backward vectors",
    ),
    (
        "response",
        r"\|\Delta_V\tilde\alpha^{(l)}\|",
        lambda: L_sigma ** (l - 1) * q() ** (l - 1) * C_x,
        "Lemma F.7, (77)",
        "l L_sigma c_0 R m C_x",
        "derivative of layer l's input along a unit change of one layer",
        "largest singular values of the Jacobian of a layer's input in one layer's weights",
    ),
    (
        "activation_response",
        r"\|\Delta_V\alpha^{(l)}\|",
        lambda: L_sigma**l * q() ** (l - 1) * C_x,
        "Lemma F.7, (78)",
        "l L_sigma c_0 R m C_x",
        "derivative of layer l's output along a unit change of one layer",
        "largest singular values of the Jacobian of a layer's output in one layer's weights",
    ),
    (
        "layer_gradient",
        r"\|\partial f/\partial W^{(l)}\|_F",
        lambda: L_sigma ** (L - 1) * q() ** (L - 1) * C_x,
        "proof of Lemma 7.1",
        "L L_sigma c_0 R m C_x",
        "gradient of f in one layer",
        "Frobenius norms of the gradient's layers",
    ),
    (
        "activation_norm_shifted",
        r"\|\alpha^{(l)}\|",
        lambda: (
            sympy.sqrt(m) * ((L_sigma * q()) ** l * C_x + sigma_at_0 * sympy.Sum((L_sigma * q()) ** i, (i, 0, l - 1)))
        ),
        "Lemma F.4 (L9)",
        "l L_sigma c_0 R m C_x sigma_at_0",
        "output of hidden layer l, for any sigma(0)",
        "norms of the hidden layers' outputs",
    ),
)


def quantities() -> Iterator[Quantity]:
    """Lemmas F.3 to F.7, 7.1."""
    yield from rungs()
    yield from moves()
    yield from lipschitz()


def rungs() -> Iterator[Quantity]:
    """Lemmas F.3, F.4, F.5, F.7 and eq 91: each measurable on a network."""
    for name, statement, formula, place, letters, text, measured in RUNGS:
        yield state(
            name,
            statement,
            formula,
            place,
            text,
            letters,
            statement=statement,
            status="derived" if "shifted" in name else "printed",
            assumptions=OTHERS.get(name, NETWORK),
            measured_by=measured,
            monotone={} if name == "backward_norm" else {x: 1 for x in letters.split() if x not in ("l", "L", "m")},
        )


def moves() -> Iterator[Quantity]:
    """Lemma F.6's steps: what the entries and the change of b^(l) are in size."""
    root = sympy.sqrt
    letters = "l L R m L_sigma beta_sigma c_0 s_0 C_x"
    rows = (
        (
            "backward_max",
            r"\|b^{(l)}\|_\infty",
            lambda: sympy.Function("C_b")(l, R) / root(m),
            "Lemma F.6, eq 72",
            "largest entry of the gradient of f in the output of layer l",
            "proved",
            letters,
        ),
        (
            "backward_move",
            r"\|b^{(l)}-b^{(l)}_0\|",
            lambda: sympy.Function("C_b_change")(l, R) / root(m),
            "eq 100",
            "change of the gradient of f in the output of layer l",
            "proved",
            letters,
        ),
        (
            "preactivation_change",
            r"\|\tilde\alpha^{(l)}(W)-\tilde\alpha^{(l)}(W_0)\|",
            lambda: L_sigma ** (l - 1) * (c_0 + R / root(m)) ** (l - 1) * C_x * R,
            "eq 103",
            "change of layer l's input in the ball",
            "printed",
            "l L_sigma c_0 R m C_x",
        ),
    )
    for name, statement, formula, place, text, status, names in rows:
        yield state(
            name,
            statement,
            formula,
            place,
            text,
            names,
            statement=statement,
            status=status,
            assumptions=NETWORK if status == "printed" else (*NETWORK, SPREAD, HIDDEN),
            measured_by=text,
            monotone={"R": 1, "C_x": 1},
        )


def lipschitz() -> Iterator[Quantity]:
    """Lemma 7.1; the gradient's Euclidean norm needs only sqrt(L) in place of L (erratum L19)."""
    letters = "L L_sigma c_0 C_x"

    def slope() -> Any:
        return L_sigma ** (L - 1) * (c_0 + 1) ** (L - 1) * C_x

    for name, latex, formula, place, status in (
        ("L_f", "L_f", lambda: L * slope(), "Lemma 7.1", "printed"),
        ("L_f_tight", r"L_f^{\mathrm{tight}}", lambda: sympy.sqrt(L) * slope(), "Lemma 7.1 (L19)", "derived"),
    ):
        yield state(
            name,
            latex,
            formula,
            place,
            "Lipschitz constant of the network in the ball",
            letters,
            statement=r"\|\nabla f\|",
            status=status,
            assumptions=(*NETWORK, NEAR),
            measured_by="norm of the output's gradient",
            monotone={"L_sigma": 1, "c_0": 1, "C_x": 1},
        )
    yield state(
        "L_F",
        "L_F",
        lambda: sympy.sqrt(n) * L_f,
        "Corollary 5.1 for the network of Lemma 7.1 (L3)",
        "Lipschitz constant of F, unless given: sqrt(n) times that of one output",
        "n L_f",
        status="derived",
        glyph="L_F",
        statement=r"\|\nabla F\|_2",
        measured_by="largest singular value of the Jacobian of all outputs",
        monotone={"n": 1, "L_f": 1},
    )
