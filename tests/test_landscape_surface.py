"""allenzhu2019's landscapes: F and its derivatives against autograd, directions and surfaces against quadratics."""

from __future__ import annotations

import csv
import itertools
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy

import empirics
from empirics.experiments.allenzhu2019.landscape import FIGURES, images, models, surface, words
from empirics.experiments.allenzhu2019.landscape.directions import NUMBERS, find_directions, oja
from empirics.experiments.allenzhu2019.landscape.objective import Objective, differenced

DIGITS = empirics.load("digits", samples=16, **FIGURES["fig1"].LOAD)
IMAGES = images.prepare(DIGITS)


def trained_like(kind, depth, width):
    """A network whose running averages are not those of its batches."""
    net = models.build(kind, depth, width, 10, "projection", 0)
    net.train()(IMAGES.X)
    return net


@pytest.mark.parametrize("mode", ["batch", "running"])
def test_values_gradients_and_products_are_autograds(mode):
    net = trained_like("ResNet", 8, 0.125)
    state = {k: v.clone() for k, v in net.state_dict().items()}
    F = Objective(net, IMAGES.X[:10], IMAGES.y[:10], group=4, batch_norm=mode, dtype=torch.float64)
    assert F.groups == 3
    plain = models.build("ResNet", 8, 0.125, 10, "projection", 0).double()
    plain.load_state_dict(state)
    plain.train(mode == "batch")
    x, y = IMAGES.X[:10].double(), IMAGES.y[:10]
    groups = [slice(0, 4), slice(4, 7), slice(7, 10)]
    losses = [cross_entropy(plain(x[g]), y[g]) * len(y[g]) for g in groups]
    value, tensors = sum(losses) / 10, list(plain.parameters())
    slope = torch.cat([g.flatten() for g in torch.autograd.grad(value, tensors, create_graph=True)])
    v = torch.randn(len(slope), dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    product = torch.cat([g.flatten() for g in torch.autograd.grad(slope @ v, tensors, retain_graph=True)])
    torch.testing.assert_close(F.value(F.point), value.detach())
    torch.testing.assert_close(F.gradient(F.point), slope.detach())
    torch.testing.assert_close(F.product(F.point, v), product)
    second = torch.cat([g.flatten() for g in torch.autograd.grad(losses[1] / 3, tensors)])
    torch.testing.assert_close(F.gradient(F.point, [1]), second)
    assert all(torch.equal(t, state[k]) for k, t in net.state_dict().items())


class Quadratic:
    """g.w + w^T A w/2, the mean of groups with Hessians A + E_i, in float64."""

    def __init__(self, A, g, noise=0.0, groups=4):
        self.A, self.g, self.groups, self.point = A, g, groups, torch.ones(len(g), dtype=torch.float64)
        E = torch.randn(groups, *A.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(5))
        self.E = noise * ((E - E.mean(0)) + (E - E.mean(0)).mT)

    def matrix(self, groups):
        return self.A if groups is None else self.A + self.E[list(groups)].mean(0)

    def value(self, at):
        self.coarse = torch.backends.cudnn.allow_tf32
        return self.g @ at + at @ self.A @ at / 2

    def gradient(self, at, groups=None):
        return self.g + self.matrix(groups) @ at

    def product(self, at, vector, groups=None):
        return self.matrix(groups) @ vector


def symmetric(eigenvalues, seed=1):
    n = len(eigenvalues)
    noise = torch.randn(n, n, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    Q = torch.linalg.qr(noise).Q
    return Q @ torch.diag(torch.tensor(eigenvalues, dtype=torch.float64)) @ Q.T, Q


A, Q = symmetric([-1.0, -0.2, 0.0, 0.1, 0.5, 1.0, 2.0, 4.0])
SLOPE = torch.arange(8, dtype=torch.float64) / 3


def test_oja_finds_the_most_negative_eigenvector_from_noisy_groups():
    F = Quadratic(A, SLOPE, noise=0.05)
    found = oja(F, 200, torch.tensor(0.1, dtype=torch.float64), torch.Generator().manual_seed(0))
    assert float(found.norm()) == pytest.approx(1)
    assert float((found @ Q[:, 0]).abs()) > 0.99
    few = oja(F, 1, torch.tensor(0.1, dtype=torch.float64), torch.Generator().manual_seed(0))
    assert float((few @ Q[:, 0]).abs()) < 0.9


def test_oja_survives_a_group_far_more_curved_than_the_mean():
    F = Quadratic(A, SLOPE)
    F.E[0], F.E[1] = 40 * torch.outer(Q[:, 7], Q[:, 7]), -40 * torch.outer(Q[:, 7], Q[:, 7])
    F.E[1] *= 0  # groups of curvature 44, 4, 4, 4
    found = oja(F, 4000, torch.tensor(0.1, dtype=torch.float64), torch.Generator().manual_seed(0))
    assert float((found @ Q[:, 0]).abs()) > 0.99


def test_both_directions_and_all_their_numbers_on_a_quadratic():
    F = Quadratic(A, SLOPE)
    d = find_directions(F, oja_steps=300, lanczos_steps=8, smoothing=0.01, seed=0)
    slope = SLOPE + A @ F.point
    torch.testing.assert_close(d.gradient, slope / slope.norm())
    assert d.gradient_norm == pytest.approx(float(slope.norm()))
    assert d.gradient_curvature == pytest.approx(float(slope @ A @ slope / (slope @ slope)))
    assert d.oja_curvature == pytest.approx(-1, abs=1e-3)
    assert d.oja_hessian == pytest.approx(d.oja_curvature)
    assert (d.lanczos_hessian, d.lanczos_curvature, d.largest) == pytest.approx((-1, -1, 4), rel=1e-6)
    assert d.lanczos_residual < 1e-6
    assert d.overlap == pytest.approx(1, abs=1e-3)
    assert d.slant == pytest.approx(float((d.oja @ d.gradient).abs()))
    assert len(NUMBERS) == 10


def test_differences_count_the_kinks_that_the_hessian_does_not():
    class Kinked(Quadratic):
        """|w_0| beside the quadratic: a slope of -1 or 1."""

        def gradient(self, at, groups=None):
            bend = torch.zeros_like(at)
            bend[0] = torch.sign(at[0])
            return super().gradient(at, groups) + bend

    F, v = Kinked(A, SLOPE), torch.eye(8, dtype=torch.float64)[0]
    F.point[0] = 0.1
    bent = differenced(F, v, torch.tensor(0.5)) - A[0]  # from -0.4 to 0.6: the slope jumps by 2 over a length of 1
    assert float(bent[0]) == pytest.approx(2)
    torch.testing.assert_close(differenced(F, v, torch.tensor(0.05)), A[0])  # no kink so near
    torch.testing.assert_close(F.product(F.point, v), A[0])


def test_the_surface_and_its_falls_are_the_quadratics():
    F, setting = Quadratic(A, SLOPE / 10), replace(FIGURES["fig1"].REDUCED, oja_steps=300, lanczos_steps=8, grid=4)
    panel = surface.look(setting, F, "quadratic", 7)
    assert not F.coarse  # convolutions of a GPU that round to 11 bits
    d, W = panel.directions, F.point
    assert panel.here == pytest.approx(float(F.g @ W + W @ A @ W / 2))
    assert panel.F.shape == (7, 9)
    assert panel.at == (2, 4)
    assert panel.F[panel.at] == panel.here
    forms = [w for w in (1, -1) if np.allclose(panel.F, grid_of(F, panel, w), rtol=1e-12)]
    assert len(forms) == 1  # the curved direction, one way or the other
    assert panel.ladders[1].min() <= panel.ladders[2].min()
    expected = [float(F.value(W - s * d.gradient)) for s in panel.distances]
    np.testing.assert_allclose(panel.ladders[0], expected)
    np.testing.assert_allclose(panel.distances, 8**0.5 * 2.0 ** np.arange(-12, 1))
    best = d.gradient_norm / d.gradient_curvature  # of a quadratic along its gradient
    assert best / 2**0.5 <= panel.best_distance <= best * 2**0.5
    assert panel.x[-1] == pytest.approx(2 * panel.best_distance)
    assert panel.x[0] == pytest.approx(-panel.best_distance)
    assert panel.y[-1] == -panel.y[0] == pytest.approx(2 * panel.distances[-1])  # ever deeper: a negative eigenvalue
    lowest = min(expected + [float(v) for v in panel.F[3:, 4]])
    assert panel.gradient_fall == pytest.approx(1 - lowest / panel.here)
    assert panel.whole_fall >= max(panel.gradient_fall, panel.curved_fall)
    assert panel.quadratic_ratio == pytest.approx(-d.oja_curvature * panel.best_distance / (2 * d.gradient_norm))


def grid_of(F, panel, way):
    d = panel.directions
    steps = itertools.product(panel.x.tolist(), panel.y.tolist())
    return np.array([float(F.value(F.point - x * d.gradient + way * y * d.oja)) for x, y in steps]).reshape(7, 9)


def test_where_nothing_falls_the_surface_says_so():
    bowl, _ = symmetric([1.0, 2.0, 3.0, 4.0])
    F = Quadratic(bowl, -bowl @ torch.ones(4, dtype=torch.float64))  # its gradient at W vanishes
    F.value = lambda at: 20 + F.g @ at + at @ bowl @ at / 2
    panel = surface.look(replace(FIGURES["fig1"].REDUCED, oja_steps=3, lanczos_steps=4, grid=2), F, "bowl", 1)
    assert (panel.gradient_fall, panel.curved_fall) == (0, 0)
    assert np.isfinite(panel.F).all()
    assert panel.y[-1] == pytest.approx(0.01 * 2)  # a hundredth of the norm of (1, 1, 1, 1)
    assert panel.quadratic_ratio == 0
    assert "in 0 of 1 panels (1 training run)" in words._claim([panel])
    assert words.AGREES not in words._claim([panel])


TINY = {"epochs": 2, "batch_size": 8, "measured": 8, "grid": 2, "oja_steps": 2, "lanczos_steps": 2, "width": 0.125}


def tiny(name, **changes):
    return replace(FIGURES[name].REDUCED, **TINY | {"panel_epochs": (82, 164)} | changes)


@pytest.fixture(scope="module")
def drawn():
    return FIGURES["fig2"].run(tiny("fig2", panel_epochs=(82,)), DIGITS)


def test_a_figure_holds_what_it_drew(drawn, tmp_path):
    paths = FIGURES["fig2"].save(drawn, tmp_path)
    names = ["surface.csv", "lines.csv", "directions.csv", "png", "svg"]
    assert [p.name for p in paths] == [f"allenzhu2019.fig2.{n}" for n in names]
    assert paths[3].read_bytes()[:4] == b"\x89PNG"
    assert [(p.data, p.epoch) for p in drawn.panels] == [(n, t) for n in ("digits", "pairs of digits") for t in (1,)]
    rows = [list(csv.DictReader(path.read_text().splitlines())) for path in paths[:3]]
    assert [float(r["F"]) for r in rows[0]] == [float(v) for p in drawn.panels for v in p.F.ravel()]
    assert [float(r["F"]) for r in rows[1]] == [float(v) for p in drawn.panels for v in p.ladders.ravel()]
    assert [float(r["oja_curvature"]) for r in rows[2]] == [p.directions.oja_curvature for p in drawn.panels]
    assert [float(r["gradient_fall"]) for r in rows[2]] == [p.gradient_fall for p in drawn.panels]


def test_the_words_count_the_panels(drawn):
    said = drawn.summary().splitlines()
    down = sum(p.down.min() < p.here for p in drawn.panels)
    less = sum(min(p.down.min(), p.here) < min(p.bent.min(), p.here) for p in drawn.panels)
    assert said[0].startswith(f"F falls along minus the gradient in {down} of 2 panels (2 training runs)")
    assert f"in {less} of 2: {words.AGREES if down == less == 2 else words.DIFFERS}" in said[0]
    negative = sum(p.directions.oja_curvature < 0 for p in drawn.panels)
    assert f"along Oja's direction is negative in {negative} of 2 panels" in said[1]
    assert "pairs of digits side by side: 16 training samples, 100 classes" in said[2]
    assert "the paper: ResNet of depth 32, width 1, 50000 images of CIFAR10 and of CIFAR100, 164 epochs" in said[3]


def test_other_second_data(tmp_path):
    np.savez(tmp_path / "other.npz", X=DIGITS.X.numpy()[::-1], y=np.arange(16) % 4)
    found = FIGURES["fig4"].run(tiny("fig4", second=str(tmp_path / "other.npz"), epochs=1, width=1 / 64), DIGITS)
    assert [p.data for p in found.panels] == ["digits", "other"]
    assert "4 classes" in found.data["other"]
    noisy = FIGURES["fig7"].run(tiny("fig7", epochs=1, width=1 / 64), DIGITS)
    assert [p.data for p in noisy.panels] == ["digits", "digits, 20% wrong"]
    single = FIGURES["fig1"].run(tiny("fig1", epochs=1, width=1 / 64), DIGITS)
    assert [p.data for p in single.panels] == ["digits"]


def test_ctrl_c_keeps_the_finished_panels(drawn):
    def stop_at(what):
        def progress(line):
            if what in line:
                raise KeyboardInterrupt

        return progress

    found = FIGURES["fig5"].run(tiny("fig5"), DIGITS, stop_at("surface after epoch 2"))
    assert found.interrupted
    assert [p.epoch for p in found.panels] == [1]
    assert np.array_equal(found.panels[0].F, drawn.panels[0].F)  # the same network, seed and data as Figure 2's
    with pytest.raises(KeyboardInterrupt):
        FIGURES["fig5"].run(tiny("fig5"), DIGITS, stop_at("surface after epoch 1"))


def test_a_training_that_diverges_is_named(tmp_path):
    found = FIGURES["fig1"].run(tiny("fig1", learning_rate=1e30, width=1 / 64), DIGITS)
    assert found.summary() == "no training reached its first panel: digits diverged before epoch 1"
    assert len(FIGURES["fig1"].save(found, tmp_path)) == 3
