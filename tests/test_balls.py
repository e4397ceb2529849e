import math

import pytest
import torch

from bounds.errors import NotApplicable, TheoryError
from empirics import network, spectral
from empirics.balls import Ball, EuclideanBall, FrobeniusBall, SpectralBall, SumFrobeniusBall
from empirics.measure.supremum import supremum

SHAPES = ((5, 3), (5, 5), (5, 2))  # two hidden layers and a readout of two outputs
BALLS = (
    SpectralBall(0.7, 1.3),
    FrobeniusBall(0.8),
    FrobeniusBall((0.5, 0.0, 2.0)),
    EuclideanBall(1.1),
    SumFrobeniusBall(1.5),
)
every_ball = pytest.mark.parametrize("ball", BALLS, ids=str)


def draw(seed, *batch, shapes=SHAPES, scale=1.0, dtype=torch.float64):
    g = torch.Generator().manual_seed(seed)
    return tuple((torch.randn(*batch, *s, generator=g, dtype=torch.float64) * scale).to(dtype) for s in shapes)


def inner(left, right):
    """One inner product for each restart."""
    return sum((a * b).flatten(1).sum(1) for a, b in zip(left, right, strict=True))


def minus(left, right):
    return [a - b for a, b in zip(left, right, strict=True)]


def members(ball, centre, count=20):
    """Points of the ball, interior and extreme, stacked."""
    g = torch.Generator().manual_seed(5)
    inside = [ball.sample(centre, g) for _ in range(count)]
    corners = [ball.vertex(draw(100 + i), centre) for i in range(count)]
    return [torch.stack(group) for group in zip(*inside, *corners, strict=True)]


def inside_by_definition(ball, moved):
    """Membership of a displacement, as the papers write it."""
    frobenius = [torch.linalg.matrix_norm(t) for t in moved]
    if isinstance(ball, SpectralBall):
        *W, V = moved
        return all(torch.linalg.matrix_norm(w, 2) <= ball.rho + 1e-12 for w in W) and bool(
            (torch.linalg.vector_norm(V, dim=0) <= ball.rho_1 + 1e-12).all()
        )
    if isinstance(ball, FrobeniusBall):
        radii = ball.radius if isinstance(ball.radius, tuple) else [ball.radius] * len(moved)
        return all(f <= r + 1e-12 for f, r in zip(frobenius, radii, strict=True))
    if isinstance(ball, EuclideanBall):
        return math.hypot(*frobenius) <= ball.radius + 1e-12
    return sum(frobenius) <= ball.R + 1e-12


@every_ball
def test_a_ball_follows_the_protocol_and_prints_its_radii(ball):
    assert isinstance(ball, Ball)
    assert str(ball).startswith(type(ball).__name__ + "(")


@every_ball
@pytest.mark.parametrize("scale", [0.01, 0.5, 20.0])
def test_the_projection_is_the_nearest_point(ball, scale):
    # P x is nearest iff it lies in the ball and <x - P x, z - P x> <= 0 for every z of the ball
    centre = draw(0)
    x = [c + t for c, t in zip(centre, draw(1, 4, scale=scale), strict=True)]
    found = ball.project(x, centre)
    for row in range(4):
        assert inside_by_definition(ball, [t[row] - c for t, c in zip(found, centre, strict=True)])
    z = members(ball, centre)
    for row in range(4):
        here = [t[row] for t in found]
        away = [(t[row] - p)[None] for t, p in zip(x, here, strict=True)]
        assert float(inner(away, minus(z, here)).max()) <= 1e-10 * max(1, scale) ** 2
    torch.testing.assert_close(ball.project(found, centre), found, rtol=0, atol=1e-12)


@every_ball
def test_the_projection_is_not_expansive(ball):
    centre, x, y = draw(0), draw(1, 30), draw(2, 30, scale=3.0)
    apart = minus(ball.project(x, centre), ball.project(y, centre))
    assert bool((inner(apart, apart) <= inner(minus(x, y), minus(x, y)) * (1 + 1e-12)).all())


@every_ball
def test_points_of_the_ball_stay(ball):
    centre = draw(0)
    z = members(ball, centre)
    torch.testing.assert_close(ball.project(z, centre), tuple(z), rtol=0, atol=1e-13)


@every_ball
def test_the_vertex_maximises_the_linear_form(ball):
    centre, g = draw(0), draw(3, 4)
    found = minus(ball.vertex(g, centre), centre)
    for row in range(4):
        assert inside_by_definition(ball, [t[row] for t in found])
        one = [t[row][None] for t in g]
        reached = inner(one, [t[row][None] for t in found])
        assert float(inner(one, minus(members(ball, centre), centre)).max()) <= float(reached) + 1e-12
    torch.testing.assert_close(inner(g, found), support(ball, g), rtol=1e-12, atol=0)


