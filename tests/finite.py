"""The papers' networks at finite width, with gradients by backpropagation; nothing here comes from bounds."""

import math

import numpy as np
from scipy.special import erf, expit


def tanh_slope(z):
    return 1 / np.cosh(z) ** 2


def sigmoid_slope(z):
    return expit(z) * expit(-z)


def silu(z):
    return z * expit(z)


def silu_slope(z):
    return expit(z) + z * expit(z) * expit(-z)


def gelu(z):
    return z * (1 + erf(z / math.sqrt(2))) / 2


def gelu_slope(z):
    return (1 + erf(z / math.sqrt(2))) / 2 + z * np.exp(-z * z / 2) / math.sqrt(2 * math.pi)


def gradient(x, weights, scales, trained, phi, slope):
    """df/dW of the trained layers of z = c W alpha, alpha = phi(z), output z, flattened and joined."""
    alphas, zs = [x], []
    for W, c in zip(weights, scales, strict=True):
        zs.append(c * W @ alphas[-1])
        alphas.append(phi(zs[-1]))
    b, parts = np.ones(1), []
    for k in range(len(weights))[::-1]:
        if trained[k]:
            parts.append(scales[k] * np.outer(b, alphas[k]).ravel())
        if k:
            b = scales[k] * (weights[k].T @ b) * slope(zs[k - 1])
    return np.concatenate(parts), float(zs[-1][0])


def relu(z):
    return np.maximum(z, 0)


def step(z):
    return (z > 0).astype(float)


def draw_banerjee2023(rng, d, m):
    v = rng.standard_normal((1, m))
    weights = [rng.normal(0, 0.9, (m, d)), rng.normal(0, 0.9, (m, m)), v / np.linalg.norm(v)]
    return weights, (d**-0.5, m**-0.5, m**-0.5), (1, 1, 1), np.tanh, tanh_slope, 1.0


def draw_liu2020(rng, d, m):
    weights = [rng.standard_normal((m, d)), rng.standard_normal((m, m)), rng.standard_normal((1, m))]
    return weights, (d**-0.5, m**-0.5, m**-0.5), (1, 1, 1), expit, sigmoid_slope, 1.0


def draw_shallow(rng, d, m):
    weights = [rng.standard_normal((m, d)), rng.choice([-1.0, 1.0], (1, m))]
    return weights, (1, m**-0.5), (1, 0), silu, silu_slope, 1.0


def draw_allenzhu2019(rng, d, m):
    s = math.sqrt(2 / m)
    weights = [rng.normal(0, s, (m, d)), rng.normal(0, s, (m, m)), rng.normal(0, s, (m, m)), rng.normal(0, 0.5, (1, m))]
    return weights, (1, 1, 1, 1), (0, 1, 1, 0), relu, step, 4 / m  # B has variance 1/d = 1/4


def draw_fu2018(rng, d, m):
    return [rng.standard_normal((m, d)), np.full((1, m), 1 / m)], (1, 1), (1, 0), expit, sigmoid_slope, m


def draw_song2021(rng, d, m):
    return [rng.normal(0, 1.5, (m, d)), rng.normal(0, 0.7, (1, m))], (1, 1), (1, 1), gelu, gelu_slope, 1 / m


NETWORKS = {
    "banerjee2023": (draw_banerjee2023, "banerjee2023", {"L": 2, "sigma_1": 1.8}),
    "liu2020": (draw_liu2020, "liu2020", {"L": 3, "activation": "sigmoid"}),
    "shallow": (draw_shallow, "liu2020", {"shallow": True, "activation": "silu"}),
    "allenzhu2019": (draw_allenzhu2019, "allenzhu2019", {"L": 2}),
    "fu2018": (draw_fu2018, "fu2018", {}),
    "song2021": (draw_song2021, "song2021", {"activation": "gelu", "omega_1": 1.5, "omega_2": 0.7}),
}
INPUTS = np.array([[1.0, 0.5, -0.3], [0.2, -0.8, 0.9], [0.9, 0.6, -0.1]])


def drawn(draw, m, seeds):
    """Kernels of independent finite networks, (seeds, n, n), and their outputs."""
    kernels, outputs = [], []
    for seed in range(seeds):
        *network, norm = draw(np.random.default_rng(seed), 3, m)
        rows, f = zip(*(gradient(x, *network) for x in INPUTS), strict=True)
        kernels.append(norm * np.array(rows) @ np.array(rows).T)
        outputs.append(math.sqrt(norm) * np.array(f))
    return np.array(kernels), np.array(outputs)
