"""Constants that a data set determines: brute force, explicit Khatri-Rao powers, hand calculation."""

import math
import subprocess
import sys
from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from bounds import registry
from bounds.data import load
from bounds.errors import TheoryError
from bounds.from_data import constants_of, least_singular_power, separation, unit_rows
from bounds.gaussian import hermite_coefficient
from bounds.papers.allenzhu2019 import data as allenzhu2019
from bounds.papers.banerjee2023 import data as banerjee2023
from bounds.papers.fu2018 import data as fu2018
from bounds.papers.liu2020 import data as liu2020
from bounds.papers.song2021 import data as song2021

RNG = np.random.default_rng(5)
X = RNG.standard_normal((9, 4))
Y = RNG.standard_normal(9)
# allenzhu2019's separation and liu2020's lambda_min (L=4, tanh, C_x=1) of 512 digits, seed 0
DIGITS_SEPARATION, DIGITS_LAMBDA_MIN = 0.09972580395, 9.672063e-5


def get(module, name, values=None, X=X, y=Y):
    return module.FROM_DATA[name](X, y, values or {})[0]


def test_separation_is_the_least_distance():
    rows = np.random.default_rng(0).standard_normal((700, 6))
    rows[513] = rows[40] + 1e-9 * rows[3]  # squared, far below the rounding of |a|^2 + |b|^2 - 2ab
    distance, i, j = separation(rows, "")
    assert (i, j) == (40, 513)
    assert distance == pytest.approx(np.linalg.norm(rows[40] - rows[513]), rel=1e-15)
    few = rows[:60]
    by_hand = min(np.linalg.norm(few[i] - few[j]) for i, j in product(range(60), repeat=2) if i < j)
    assert separation(few, "")[0] == pytest.approx(by_hand, rel=1e-15)
    assert separation(rows[:1], "")[0] == math.inf


def test_pairs_closer_than_rounding_are_told_apart():
    rows = np.random.default_rng(0).standard_normal((80, 6))
    for k in range(40):  # squared distances of 1e-18 and more, beside sums of size 10
        rows[40 + k] = rows[k] + 1e-9 * (1 + (7 * k + 3) % 40) * np.eye(6)[0]
    distance, i, j = separation(rows, "")
    assert (i, j) == (11, 51)  # (7 * 11 + 3) % 40 = 0
    assert distance == pytest.approx(1e-9, rel=1e-5)


@pytest.mark.parametrize("module", [allenzhu2019, banerjee2023, fu2018, liu2020, song2021])
def test_every_constant_is_a_parameter_of_its_paper(module):
    key = module.__name__.split(".")[-2]
    assert set(module.FROM_DATA) <= set(registry.paper(key).parameters)


def test_repeated_samples_are_named():
    twice = X.copy()
    twice[7] = twice[2]
    with pytest.raises(TheoryError, match=r"^samples 2 and 7, as drawn, are the same input: .*distinct directions"):
        get(allenzhu2019, "delta", X=twice)
    with pytest.raises(TheoryError, match="samples 2 and 7"):
        get(liu2020, "lambda_min", {"L": 2, "activation": "tanh"}, X=twice)
    with pytest.raises(TheoryError, match="samples 2 and 7"):
        get(song2021, "sigma_min_Xt", {"t": 2}, X=twice)
    twice[7] *= 3  # the same direction: only where rows are normalised
    with pytest.raises(TheoryError, match="samples 2 and 7"):
        get(allenzhu2019, "delta", X=twice)
    assert get(liu2020, "lambda_min", {"L": 2, "activation": "tanh"}, X=twice) > 0


def test_allenzhu2019_normalisation_by_hand():
    rows = allenzhu2019.rows(np.array([[3.0, 0.0], [0.0, 0.1]]))
    r = 1 / math.sqrt(2)
    np.testing.assert_allclose(rows, [[r, 0, r], [0, r, r]], rtol=1e-15)
    # orthogonal inputs: (1/sqrt 2) times their distance sqrt 2
    assert get(allenzhu2019, "delta", X=np.array([[3.0, 0.0], [0.0, 0.1]])) == pytest.approx(1)
    with pytest.raises(TheoryError, match="row 1 of the data is zero"):
        get(allenzhu2019, "delta", X=np.array([[1.0, 0.0], [0.0, 0.0]]))


