"""fu2018's data: the planted ground truth, labels of eqs 3 and 4, and what is refused."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch

from bounds.errors import NotApplicable, TheoryError
from empirics.experiments.fu2018.data import check_labels, draw, stream, teacher
from tests import naive

SCALED = "(1 + tanh(z))/2"


def test_ground_truth_has_the_singular_values_asked_for() -> None:
    values = torch.linalg.svdvals(teacher(3, K=3, d=7, scale=2.0, condition=9.0).W[0])
    assert values.tolist() == pytest.approx([6.0, 2.0, 2.0 / 3.0])
    assert torch.linalg.svdvals(teacher(3, K=3, d=7, scale=2.0, condition=1.0).W[0]).tolist() == pytest.approx(
        [2.0] * 3
    )


def test_singular_vectors_are_those_of_the_random_draw() -> None:
    free, shaped = teacher(5, K=2, d=4).W[0], teacher(5, K=2, d=4, condition=3.0).W[0]
    left = torch.linalg.svd(free)[0]
    assert torch.allclose((left.T @ shaped @ shaped.T @ left).diagonal(), torch.tensor([3.0, 1 / 3]).double())


@pytest.mark.parametrize("activation", ["sigmoid", SCALED])
def test_regression_labels_are_the_outputs(activation: str) -> None:
    weights = teacher(0, K=3, d=5, activation=activation)
    X, y = draw(weights, 50, 1, "regression")
    assert torch.allclose(y, naive.fu2018(weights.tensors, X, weights.activation.phi), atol=1e-14)
    assert X.dtype == torch.float64
    assert y.shape == (50, 1)


def test_classification_labels_have_the_outputs_as_means() -> None:
    weights, n = teacher(0, K=2, d=3, scale=4.0), 20_000
    X, y = draw(weights, n, 1)
    f = naive.fu2018(weights.tensors, X, torch.sigmoid)
    assert set(y.unique().tolist()) == {0.0, 1.0}
    for part in (f < 0.3, (f >= 0.3) & (f < 0.7), f >= 0.7):  # not only the overall mean
        count = int(part.sum())
        assert abs(float((y - f)[part].mean())) < 5 * math.sqrt(0.25 / count)


def test_equal_seeds_share_no_numbers() -> None:
    weights, (X, _) = teacher(4, K=2, d=6), draw(teacher(4, K=2, d=6), 2, 4)
    assert not torch.isin(X, weights.W[0] * math.sqrt(6)).any()
    assert (X - weights.W[0] * math.sqrt(6)).abs().min() > 1e-9
    first, second = (torch.randn(3, generator=stream(0, k)) for k in (1, 2))
    assert not torch.equal(first, second)


def test_draws_repeat() -> None:
    weights = teacher(0, K=2, d=3)
    for way in ("classification", "regression"):
        assert all(torch.equal(a, b) for a, b in zip(draw(weights, 9, 2, way), draw(weights, 9, 2, way), strict=True))
    assert not torch.equal(draw(weights, 9, 2)[0], draw(weights, 9, 3)[0])


@pytest.mark.parametrize(
    ("options", "kind", "said"),
    [
        ({"K": 4, "d": 3}, NotApplicable, "K = 4 neurons exceed d = 3"),
        ({"K": 2, "d": 3, "activation": "tanh"}, NotApplicable, "range is not within (0, 1)"),
        ({"K": 2, "d": 3, "activation": "relu"}, NotApplicable, "three bounded derivatives"),
        ({"K": 1, "d": 3, "condition": 2.0}, TheoryError, "condition number 1"),
        ({"K": 2, "d": 3, "condition": 0.5}, TheoryError, "condition=0.5"),
        ({"K": 0, "d": 3}, TheoryError, "K=0"),
        ({"K": 2, "d": 3, "scale": -1.0}, TheoryError, "scale=-1.0"),
    ],
)
def test_refused_ground_truths(options: dict[str, object], kind: type[Exception], said: str) -> None:
    with pytest.raises(kind) as caught:
        teacher(0, **options)  # type: ignore[arg-type]
    assert said in str(caught.value)


def test_rank_deficient_ground_truth_is_named() -> None:
    from empirics.experiments.fu2018.data import check_teacher

    weights = teacher(0, K=2, d=3)
    row = weights.W[0][0]
    with pytest.raises(NotApplicable, match="rank below K = 2"):
        check_teacher(weights.with_tensors([torch.stack([row, 2 * row]), weights.V]))


def test_outputs_that_are_no_probabilities_are_named() -> None:
    from empirics.activations import torch_activation

    weights = replace(teacher(0, K=2, d=3), activation=torch_activation("identity"))
    with pytest.raises(NotApplicable, match="no probabilities"):
        draw(weights, 100, 0)


@pytest.mark.parametrize(
    ("y", "way", "said"),
    [
        ([0.0, 1.0, 0.5], "classification", r"y\[2\] = 0.5: labels for classification must be 0 or 1"),
        ([0.0, 1.5, 0.5], "regression", r"y\[1\] = 1.5: labels for regression"),
        ([0.0, 1.0, -0.1], "regression", r"y\[2\] = -0.1"),
    ],
)
def test_labels_that_the_model_cannot_produce_are_named(y: list[float], way: str, said: str) -> None:
    with pytest.raises(NotApplicable, match=said):
        check_labels(teacher(0, K=2, d=3), torch.tensor(y), 3, way)


def test_labels_that_fit_are_kept() -> None:
    weights = teacher(0, K=2, d=3)
    assert check_labels(weights, torch.tensor([0, 1]), 2, "classification").tolist() == [[0.0], [1.0]]
    with pytest.raises(TheoryError, match="classification or regression"):
        check_labels(weights, torch.tensor([0, 1]), 2, "ranking")
    with pytest.raises(TheoryError, match="seed=-1"):
        stream(-1)
