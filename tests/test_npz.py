"""Arrays from files that anyone may have made: read as numbers, or refused in one line; nothing is executed."""

from __future__ import annotations

import io
import os
import zipfile

import numpy as np
import pytest

import bounds.data
from bounds.averages import MAX_ORDER
from bounds.errors import TheoryError
from bounds.npz import read_npy
from bounds.registry import quantity
from bounds.values import number


class Payload:
    """Makes a folder where it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (self.path,)


def refused(path):
    with pytest.raises(TheoryError) as error:
        bounds.data._read_npz(path)
    assert len(str(error.value).splitlines()) == 1
    return str(error.value)


def archive(path, **members):
    with zipfile.ZipFile(path, "w") as file:
        for name, content in members.items():
            file.writestr(f"{name}.npy", content)
    return path


def saved(array):
    out = io.BytesIO()
    np.save(out, array, allow_pickle=True)
    return out.getvalue()


def test_a_pickle_is_never_loaded(tmp_path):
    trap = tmp_path / "made by a pickle"
    objects = np.array([Payload(str(trap))], dtype=object)
    good = saved(np.eye(2))
    assert "holds Python objects" in refused(archive(tmp_path / "a ü.npz", X=saved(objects), y=saved(np.ones(2))))
    assert "holds Python objects" in refused(archive(tmp_path / "b.npz", X=good, y=saved(objects)))
    np.save(tmp_path / "c.npy", objects, allow_pickle=True)
    with pytest.raises(TheoryError, match="holds Python objects"):
        read_npy(tmp_path / "c.npy")
    assert not trap.exists()
    np.load(tmp_path / "c.npy", allow_pickle=True)  # the trap works where pickles are loaded
    assert trap.exists()


def test_damaged_files_are_refused(tmp_path):
    whole = archive(tmp_path / "whole.npz", X=saved(np.eye(3)), y=saved(np.ones(3))).read_bytes()
    for length in (0, 4, len(whole) // 2, len(whole) - 1):
        path = tmp_path / f"cut{length}.npz"
        path.write_bytes(whole[:length])
        assert "is not a readable .npz file" in refused(path)
    assert "is not a readable" in refused(archive(tmp_path / "bytes.npz", X=b"no array", y=saved(np.ones(3))))
    huge = saved(np.zeros(1)).replace(b"(1,)", b"(9999999999999,)")
    assert "save plain numeric arrays" in refused(archive(tmp_path / "huge.npz", X=huge, y=saved(np.ones(3))))


def test_order_endianness_and_types_do_not_matter(tmp_path):
    X, y = np.arange(6.0).reshape(3, 2), np.array([0.0, 1.0, 2.0])
    path = archive(tmp_path / "odd.npz", X=saved(np.asfortranarray(X).astype(">f2")), y=saved(y.astype(">i8")))
    inputs, labels = bounds.data._read_npz(path)[:2]
    np.testing.assert_array_equal(inputs, X)
    np.testing.assert_array_equal(np.ravel(labels), y)


def test_numbers_beyond_float64_are_refused():
    with pytest.raises(TheoryError, match="NaN or infinite"):
        number("x", np.array([np.longdouble("1e4000")]))
    with pytest.raises(TheoryError, match=r"digits are not handled") as error:
        number("x", "9" * 200_000)
    assert len(str(error.value)) < 150


def test_a_degree_that_would_be_written_out_forever_is_refused():
    with pytest.raises(TheoryError, match=f"i = 1000: at most {MAX_ORDER} is evaluated"):
        quantity("song2021.hermite").evaluate(i=1000, activation="gelu", certified=True)