def test_sizes():
    many = np.eye(9)[:, :3]
    assert [get(m, "n") for m in (liu2020, fu2018, allenzhu2019, song2021)] == [9, 9, 9, 9]
    assert [get(banerjee2023, "d"), get(liu2020, "d"), get(fu2018, "d"), get(song2021, "d_0")] == [4, 4, 4, 4]
    assert [get(m, k, y=many) for m, k in ((banerjee2023, "k"), (allenzhu2019, "d"), (song2021, "d_2"))] == [3, 3, 3]
    assert get(liu2020, "n", y=many) == 27  # one equation per output
    assert get(banerjee2023, "k") == 1
    assert get(banerjee2023, "mean_y_sq", y=np.array([1.0, -2, 3] * 3)) == pytest.approx(14 / 3)
    assert get(banerjee2023, "mean_y_sq", y=many) == pytest.approx(1 / 9)


@pytest.mark.parametrize("t", [1, 2, 3])
def test_khatri_rao_powers_are_those_formed_explicitly(t):
    rows = unit_rows(np.random.default_rng(t).standard_normal((3 if t == 1 else 7, 4)))
    power = rows
    for _ in range(t - 1):
        power = np.einsum("ij,ik->ijk", power, rows).reshape(len(rows), -1)
    expected = np.linalg.svd(power, compute_uv=False)[-1]
    assert least_singular_power(rows, t)[0] == pytest.approx(expected, rel=1e-10)
    assert get(song2021, "sigma_min_Xt", {"t": t}, X=5 * rows) == pytest.approx(expected, rel=1e-10)


def test_powers_without_full_rank():
    rows = unit_rows(np.random.default_rng(0).standard_normal((11, 4)))
    value, origin = least_singular_power(rows, 2)  # symmetric matrices of order 4: dimension 10
    assert value == 0
    assert origin == "11 samples exceed the rank, at most 10"
    assert least_singular_power(rows[:10], 2)[0] > 0
    with pytest.raises(TheoryError, match="within rounding"):
        least_singular_power(np.array([[1.0, 0], [-1, 0]]), 2)
    for t in (0, 1.5):
        with pytest.raises(TheoryError, match="must be an integer"):
            least_singular_power(rows, t)


def test_sigma_max_of_song2021():
    assert get(song2021, "sigma_max_X") == pytest.approx(np.sqrt(np.linalg.eigvalsh(unit_rows(X) @ unit_rows(X).T)[-1]))


def test_gram_extremes_match_the_hermite_series_of_song2021():
    unit = unit_rows(X)
    squares = {i: hermite_coefficient("tanh", i) ** 2 / math.factorial(i) for i in range(1, 22, 2)}
    series = 50 * sum(c * (unit @ unit.T) ** i for i, c in squares.items())  # eq 56 at omega_1 = 1
    # what is left out is positive semidefinite, with E tanh^2 minus the sum on its diagonal
    least, greatest = np.linalg.eigvalsh(series)[[0, -1]]
    rest = 50 * len(X) * (0.394294490397841174 - sum(squares.values()))
    values = {"activation": "tanh", "omega_1": 1, "d_1": 50}
    assert rest < 1e-2 * least
    assert greatest < get(song2021, "gram_max", values) < greatest + rest
    assert least < get(song2021, "gram_min", values) < least + rest
    assert song2021.FROM_DATA["gram_min"](X, Y, {"activation": "tanh", "omega_1": 1}) is None


def test_liu2020_scales_to_the_bound_given():
    assert get(liu2020, "C_x") == 1
    values = {"L": 3, "activation": "tanh"}
    raw = get(liu2020, "lambda_min", {**values, "C_x": np.abs(X).max()})
    scaled = get(liu2020, "lambda_min", values)
    assert scaled == pytest.approx(get(liu2020, "lambda_min", {**values, "C_x": 1}, X=7 * X), rel=1e-12)
    assert abs(scaled / raw - 1) > 0.1
    # the identity: K = L X X^T/d, of inputs whose largest entry is 1
    few = X[:3] / np.abs(X[:3]).max()
    exact = 2 * np.linalg.eigvalsh(few @ few.T / 4)[0]
    assert get(liu2020, "lambda_min", {"L": 2, "activation": "identity"}, X=few, y=Y[:3]) == pytest.approx(exact)
    with pytest.raises(TheoryError, match=r"L=\[2, 3\].*one number"):
        get(liu2020, "lambda_min", {"L": [2, 3], "activation": "tanh"})


