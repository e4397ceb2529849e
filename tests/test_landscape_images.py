"""allenzhu2019's landscapes: networks against hand counts, images against transcriptions, the paper's recipe."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
import torch

import empirics
from bounds.errors import TheoryError
from empirics.experiments.allenzhu2019.landscape import FIGURES, images, models
from empirics.experiments.allenzhu2019.landscape.setting import ResidualHundred, Setting

LOAD = FIGURES["fig1"].LOAD
DIGITS = empirics.load("digits", samples=40, **LOAD)


def count(net):
    return sum(p.numel() for p in net.parameters())


def conv(below, above):
    return 9 * below * above


def test_vgg19_has_the_parameters_counted_by_hand():
    """Per layer 9 c c' + c' of the convolution and 2 c' of the normalisation; 512 x 10 + 10 at the end: 20.04 M."""
    channels = [3, 64, 64, 128, 128, *[256] * 4, *[512] * 8]
    layers = sum(conv(a, b) + 3 * b for a, b in itertools.pairwise(channels))
    assert layers + 5130 == 20_040_522
    assert count(models.vgg_bn(19, 1.0, 10)) == 20_040_522
    sixteen = models.vgg_bn(16, 1 / 64, 7)
    assert sum(isinstance(m, torch.nn.Conv2d) for m in sixteen.modules()) == 13


@pytest.mark.parametrize(("depth", "published"), [(32, 464_154), (110, 1_727_962)])
def test_residual_networks_have_the_parameters_counted_by_hand(depth, published):
    """0.46 M and 1.7 M (He et al., Table 6); [58]'s projections add 16 x 32 + 32 x 64 and two normalisations."""
    n = (depth - 2) // 6
    stages = 2 * n * conv(16, 16) + conv(16, 32) + (2 * n - 1) * conv(32, 32)
    stages += conv(32, 64) + (2 * n - 1) * conv(64, 64)
    norms = 2 * (16 + 2 * n * (16 + 32 + 64))
    assert conv(3, 16) + stages + norms + 650 == published
    assert count(models.resnet(depth, 1.0, 10, "identity")) == published
    assert count(models.resnet(depth, 1.0, 10)) == published + 16 * 32 + 32 * 64 + 2 * (32 + 64)


@pytest.mark.parametrize("shortcuts", models.SHORTCUTS)
def test_a_block_is_its_definition(shortcuts):
    torch.manual_seed(0)
    block = models.Block(2, 5, 2, shortcuts).double()
    x = torch.randn(3, 2, 6, 6, dtype=torch.float64)
    h = torch.relu(block.bn1(torch.nn.functional.conv2d(x, block.conv1.weight, stride=2, padding=1)))
    h = block.bn2(torch.nn.functional.conv2d(h, block.conv2.weight, padding=1))
    if shortcuts == "identity":
        short = torch.zeros(3, 5, 3, 3, dtype=torch.float64)
        for i in range(3):
            for j in range(3):
                short[:, 1:3, i, j] = x[:, :, 2 * i, 2 * j]
    else:
        project, norm = block.join
        short = norm(torch.einsum("oc,bcij->boij", project.weight[:, :, 0, 0], x[:, :, ::2, ::2]))
    torch.testing.assert_close(block(x), torch.relu(h + short))


def test_networks_are_drawn_by_their_seed_and_nothing_else_changes():
    torch.manual_seed(3)
    before = torch.get_rng_state()
    a, b, c = (models.build("ResNet", 8, 0.25, 4, "projection", seed) for seed in (1, 1, 2))
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(p, q) for p, q in zip(a.parameters(), b.parameters(), strict=True))
    assert not torch.equal(next(a.parameters()), next(c.parameters()))
    assert a(torch.zeros(2, 3, 32, 32)).shape == (2, 4)
    assert models.build("VGG", 11, 1 / 64, 3, "", 0)(torch.zeros(2, 3, 32, 32)).shape == (2, 3)
    wide = models.vgg_bn(11, 0.25, 2)[4].weight  # 32 channels out, 16 in: variance 2/(9*32)
    assert float(wide.detach().std()) == pytest.approx((2 / (9 * 32)) ** 0.5, rel=0.05)


