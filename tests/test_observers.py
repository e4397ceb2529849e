"""What observers follow along training, against the same measures taken one by one."""

import numpy as np
import pytest
import torch

from empirics import (
    HessianNorm,
    KernelChange,
    KernelEigenvalues,
    Sharpness,
    hessian_norms,
    loss_hessian_extremes,
    network,
    ntk_gram,
    train,
    train_many,
)


def points(n, d, seed=0):
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize(("k", "activation"), [(1, "tanh"), (2, "tanh"), (1, "softplus")])
def test_observed_values_are_the_measures(k, activation):
    """Runs of several widths, one of which ends early: what observers remember stays with its run."""
    X, y = points(5, 3), points(5, k, seed=1)
    y[:, :] = 0.1 * y
    shape = {"L": 2, "d": 3, "k": k, "activation": activation, "sigma_1": 2.0}
    nets = [network(m=m, seed=s, **shape) for s, m in enumerate((8, 8, 8, 6))]
    observe = {
        "sharpness": Sharpness(X, y, tol=1e-6),
        "hessian": HessianNorm(X, tol=1e-6),
        "change": KernelChange(X),
        "ends": KernelEigenvalues(X),
    }
    rates = [0.5, 1e6, 0.2, 0.5]  # the second diverges at once
    options = {"learning_rate": rates, "steps": 6, "tolerance": 0, "record_every": 1 if activation == "softplus" else 3}
    runs = train_many(nets, X, y, observe=observe, **options)
    assert runs[1].reason in ("diverged", "nan")
    for net, rate, run in zip(nets, rates, runs, strict=True):
        first = ntk_gram(net, X).value
        for row, t in enumerate(run.steps):
            point = train(net, X, y, learning_rate=rate, steps=int(t), tolerance=0).final
            if run.reason != "steps" and t:  # blown up: no value, and the others' are as they should be
                assert all(np.isnan(run.records[name][row]).all() for name in observe)
                continue
            expected = loss_hessian_extremes(point, X, y, tol=1e-8).value
            assert run.records["sharpness"][row] == pytest.approx(expected, rel=1e-5)
            top = float(torch.as_tensor(hessian_norms(point, X, tol=1e-8).value).max())
            assert run.records["hessian"][row] == pytest.approx(top, rel=1e-5)
            K = torch.as_tensor(ntk_gram(point, X).value)
            moved = float((K - first).norm() / first.norm())
            assert run.records["change"][row] == pytest.approx(moved, rel=1e-8, abs=1e-12)
            ends = torch.linalg.eigvalsh(K.reshape(5 * k, 5 * k))[[0, -1]]
            np.testing.assert_allclose(run.records["ends"][row], ends, rtol=1e-7, atol=1e-12)
    assert runs[0].records["change"][0] == 0 < runs[0].records["change"][-1]
