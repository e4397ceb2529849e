"""The worked examples print what examples/README.md shows, and their numbers are what independent algebra gives."""

from __future__ import annotations

import importlib.util
import itertools
import math
import re
from functools import cache
from pathlib import Path

import mpmath
import naive
import numpy as np
import pytest
import torch
from scipy import integrate, optimize
from scipy.stats import norm

import empirics

FOLDER = Path(__file__).parent.parent / "examples"
NAMES = ("banerjee2023", "liu2020", "fu2018", "allenzhu2019", "song2021")
NUMBER = r"\d+(?:\.\d+)?(?:e[+-]\d+)?"


@cache
def example(name):
    """The script as a module, under a name of its own."""
    spec = importlib.util.spec_from_file_location(f"example_{name}", FOLDER / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module", params=NAMES)
def ran(request):
    """(name, printed text, computed, theoretical) of one example, run once."""
    lines = []
    module = example(request.param)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("builtins.print", lambda *parts, end="\n": lines.append(" ".join(map(str, parts)) + end))
        computed, theoretical = module.main()
    return request.param, "".join(lines), computed, theoretical


def test_every_script_is_listed_and_runs_as_a_program():
    assert {path.stem for path in FOLDER.glob("*.py")} == set(NAMES)
    for name in NAMES:
        assert (FOLDER / f"{name}.py").read_text().endswith('if __name__ == "__main__":\n    main()\n')


def test_values_and_printed_answer(ran):
    name, printed, computed, theoretical = ran
    text = (FOLDER / "README.md").read_text(encoding="utf-8")
    (shown,) = re.findall(rf"```text\n\$ python examples/{name}\.py\n(.*?)```\n", text, re.S)
    assert re.sub(NUMBER, "#", shown).split() == re.sub(NUMBER, "#", printed).split()
    # another processor may round the last digit shown otherwise
    numbers = [[float(number) for number in re.findall(NUMBER, said)] for said in (shown, printed)]
    assert numbers[0] == pytest.approx(numbers[1], rel=0.15)
    (row,) = re.findall(rf"^\| \[{name}\.py\]\({name}\.py\) \| (.*?) \| (.*) \|$", text, re.M)
    assert example(name).__doc__.split("\n")[0] == row[0].replace("‖", "||")
    assert set(re.findall(NUMBER, row[1])) <= set(re.findall(NUMBER, shown))
    CHECKS[name](computed, theoretical)


# banerjee2023

BETA = 4 / (3 * math.sqrt(3))  # sup |tanh''|


def banerjee2023(computed, theoretical):
    """At gamma = 1, phi(0) = 0: h = 1, psi_H = 1 + beta_phi, and the sums over layers are polynomials in L."""
    for L, (printed, proved, elasticity) in theoretical.items():
        chain = 2 * L + (1 + BETA) * (2 * L**2 + 4 * L)
        assert printed == pytest.approx((2 * L + 2 * L * (1 + BETA) * (L**2 + L + 1)) / 16, rel=1e-12)
        assert proved == pytest.approx(chain / 16, rel=1e-12)
        assert elasticity == pytest.approx((2 * L + (1 + BETA) * (4 * L**2 + 4 * L)) / chain, rel=1e-12)
        *factors, product, measured = computed[L]
        assert min(factors) > 1  # each rung is a bound on the next
        assert math.prod(factors) == pytest.approx(product, rel=1e-12)
        assert product * measured == pytest.approx(printed, rel=1e-12)
        assert factors[0] == pytest.approx(printed / proved, rel=1e-12)


def test_rungs_against_the_dense_hessian():
    net, X = empirics.network("banerjee2023", L=2, m=6, d=5, seed=3), empirics.load("sphere", samples=4, d=5).X
    norms = [torch.linalg.eigvalsh(naive.output_hessian(net.weights, x)).abs().max() for x in X]
    *_, own, upper, measured = example("banerjee2023").rungs(net, X)
    assert measured == pytest.approx(float(max(norms)), rel=1e-5)
    assert measured <= upper <= own


def test_lemmas_against_the_recursion():
    net, X = empirics.network("banerjee2023", L=2, m=6, d=5, seed=3), empirics.load("sphere", samples=4, d=5).X
    (W1, W2), v = (w.detach() for w in net.W), net.V.detach()[:, 0]
    first = torch.tanh(X @ W1.T / 5**0.5)
    second = torch.tanh(first @ W2.T / 6**0.5)
    outputs = [h.norm(dim=1).max() for h in (first, second)]
    slopes = [((1 - second**2) * v @ W2 / 6).abs().max(), v.abs().max() / 6**0.5]  # at layer 1: W2^T D v/m
    found = list(example("banerjee2023").lemmas(net, X).values())
    assert found[0] == pytest.approx(float(min(6**0.5 / h for h in outputs)), rel=1e-12)
    assert found[1] == pytest.approx(float(min(6**-0.5 / s for s in slopes)), rel=1e-12)


# liu2020


def liu2020(computed, theoretical):
    """f is linear in the last layer, so that its Hessian is 1/sqrt(m) of an O(1) operator."""
    assert computed["low"] <= theoretical["exponent"] == -0.5 <= computed["high"]
    assert (
        theoretical["order"] > theoretical["required_width"] > theoretical["required_width_tight"] > computed["exact"]
    )
    assert computed["trained"] == 3
    assert computed["exact"] > math.log10(16)  # the width that trains


def hessian_bound(m, L, R, C_x, beta, squared):
    """L C'/sqrt(m), or L^2 C'/sqrt(m): eqs 82, 86 and 102 to 105, with L_sigma = s_0 = 1 and c_0 = 3."""
    c, r = mpmath.mpf(3), R / mpmath.sqrt(m)
    moved = {L - 1: R}
    for l in range(L - 2, 0, -1):
        moved[l] = R * (c + r) ** (L - l - 1) + beta * R * c ** (L - l) * (c + r) ** l * C_x + c * moved[l + 1]
    largest = {l: c ** (L - l) + moved[l] for l in moved}
    total = beta * C_x**2 * sum((c + r) ** (2 * l - 2) * largest[l] for l in moved) + (c + r) ** (L - 2) * C_x
    return L ** (2 if squared else 1) * total / mpmath.sqrt(m)


def test_liu2020_widths_against_its_formulas():
    module, X = example("liu2020"), empirics.load("sphere", samples=5, d=4).X
    at = {"lambda_min": 0.02, "residual_0": 3.0, "L_F": 5.0, "hessian": 0.25}
    found = module.widths(at, 100, X)
    n, mu, C_x, beta, L = 5, mpmath.mpf("0.01"), mpmath.mpf(float(X.abs().max())), 4 / (3 * mpmath.sqrt(3)), 3
    L_F = mpmath.sqrt(n) * L * 4 ** (L - 1) * C_x  # sqrt(n) L (c_0 + 1)^(L-1) C_x
    radii = {"required_width": 2 * L_F * 3 / mu, "required_width_tight": 2 * 3 / mpmath.sqrt(mu)}
    with mpmath.workdps(60):
        for name, R in radii.items():
            layers, most = mpmath.sqrt(L) * R, mu / (2 * L_F * mpmath.sqrt(n) * R)

            def excess(x, layers=layers, most=most, squared=name == "required_width"):
                return mpmath.log(hessian_bound(mpmath.mpf(10) ** x, L, layers, C_x, beta, squared) / most)

            root = mpmath.findroot(excess, (2 * mpmath.log10(layers) + 1, 60), solver="anderson", tol=1e-20)
            assert root > 2 * mpmath.log10(layers)  # m > R^2 does not bind
            assert found[name] == pytest.approx(float(root), abs=1e-9)
    assert found["order"] == pytest.approx(math.log10(5 * 0.01**-20 / 0.01**2), rel=1e-12)  # n mu^-(6L+2)/(lambda-mu)^2
    threshold = 0.01 / (2 * 5.0 * math.sqrt(5) * 2 * 3 / math.sqrt(0.01))
    assert 10 ** found["exact"] == pytest.approx(100 * (0.25 / threshold) ** 2, rel=1e-9)


def test_liu2020_constants_against_the_jacobian():
    net, data = empirics.network("liu2020", L=3, m=5, d=4, seed=1), empirics.load("sphere", samples=3, d=4)
    found = example("liu2020").constants(net, data.X, data.y)

    def model(tensors, X):
        return naive.liu2020_deep(tensors, X, torch.tanh, lambda z: z)

    singular = torch.linalg.svdvals(naive.jacobian(net.weights, data.X, model)[:, 0])
    hessians = [torch.linalg.eigvalsh(naive.output_hessian(net.weights, x, 0, model)).abs().max() for x in data.X]
    assert found["lambda_min"] == pytest.approx(float(singular[-1]) ** 2, rel=1e-9)
    assert found["L_F"] == pytest.approx(float(singular[0]), rel=1e-12)
    assert found["hessian"] == pytest.approx(float(max(hessians)), rel=1e-5)


# fu2018


def fu2018(computed, theoretical):
    """Moments of n samples err by 1/sqrt(n): an interval of the fit holds -1/2 where the moments decide the start."""
    less = computed["with less noise"]
    assert less["low"] <= theoretical["exponent"] == -0.5 <= less["high"] < 0
    assert computed["as printed"]["high"] > -0.5
    assert less["inside"] == 0
    assert less["samples"] > 64_000  # none of the runs is inside, and the law falls
    assert less["convex"] == 1


def sigmoid_slope(z):
    return 1 / (4 * math.cosh(z / 2) ** 2)


def rho(sigma):
    """Definition 1 by adaptive quadrature."""

    def mean(q, power):
        return integrate.quad(
            lambda z: sigmoid_slope(sigma * z) ** power * z**q * norm.pdf(z), -12, 12, epsabs=1e-13, epsrel=1e-12
        )[0]

    a, b = [mean(q, 1) for q in range(3)], {q: mean(q, 2) for q in (0, 2)}
    return min(b[0] - a[0] ** 2 - a[1] ** 2, b[2] - a[1] ** 2 - a[2] ** 2)


def test_fu2018_ball_and_samples_against_definitions():
    W = torch.tensor([[1.5, 0.0, 0.0], [0.0, 0.6, 0.8]], dtype=torch.float64)  # singular values 1.5 and 1
    found, K, d, L_phi, kappa, lam, curve = example("fu2018").theory(W), 2, 3, 0.25, 1.5, 1.5, rho(1.0)
    radius = curve * math.sqrt(2 * math.pi) / (24 * math.sqrt(K) * L_phi**2 * kappa**2 * lam)
    assert found["radius"] == pytest.approx(radius / math.sqrt(1.5**2 + 1), rel=1e-9)
    X = d * K**3 * ((L_phi**2 + L_phi) * kappa**2 * lam / curve) ** 2
    n = optimize.brentq(lambda n: n - X * math.log(n), X, 1e3 * X, rtol=1e-14)
    assert found["samples"] == pytest.approx(n, rel=1e-9)


def test_fu2018_start_against_every_permutation_and_the_dense_hessian():
    module, net = example("fu2018"), example("fu2018").teacher(4, K=2, d=3, condition=1.5)
    error, least = module.start(net, 2000, 5, "with less noise")
    X, y = module.draw(net, 2000, 5, "regression")
    found = module.initialise(X, y, 2, method=module.METHODS["with less noise"], seed=5).W
    truth = net.W[0]
    swapped = min((torch.stack(rows) - truth).norm() / truth.norm() for rows in itertools.permutations(found))
    assert error == pytest.approx(float(swapped), rel=1e-12)
    at = net.with_tensors([found, net.V])  # the loss does not see the order of neurons

    def loss(theta):
        return naive.loss(at, theta, X, y, "half_mean_square", lambda t, x: naive.fu2018(t, x, torch.sigmoid))

    # its sum over samples one by one is slow in autograd: 200 samples would not tell, so that all are taken at once
    def fast(theta):
        return ((torch.sigmoid(X @ theta.view(2, 3).T).mean(1) - y[:, 0]) ** 2).mean() / 2

    theta = found.reshape(-1)
    assert float(loss(theta)) == pytest.approx(float(fast(theta)), rel=1e-12)
    dense = torch.autograd.functional.hessian(fast, theta)
    assert least == pytest.approx(float(torch.linalg.eigvalsh(dense)[0]), rel=1e-4)


# allenzhu2019


def upper_root(factor, power):
    """The larger solution of m = factor log(m)^power, as log10."""
    with mpmath.workdps(40):
        x = mpmath.log(factor)
        for _ in range(400):  # log m = log(factor) + power log(log m) is a contraction at the upper root
            x = mpmath.log(factor) + power * mpmath.log(x)
        return float(x / mpmath.log(10))


def allenzhu2019(computed, theoretical):
    """With u ~ N(0, 1): |g| <= t costs m E[g^2; |g| <= t]; a rotation is one more Gaussian, independent of g."""
    module = example("allenzhu2019")
    for (n, L, delta), width in zip(module.CASES, computed["widths"], strict=True):
        apart = min(mpmath.mpf(1) / int(delta[2:]), mpmath.mpf(1) / L)
        first = upper_root(mpmath.mpf(n) ** 24 * L**12 / apart**8, 5)
        third = upper_root(mpmath.mpf(n) ** 15 * L**12 / apart**5, 8)
        assert width == pytest.approx(max(first, third), abs=1e-9)
        assert (third > first) == (n == 2) == (width * math.log(10) > float(n**3 / apart))
    for omega, worst, random in zip(module.OMEGAS, computed["worst"], computed["random"], strict=True):
        # E[u^2; |u| <= t] = omega^2/2 gives t; for small omega the share is 2 (3/(8 pi))^(1/3) omega^(2/3)
        t = optimize.brentq(lambda t: 2 * (norm.cdf(t) - 0.5 - t * norm.pdf(t)) - omega**2 / 2, 0, 9)  # noqa: B023
        whole = (
            0.5 / module.M
        )  # a count is rounded down; and it varies, by about 1/sqrt(count), from network to network
        assert worst == pytest.approx(2 * norm.cdf(t) - 1 - whole, rel=0.04)
        assert random == pytest.approx(math.atan(omega / math.sqrt(2)) / math.pi, rel=0.06)
    assert computed["exponents"] == pytest.approx([2 / 3, 1], abs=0.03)
    assert theoretical["exponent"] == 2 / 3


def test_worst_is_reached_and_no_set_of_signs_is_cheaper(monkeypatch):
    module = example("allenzhu2019")
    monkeypatch.setattr(module, "OMEGAS", (0.1, 0.3, 1.0))
    h, g = module.layer(2, torch.nn.functional.normalize(torch.arange(1.0, 7.0, dtype=torch.float64).view(2, 3)), m=8)
    subsets = [list(s) for k in range(9) for s in itertools.combinations(range(8), k)]
    for omega, share in zip(module.OMEGAS, module.worst(h, g), strict=True):
        counts = []
        for a, b in zip(g, h, strict=True):
            best = max((s for s in subsets if a[s].norm() < omega * b.norm()), key=len)
            counts.append(len(best))
            push = torch.zeros(8, dtype=torch.float64)
            push[best] = -a[best] * (1 + 1e-9)  # W' = push h^T/||h||^2
            change = torch.outer(push, b) / b.square().sum()
            assert torch.linalg.matrix_norm(change, 2) <= omega
            assert int(((a + change @ b >= 0) != (a >= 0)).sum()) == len(best)
        assert share == pytest.approx(np.mean(counts) / 8, rel=1e-12)


# song2021


def gelu_coefficient(omega):
    """E[phi(omega z)(z^2 - 1)] = omega^2 E[phi''(omega z)], phi''(x) = (2 - x^2) pdf(x), by a Gaussian integral."""
    variance = 1 / (1 + omega**2)
    return omega**2 * math.sqrt(variance / (2 * math.pi)) * (2 - omega**2 * variance)


def test_gelu_coefficient():
    direct = integrate.quad(lambda z: 0.7 * z * norm.cdf(0.7 * z) * (z**2 - 1) * norm.pdf(z), -12, 12)[0]
    assert gelu_coefficient(0.7) == pytest.approx(direct, rel=1e-9)


def song2021(computed, theoretical):
    """The width by closed forms; the gap against the limits in which one layer alone moves."""
    X = empirics.load("digits", samples=32).X.numpy()
    X = X / np.linalg.norm(X, axis=1, keepdims=True)
    powers = np.einsum("ia,ib->iab", X, X).reshape(32, -1)  # X^{*2} itself, one sample a row
    shape = (np.linalg.svd(X, compute_uv=False)[0] / np.linalg.svd(powers, compute_uv=False)[-1]) ** 2
    slope = optimize.minimize_scalar(lambda z: -(norm.cdf(z) + z * norm.pdf(z)), bounds=(0, 3), method="bounded").fun
    factor = 64 * shape * math.log(32)
    chernoff = optimize.brentq(lambda x: x - math.log(factor * x), 2, 60)  # log of d_1 = factor log(d_1)
    for ratio, (log10, binding) in theoretical.items():
        omega_1 = math.sqrt(1 / math.sqrt(64 * 256) / ratio)
        # chi = phi'max/phi''max, so that xi = delta_3 (phi'max + phi''max chi) t!/(c^2 (1 - delta_1)) is as follows
        direct = 2 * 2 * -slope * 2 / (gelu_coefficient(omega_1) ** 2 * 0.5) * shape
        assert 10**log10 == pytest.approx(max(direct, math.exp(chernoff)), rel=1e-5)
        assert (binding == "concentration") == (math.exp(chernoff) > direct)
    assert theoretical[1e3][0] - theoretical[10.0][0] == pytest.approx(4, abs=1e-3)  # omega_1^-4 over a factor of 10
    gaps = {ratio: gap for ratio, (gap, _) in computed.items()}
    assert gaps[1e-3] < gaps[0.1] < gaps[1.0] > gaps[10.0] > gaps[1e3]
    assert all(0 < left < 1 for _, left in computed.values())


def test_song2021_gap_against_two_explicit_descents(monkeypatch):
    module = example("song2021")
    for name, value in (("D_1", 6), ("STEPS", 12), ("LOOKS", tuple(range(13)))):
        monkeypatch.setattr(module, name, value)
    X = torch.nn.functional.normalize(torch.tensor([[1.0, 2, 0], [0, 1, 1], [2, 0, 1]], dtype=torch.float64))
    y = torch.tensor([0.6, 0.0, -0.8], dtype=torch.float64)
    found = module.gap(0.5, 1.5, X, y, seed=4)
    net = empirics.network("song2021", d_0=3, d_1=6, omega_1=0.5, omega_2=1.5, activation="gelu", seed=4).weights

    def model(tensors, X):
        return naive.song2021(tensors, X, torch.nn.functional.gelu)

    theta = start = naive.flat(net)
    J = naive.jacobian(net, X, model)[:, 0]
    rate = 1 / (2 * float(torch.linalg.svdvals(J)[0]) ** 2)
    first, linear, apart = naive.output(net, start, X, model)[:, 0], start, []
    for _ in range(13):
        losses = [
            ((f - y) ** 2).sum() for f in (naive.output(net, theta, X, model)[:, 0], first + J @ (linear - start))
        ]
        apart.append(float((losses[0] - losses[1]).abs()))
        last = losses[0]
        slope = naive.jacobian(net.with_tensors(naive.parts(net, theta)), X, model)[:, 0]
        theta = theta - rate * 2 * slope.T @ (naive.output(net, theta, X, model)[:, 0] - y)
        linear = linear - rate * 2 * J.T @ (first + J @ (linear - start) - y)
    initial = float(((first - y) ** 2).sum())
    assert found == pytest.approx((max(apart) / initial, float(last) / initial), rel=1e-9)


CHECKS = {
    "banerjee2023": banerjee2023,
    "liu2020": liu2020,
    "fu2018": fu2018,
    "allenzhu2019": allenzhu2019,
    "song2021": song2021,
}
