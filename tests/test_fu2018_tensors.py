"""Which tensors of the initialisation vanish: proofs by symmetry and by Hermite expansion, certified where neither."""

from __future__ import annotations

import numpy as np
import pytest

from bounds import TheoryError
from bounds.activations import names
from bounds.gaussian import gauss_hermite
from bounds.papers.fu2018.tensors import tensor_indices, vanishes

# by hand: odd (+ constant) has no even tensor, z/2 + even no odd one above 1, an even function no odd one at all;
# He_1 = z, He_2 = z^2 - 1, He_3 = z^3 - 3z, He_4 = z^4 - 6z^2 + 3
EXPECTED = {
    **dict.fromkeys(("sigmoid", "tanh", "tanh01", "erf", "sin", "atan(z)", "3 - 2*sigmoid(4*z)"), "nzn z 331"),
    **dict.fromkeys(("softplus", "gelu", "silu", "relu"), "nnzn 241"),
    **dict.fromkeys(("cos(z)", "1/(1+z**2)", "log(1+z**2)", "silu(z)-z/2"), "znzn 242"),
    "identity": "nzzz --1",
    "z**3": "nznz 331",
    "z**3-3*z": "nznz 331",
    "z**2": "znzz 2-2",
    "z**4+z": "nnzn 241",
    "tanh(z)+z**2": "nnnz 231",
    "sigmoid(3*z-1)": "nnnn 231",
}


@pytest.mark.parametrize("activation", EXPECTED)
def test_tensors_and_indices(activation):
    letters, indices = EXPECTED[activation].replace("nzn z", "nznz").split()
    found = tensor_indices(activation)
    assert "".join({True: "z", False: "n", None: "?"}[t.state] for t in found.tensors) == letters
    assert [found.j_2, found.j_3, found.l_1] == [None if c == "-" else int(c) for c in indices]
    assert all(t.reason for t in found.tensors)
    assert found.assumption_3 is ("n" in letters[2:])


def test_every_built_in_is_decided():
    assert all(t.state is not None for name in names() for t in tensor_indices(name).tensors)


def test_reasons_name_the_proof():
    assert "even part of phi is 1/2" in vanishes("sigmoid", 2).reason
    assert "odd part of phi is z/2" in vanishes("softplus", 3).reason
    assert "-0.0623965" in vanishes("sigmoid", 3).reason


def test_undecided_is_said():
    # the even part of a deep composition is not worked out, and its moments are 0 or too small to tell from it
    hidden = "tanh(tanh(sigmoid(z)-1/2))"
    assert vanishes(hidden, 2).state in (True, None)
    assert vanishes(hidden, 1).state is False
    flat = vanishes("tanh(tanh(sigmoid(z)))", 2)
    assert flat.state is False


def test_only_four_tensors():
    for j in (0, 5, -1):
        with pytest.raises(TheoryError, match=r"M_1, \.\.\., M_4"):
            vanishes("tanh", j)


def test_verdicts_agree_with_sampled_tensors():
    # M_2 = E[y (x x^T - I)] by a product rule for two neurons in the plane: 0 for sigmoid, not for softplus
    nodes, mass = gauss_hermite(40)
    grid = np.stack(np.meshgrid(nodes, nodes, indexing="ij"), axis=-1).reshape(-1, 2)
    weight = np.outer(mass, mass).ravel()
    w = np.array([[0.6, -0.3], [0.8, 1.1]])
    for name, phi, zero in (
        ("sigmoid", lambda z: 1 / (1 + np.exp(-z)), True),
        ("softplus", lambda z: np.logaddexp(0, z), False),
    ):
        y = phi(grid @ w).mean(axis=1)
        second = np.einsum("n,ni,nj->ij", weight * y, grid, grid) - (weight @ y) * np.eye(2)
        assert bool(np.abs(second).max() < 1e-10) is zero
        assert vanishes(name, 2).state is zero