def test_residual_of_liu2020_is_that_of_random_networks():
    rng, m = np.random.default_rng(1), 300
    squares = []
    for _ in range(400):
        hidden = np.tanh(X / np.abs(X).max() @ rng.standard_normal((4, m)) / 2)  # the largest entry is 1
        squares.append(np.sum((hidden @ rng.standard_normal(m) / math.sqrt(m) - Y) ** 2))
    found = get(liu2020, "residual_0", {"L": 2, "activation": "tanh"}) ** 2
    assert abs(np.mean(squares) - found) < 5 * np.std(squares) / 20
    assert get(liu2020, "residual_0") == pytest.approx(np.linalg.norm(Y))


def test_mean_gradient_of_banerjee2023_by_hand():
    # the identity: K = (sigma_1/2)^(2L) X X^T/d at ||x|| = sqrt(d); mean over all pairs = squared norm of the mean row
    values = {"L": 2, "sigma_1": 1.5, "activation": "identity"}
    mean = unit_rows(X).mean(axis=0)
    assert get(banerjee2023, "gbar_norm_sq", values) == pytest.approx(0.75**4 * mean @ mean, rel=1e-12)
    assert banerjee2023.FROM_DATA["gbar_norm_sq"](X, Y, {"L": 2}) is None


def test_constants_of_takes_defaults_and_leaves_what_is_given():
    paper = replace(registry.paper("banerjee2023"), from_data=banerjee2023.FROM_DATA)
    found = constants_of(paper, X, Y, {"d": 9})
    assert set(found) == {"k", "mean_y_sq", "gbar_norm_sq"}
    explicit = {"L": 3, "sigma_1": 1, "activation": "tanh"}  # the paper's defaults
    assert found["gbar_norm_sq"][0] == get(banerjee2023, "gbar_norm_sq", explicit)
    assert set(constants_of(paper, X, Y, {"d": 9}, only={"k", "d"})) == {"k"}
    assert constants_of(replace(paper, from_data={}), X, Y) == {}
    assert constants_of(paper, X, Y, {"L": 1})["gbar_norm_sq"] != found["gbar_norm_sq"]


@pytest.mark.parametrize(
    ("inputs", "targets", "message"),
    [
        (X, Y[:3], "X has 9 rows and y has 3"),
        (X, [math.nan] * 9, "must be .n,. or"),
        (X, ["a"] * 9, "real numbers"),
        (X[0], Y, "must be an"),
    ],
)
def test_data_that_cannot_be_used(inputs, targets, message):
    with pytest.raises(TheoryError, match=message):
        constants_of("banerjee2023", inputs, targets)


def test_defaults_from_the_digits():
    pixels = load("digits", samples=512, seed=0).X
    assert pixels.shape == (512, 64)
    assert pixels.max() == 16
    assert get(allenzhu2019, "delta", X=pixels) == pytest.approx(DIGITS_SEPARATION, rel=1e-9)
    values = {"L": 4, "activation": "tanh", "C_x": 1}
    assert get(liu2020, "lambda_min", values, X=pixels, y=np.ones(512)) == pytest.approx(DIGITS_LAMBDA_MIN, rel=2e-6)


def test_the_number_of_samples_may_be_left_open(tmp_path):
    np.savez(tmp_path / "few.npz", X=X, y=Y)
    assert len(load(tmp_path / "few.npz", samples=None).X) == 9
    assert len(load("digits", samples=None).X) == len(load("sphere", samples=None, d=3).X) == 512
    with pytest.raises(TheoryError, match="samples=512 exceeds the 9"):
        load(tmp_path / "few.npz")


def test_arrays_are_the_tensors_of_empirics():
    import empirics

    for options in ({"targets": "parity"}, {"normalise": "sqrt_d", "outputs": 10}, {"normalise": "none", "seed": 2}):
        ours = load("digits", samples=40, **options)
        theirs = empirics.load("digits", samples=40, **{"normalise": "none", **options})
        np.testing.assert_array_equal(ours.X, theirs.X.numpy())
        np.testing.assert_array_equal(ours.y, theirs.y.numpy())
        assert (ours.name, ours.source, ours.classes) == (theirs.name, theirs.source, theirs.classes)


def test_no_torch():
    code = (
        "import sys, bounds.data, bounds.from_data as f; a = bounds.data.load('sphere', samples=5, d=3);"
        "f.constants_of('banerjee2023', a.X, a.y); assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