def support(ball, g):
    """max <g, theta - theta_0>: the dual norm, from its formula."""
    norms = torch.stack([torch.linalg.matrix_norm(t) for t in g])
    if isinstance(ball, SpectralBall):
        nuclear = sum(torch.linalg.matrix_norm(t, "nuc") for t in g[:-1])
        return ball.rho * nuclear + ball.rho_1 * g[-1].norm(dim=-2).sum(-1)
    if isinstance(ball, FrobeniusBall):
        radii = ball.radius if isinstance(ball.radius, tuple) else [ball.radius] * 3
        return sum(r * n for r, n in zip(radii, norms, strict=True))
    return ball.radius * norms.norm(dim=0) if isinstance(ball, EuclideanBall) else ball.R * norms.amax(0)


@every_ball
def test_without_direction_the_vertex_is_the_centre(ball):
    centre = draw(0)
    still = ball.vertex([torch.zeros(3, *s, dtype=torch.float64) for s in SHAPES], centre)
    assert all(bool((t == c).all()) for t, c in zip(still, centre, strict=True))


@every_ball
def test_membership_is_told_apart_for_every_restart(ball):
    centre = draw(0)
    z = members(ball, centre)
    assert bool(ball.contains(z, centre, 1e-12).all())
    corner = ball.vertex(draw(3), centre)
    out = [torch.stack([c, c + (t - c) * 1.01]) for t, c in zip(corner, centre, strict=True)]
    assert ball.contains(out, centre).tolist() == [True, False]
    assert ball.contains(out, centre, 0.02).tolist() == [True, True]
    assert ball.contains(corner, centre, 1e-12).shape == ()