@pytest.mark.parametrize(("kind", "depth"), [("VGG", 12), ("ResNet", 9), ("ResNet", 2)])
def test_depths_that_there_are_not(kind, depth):
    with pytest.raises(TheoryError, match=f"depth = {depth}"):
        models.build(kind, depth, 1.0, 10, "identity", 0)


def test_the_recipe_is_the_papers():
    s = FIGURES["fig1"].PAPER
    assert (s.epochs, s.drops, s.panels) == (164, (81, 122), (5, 40, 90, 120, 130, 160))
    assert [s.rate(t) for t in (0, 80, 81, 121, 122)] == pytest.approx([0.1, 0.1, 0.01, 0.01, 0.001])
    assert (s.momentum, s.weight_decay, s.batch_size, s.augment) == (0.9, 5e-4, 128, "crop+flip")
    depths = {name: (f.kind, f.PAPER.depth, f.PAPER.weight_decay) for name, f in FIGURES.items()}
    residual, vgg = ("ResNet", 32, 1e-4), ("VGG", 19, 5e-4)
    assert list(depths) == [f"fig{i}" for i in range(1, 8)]
    assert (depths["fig2"], depths["fig5"], depths["fig1"], depths["fig4"], depths["fig7"]) == (
        *[residual] * 2,
        *[vgg] * 3,
    )
    assert depths["fig3"] == depths["fig6"] == ("ResNet", 110, 1e-4)
    assert [type(FIGURES[f"fig{i}"].PAPER).__name__ for i in (4, 7)] == ["Hundred", "Noisy"]
    assert FIGURES["fig5"].PAPER.noise == 0.2
    assert replace(s, epochs=41, panel_epochs=(160, 5)).panels == (1, 40)
    assert replace(s, epochs=2).panels == (1, 2)


@pytest.mark.parametrize(
    "wrong",
    [
        {"grid": 3},
        {"augment": "mirror"},
        {"batch_norm": "none"},
        {"layout": "rows"},
        {"momentum": 1.0},
        {"panel_epochs": (165,)},
        {"epochs": 0},
        {"shortcuts": "none"},
    ],
    ids=str,
)
def test_bad_settings(wrong):
    with pytest.raises(TheoryError, match=next(iter(wrong))):
        replace(ResidualHundred(), **wrong)


def test_digits_are_enlarged_bilinearly_and_standardised():
    found = images.prepare(DIGITS)
    raw = DIGITS.X.view(-1, 8, 8)
    at = (torch.arange(32) + 0.5) / 4 - 0.5  # centres of the new pixels among the old
    low = at.floor().clamp(0, 7).long()
    share, high = (at - low).clamp(0, 1), (low + 1).clamp(max=7)

    def between(t, dim):
        weight = share.view(-1, *[1] * (t.ndim - 1 - dim))
        return t.index_select(dim, low) * (1 - weight) + t.index_select(dim, high) * weight

    expected = between(between(raw, 1), 2)
    mean, deviation = expected.mean(), torch.stack([image.std() for image in expected]).mean()
    for channel in range(3):
        torch.testing.assert_close(found.X[:, channel].double(), (expected - mean) / deviation, rtol=1e-4, atol=1e-4)
    assert found.black.tolist() == pytest.approx([float(-mean / deviation)] * 3, rel=1e-4)
    assert sorted(set(found.y.tolist())) == list(range(10))
    from sklearn.datasets import load_digits

    known = {row.tobytes(): label for row, label in zip(*load_digits(return_X_y=True), strict=True)}
    assert [known[row.tobytes()] for row in DIGITS.X.numpy()] == found.y.tolist()


@pytest.fixture
def photos(tmp_path):
    """Smooth images in three colours as (n, 32, 32, 3) bytes, and as CIFAR's own rows of planes."""
    rng = np.random.default_rng(0)
    i, j = np.mgrid[:32, :32] / 32
    waves = rng.uniform(1, 4, (12, 1, 1, 3)) * i[..., None] + rng.uniform(1, 4, (12, 1, 1, 3)) * j[..., None]
    pixels = (127 * (1 + np.sin(waves + rng.uniform(0, 6, (12, 1, 1, 3))))).astype(np.uint8)
    y = np.arange(12) % 3
    np.savez(tmp_path / "pixels.npz", X=pixels, y=y)
    np.savez(tmp_path / "planes.npz", X=pixels.transpose(0, 3, 1, 2).reshape(12, -1), y=y)
    return pixels, tmp_path


