import math

import numpy as np
import pytest
import torch

from bounds.errors import TheoryError
from empirics import load


def test_digits_are_in_the_theorems_setting():
    data = load("digits", samples=100, seed=3)
    assert data.X.shape == (100, 64)
    assert data.X.dtype == data.y.dtype == torch.float64
    torch.testing.assert_close(data.X.norm(dim=1), torch.full((100,), 8.0, dtype=torch.float64))
    assert set(data.y.tolist()) == {2 * c / 9 - 1 for c in range(10)}
    assert data.classes == 10
    assert data.mean_y_sq == pytest.approx(float((data.y**2).mean()))
    assert "optical digits" in data.source


def test_the_seed_fixes_the_subset():
    a, b, c = (load("digits", samples=50, seed=s) for s in (1, 1, 2))
    assert torch.equal(a.X, b.X)
    assert torch.equal(a.y, b.y)
    assert not torch.equal(a.X, c.X)
    whole = load("digits", samples=1797, targets="raw", normalise="none")
    assert len(torch.unique(whole.y)) == 10
    assert float(whole.X.max()) == 16


def test_other_targets():
    one_hot = load("digits", samples=60, outputs=10)
    assert one_hot.y.shape == (60, 10)
    assert one_hot.y.sum(1).tolist() == [1.0] * 60
    assert one_hot.mean_y_sq == pytest.approx(0.1)
    parity, index = load("digits", samples=60, targets="parity"), load("digits", samples=60, targets="raw")
    assert torch.equal(parity.y, 1 - 2 * (index.y % 2))
    assert torch.equal(one_hot.y.argmax(1).double(), index.y)


def test_sphere():
    data = load("sphere", samples=2000, d=4, seed=1)
    torch.testing.assert_close(data.X.norm(dim=1), torch.full((2000,), 2.0, dtype=torch.float64))
    assert data.y.abs().max() <= 1
    assert data.mean_y_sq == pytest.approx(1 / 4, rel=0.1)  # E cos^2 = 1/d
    assert data.X.mean(0).abs().max() < 0.1
    teacher = torch.linalg.lstsq(data.X, data.y[:, None]).solution
    torch.testing.assert_close(data.X @ teacher, data.y[:, None])
    assert data.classes is None


@pytest.mark.parametrize("keys", [("X", "y"), ("x_train", "y_train"), ("data", "target")])
def test_npz_files(tmp_path, keys):
    path = tmp_path / "mine.npz"
    images = np.arange(1, 121, dtype=np.uint8).reshape(10, 3, 4)
    np.savez(path, **{keys[0]: images, keys[1]: np.arange(10) % 3})
    data = load(path, samples=10)
    assert data.X.shape == (10, 12)
    assert data.source.startswith("file mine.npz")
    assert sorted(set(data.y.tolist())) == [-1, 0, 1]
    assert data.name == str(path)


def test_real_labels_are_mapped_to_the_unit_interval(tmp_path):
    path = tmp_path / "regression.npz"
    np.savez(path, X=np.eye(4), y=np.array([[0.5], [1.0], [2.0], [2.5]]))
    data = load(path, samples=4)
    assert sorted(data.y.tolist()) == pytest.approx([-1, -0.5, 0.5, 1])
    assert data.classes is None
    np.savez(path, X=np.eye(4), y=np.full(4, 0.5))
    assert load(path, samples=4).y.tolist() == [0, 0, 0, 0]


def test_one_class_and_extreme_magnitudes(tmp_path):
    path = tmp_path / "odd.npz"
    np.savez(path, X=np.array([[1e-300, 1e-300], [1e300, 0.0]]), y=np.array([7, 7]))
    data = load(path, samples=2)
    torch.testing.assert_close(data.X.norm(dim=1), torch.full((2,), math.sqrt(2), dtype=torch.float64))
    assert data.y.tolist() == [0, 0]