@every_ball
def test_samples_lie_inside_and_follow_the_generator(ball):
    centre = draw(0)
    first, again, other = (ball.sample(centre, torch.Generator().manual_seed(s)) for s in (1, 1, 2))
    assert inside_by_definition(ball, minus(first, centre))
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert not torch.equal(first[2], other[2])
    rough = ball.sample([c.float() for c in centre], torch.Generator().manual_seed(1))
    torch.testing.assert_close(rough, tuple(t.float() for t in first), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("ball", [SpectralBall(0, 0), FrobeniusBall(0), EuclideanBall(0), SumFrobeniusBall(0)], ids=str)
def test_a_ball_of_radius_zero_is_its_centre(ball):
    centre, x = draw(0), draw(1, 2)
    for found in (ball.project(x, centre), ball.vertex(x, centre), ball.sample(centre, torch.Generator())):
        assert all(bool((t == c).all()) for t, c in zip(found, centre, strict=True))
    assert ball.contains(x, centre).tolist() == [False, False]


def test_soft_threshold_by_hand():
    # layer norms (3, 1, 0): R = 3 takes 1/2 off each of two layers, R = 1.5 leaves one layer
    x = [torch.tensor([[3.0, 0.0]]), torch.tensor([[0.0, 1.0]]), torch.zeros(1, 2)]
    centre = [torch.zeros(1, 2)] * 3
    for R, expected in ((3.0, [2.5, 0.5, 0.0]), (1.5, [1.5, 0.0, 0.0]), (9.0, [3.0, 1.0, 0.0])):
        assert [t.norm().item() for t in SumFrobeniusBall(R).project(x, centre)] == pytest.approx(expected)


@pytest.mark.parametrize("batch", [(), (2,)])
def test_tensors_of_one_two_and_three_dimensions(batch):
    # every tensor is 2 u/||u|| off its centre, u of any shape: ball by ball the same factor scales all three
    shapes = ((5,), (3, 4), (2, 3, 2))
    centre, u = draw(0, shapes=shapes), draw(1, *batch, shapes=shapes)
    sizes = [t.square().sum(tuple(range(len(batch), t.ndim)), keepdim=True).sqrt() for t in u]
    unit = [t / size for t, size in zip(u, sizes, strict=True)]
    x = [c + 2 * t for c, t in zip(centre, unit, strict=True)]
    for ball, kept in ((FrobeniusBall(0.5), 0.5), (EuclideanBall(1.5), 1.5 / 3**0.5), (SumFrobeniusBall(0.9), 0.3)):
        expected = tuple(c + kept * t for c, t in zip(centre, unit, strict=True))
        torch.testing.assert_close(ball.project(x, centre), expected, rtol=1e-12, atol=1e-12)
        assert ball.contains(x, centre).shape == batch
        assert bool(ball.contains(expected, centre, 1e-12).all())
        inside = ball.sample(centre, torch.Generator().manual_seed(3))
        assert bool(ball.contains(inside, centre, 1e-12))


def test_biases_keep_to_rho_and_the_last_matrix_is_the_readout():
    centre = [torch.zeros(2, 2), torch.zeros(2, 1), torch.zeros(2), torch.zeros(1)]
    x = [torch.eye(2) * 3, torch.ones(2, 1), torch.tensor([3.0, 4.0]), torch.tensor([0.5])]
    W, V, b, c = SpectralBall(1.0, 0.1).project(x, centre)
    torch.testing.assert_close(W, torch.eye(2))
    assert V.norm().item() == pytest.approx(0.1)
    torch.testing.assert_close(b, torch.tensor([0.6, 0.8]))
    assert c.item() == 0.5


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("rank", [1, 3, 30, 70])
def test_wide_matrices_of_any_rank_are_decomposed(rank, dtype):
    left, right = draw(rank, 2, shapes=((80, rank), (rank, 70)), dtype=dtype)
    A = left @ right
    U, s, Vh = spectral.thin_svd(A)
    assert s.shape[-1] == (16 if rank <= 16 else 70)  # the cost follows the rank where that is small
    room = 200 * torch.finfo(dtype).eps * float(A.norm())
    torch.testing.assert_close((U * s[..., None, :]) @ Vh, A, rtol=0, atol=room)
    sigma = torch.linalg.svdvals(A)
    torch.testing.assert_close(s[..., :rank], sigma[..., :rank], rtol=0, atol=room)
    clipped = spectral.clip_singular_values(A, 20.0)
    torch.testing.assert_close(torch.linalg.svdvals(clipped), sigma.clamp(max=20.0), rtol=0, atol=room)
    polar = torch.linalg.svdvals(spectral.polar_factor(A))
    ones = torch.tensor([1.0] * rank + [0.0] * (70 - rank), dtype=dtype)
    torch.testing.assert_close(polar, ones.expand(2, -1), rtol=0, atol=room)


def test_only_the_layers_beyond_the_radius_are_decomposed(monkeypatch):
    seen = []
    whole = spectral.thin_svd
    monkeypatch.setattr(spectral, "thin_svd", lambda t, tolerance=0.0: seen.append(len(t)) or whole(t, tolerance))
    centre = draw(0)
    near = [c + t for c, t in zip(centre, draw(1, 3, scale=1e-3), strict=True)]
    found = SpectralBall(1.0, 1.0).project(near, centre)
    torch.testing.assert_close(found, tuple(near), rtol=0, atol=1e-15)
    assert seen == []
    near[0][1] += 10.0
    SpectralBall(1.0, 1.0).project(near, centre)
    SpectralBall(0.0, 0.0).vertex(near, centre)
    assert seen == [1]


@pytest.mark.parametrize("value", [-1.0, math.inf, math.nan, True, "1", None])
def test_bad_radii_are_refused_in_one_line(value):
    for make, name in (
        (lambda r: SpectralBall(r, 1.0), "rho"),
        (lambda r: SpectralBall(1.0, r), "rho_1"),
        (FrobeniusBall, "radius"),
        (lambda r: FrobeniusBall((1.0, r)), "radius"),
        (EuclideanBall, "radius"),
        (SumFrobeniusBall, "R"),
    ):
        with pytest.raises(TheoryError, match=rf"^{name}=.* must be a finite number of at least 0$"):
            make(value)


def test_radii_and_layers_must_agree():
    with pytest.raises(TheoryError, match="radius has 2 entries: give one number, or 3, one per tensor"):
        FrobeniusBall((1.0, 2.0)).project(draw(1), draw(0))
    with pytest.raises(NotApplicable, match="dense layers"):
        SpectralBall(1.0, 1.0).project([torch.zeros(2, 3, 4)], [torch.zeros(2, 3, 4)])


@pytest.mark.parametrize("ball", [FrobeniusBall(0.3), EuclideanBall(0.3), SumFrobeniusBall(0.3)], ids=str)
def test_layers_with_windows(ball):
    """Layers of three dimensions: projections lie in the ball, and a search climbs there."""
    net = network("allenzhu2019", "cnn", L=2, m=3, positions=5)
    centre = net.weights.tensors
    generator = torch.Generator().manual_seed(0)
    far = [c + torch.randn(4, *c.shape, generator=generator, dtype=c.dtype) for c in centre]
    assert not ball.contains(far, centre).any()
    assert ball.contains(ball.project(far, centre), centre, 1e-9).all()
    X = torch.randn(3, 5, generator=generator, dtype=torch.float64)
    found = supremum(net, "param_grad_norm", X, ball, restarts=2, steps=5)
    assert found.value > found.details["start"]