def test_both_orders_of_colours_are_told_apart(photos):
    pixels, folder = photos
    both = [empirics.load(folder / f"{name}.npz", samples=12, **LOAD) for name in ("pixels", "planes")]
    first, second = (images.prepare(data) for data in both)
    assert torch.equal(first.X, second.X)
    assert torch.equal(first.X, images.prepare(both[0], "pixels").X)
    assert not torch.equal(first.X, images.prepare(both[0], "planes").X)
    order = np.random.default_rng(0).permutation(12)  # of the draw
    x = pixels[order].transpose(0, 3, 1, 2).astype(float)
    expected = (x - x.mean((0, 2, 3), keepdims=True)) / x.std((2, 3), ddof=1).mean(0)[None, :, None, None]
    np.testing.assert_allclose(first.X.numpy(), expected, rtol=1e-4, atol=1e-4)
    assert first.classes == 3


def test_pairs_hold_two_images_and_both_classes():
    found, single = images.pairs(DIGITS, seed=5), images.prepare(DIGITS)
    assert (found.classes, found.X.shape) == (100, (40, 3, 32, 32))
    generator = torch.Generator().manual_seed(5)
    left, right = (torch.randint(40, (40,), generator=generator) for _ in range(2))
    assert found.y.tolist() == [10 * int(single.y[a]) + int(single.y[b]) for a, b in zip(left, right, strict=True)]
    raw = found.X - found.black[:, None, None]
    assert float(raw[:, :, :8].abs().max()) == pytest.approx(0, abs=1e-5)  # black above, as CIFAR's padding
    one = torch.nonzero(left == left[0])[:, 0]
    other = torch.nonzero(right == left[0])[:, 0]
    for k in one:
        torch.testing.assert_close(found.X[k, :, :, :16], found.X[0, :, :, :16])
    for k in other:
        torch.testing.assert_close(found.X[k, :, :, 16:], found.X[0, :, :, :16])


def test_exactly_the_share_of_labels_is_wrong():
    clean = images.prepare(DIGITS)
    dirty = images.noisy(clean, 0.2, seed=1)
    assert int((clean.y != dirty.y).sum()) == 8
    assert dirty.y.min() >= 0
    assert dirty.y.max() <= 9
    assert torch.equal(dirty.X, clean.X)
    assert torch.equal(dirty.y, images.noisy(clean, 0.2, seed=1).y)
    assert not torch.equal(dirty.y, images.noisy(clean, 0.2, seed=2).y)
    assert dirty.digest != clean.digest == images.prepare(DIGITS).digest


@pytest.mark.parametrize("how", ["crop", "crop+flip", "none"])
def test_crops_are_windows_of_the_padded_image(how):
    found = images.prepare(DIGITS)
    rows = torch.tensor([3, 1, 4, 1, 5])
    shown = images.augmented(found, rows, how, torch.Generator().manual_seed(9))
    generator = torch.Generator().manual_seed(9)
    down, across = torch.randint(9, (2, 5), generator=generator).tolist()
    mirrored = (torch.rand(5, generator=generator) < 0.5).tolist()
    assert any(mirrored)
    assert not all(mirrored)
    for k, row in enumerate(rows.tolist()):
        if how == "none":
            expected = found.X[row]
        else:
            padded = found.black[:, None, None].expand(3, 40, 40).clone()
            padded[:, 4:36, 4:36] = found.X[row]
            expected = padded[:, down[k] : down[k] + 32, across[k] : across[k] + 32]
            expected = expected.flip(2) if how == "crop+flip" and mirrored[k] else expected
        torch.testing.assert_close(shown[k], expected)


def test_data_that_are_no_images():
    sphere = empirics.load("sphere", samples=4, d=9, normalise="none")
    with pytest.raises(TheoryError, match="classes"):
        images.prepare(sphere)
    with pytest.raises(TheoryError, match="rows of 63 numbers are no images"):
        images.prepare(replace(DIGITS, X=DIGITS.X[:, 1:]))
    with pytest.raises(TheoryError, match="no contrast"):
        images.prepare(replace(DIGITS, X=torch.ones_like(DIGITS.X)))
    with pytest.raises(TheoryError, match="measured = 41"):
        images.prepare(DIGITS).first(41)
    assert images.prepare(DIGITS).first(None).X.shape == (40, 3, 32, 32)
    assert Setting().measured is None