GOOD_X, GOOD_Y = np.ones((4, 2)), np.arange(4)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"X": GOOD_X}, "holds X: it needs arrays X and y"),
        ({}, "holds nothing: it needs arrays"),
        ({"X": GOOD_X, "y": GOOD_Y[:3]}, "has inputs and labels of shapes (4, 2) and (3,)"),
        ({"X": GOOD_X, "y": np.ones((4, 2))}, "has inputs and labels of shapes (4, 2) and (4, 2)"),
        ({"X": GOOD_X * np.nan, "y": GOOD_Y}, "has inputs that are NaN or infinite"),
        ({"X": GOOD_X, "y": GOOD_Y - np.inf}, "has labels that are NaN or infinite"),
        ({"X": GOOD_X, "y": np.array(["cat", "dog", "cat", "cow"])}, "has labels that are not real numbers"),
        ({"X": GOOD_X * 1j, "y": GOOD_Y}, "has inputs that are not real numbers"),
        ({"X": GOOD_X.astype(object), "y": GOOD_Y}, "holds Python objects: save plain numeric arrays"),
        ({"X": GOOD_X[:0], "y": GOOD_Y[:0]}, "has inputs of shape (0, 2)"),
        ({"X": GOOD_X[0], "y": GOOD_Y[:2]}, "has inputs of shape (2,)"),
        ({"X": GOOD_X * [[1], [1], [0], [1]], "y": GOOD_Y}, "row 2 is zero and cannot have norm sqrt(d)"),
    ],
)
def test_bad_files_give_one_line(tmp_path, arrays, message):
    path = tmp_path / "bad.npz"
    np.savez(path, **arrays)
    with pytest.raises(TheoryError) as caught:
        load(path, samples=4)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_what_is_not_an_npz_file(tmp_path):
    text, single, absent = tmp_path / "text.npz", tmp_path / "single.npz", tmp_path / "absent.npz"
    text.write_text("not an archive")
    with single.open("wb") as file:
        np.save(file, GOOD_X)
    empty = tmp_path / "empty.npz"
    empty.touch()
    for path, message in [
        (text, "is not a readable"),
        (single, "holds a single array"),
        (absent, "does not exist"),
        (empty, "is not a readable"),
        (tmp_path, "does not exist"),
    ]:
        with pytest.raises(TheoryError, match=message):
            load(path)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("nonsense", {}, "data 'nonsense' is unknown: use digits, mnist_784"),
        ("digits", {"samples": 5000}, "samples=5000 exceeds the 1797 of digits: ask for at most 1797"),
        ("digits", {"samples": 0}, "samples=0 must be an integer of at least 1"),
        ("digits", {"seed": -1}, "seed=-1 must be"),
        ("digits", {"normalise": "unit"}, "normalise='unit' must be one of sqrt_d, none"),
        ("digits", {"targets": "odd"}, "targets='odd' must be one of auto, index"),
        ("digits", {"outputs": 3}, "outputs=3 must be 1 or the number of classes, 10"),
        ("digits", {"d": 4}, "d=4 is for the sphere only"),
        ("sphere", {}, "d is missing"),
        ("sphere", {"d": 0}, "d=0 must be"),
        ("sphere", {"d": 3, "targets": "parity"}, "targets='parity', outputs=1 need integer class labels"),
    ],
)
def test_bad_values_give_one_line(name, options, message):
    with pytest.raises(TheoryError) as caught:
        load(name, **options)
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


def test_openml_without_a_network(monkeypatch):
    import sklearn.datasets

    def offline(*args, **kwargs):
        raise OSError("no route to host\nsecond line")

    monkeypatch.setattr(sklearn.datasets, "fetch_openml", offline)
    with pytest.raises(TheoryError) as caught:
        load("mnist_784")
    expected = "data 'mnist_784' could not be fetched from OpenML (no route to host): give a path to a .npz file"
    assert str(caught.value) == expected


def test_openml_labels_may_be_strings(monkeypatch):
    import sklearn.datasets
    from sklearn.utils import Bunch

    bundle = Bunch(data=np.ones((4, 9)), target=np.array(["0", "1", "2", "1"], dtype=object))
    monkeypatch.setattr(sklearn.datasets, "fetch_openml", lambda *args, **kwargs: bundle)
    data = load("Fashion-MNIST", samples=4)
    assert sorted(data.y.tolist()) == [-1, 0, 0, 1]
    assert data.source.startswith("OpenML Fashion-MNIST")
