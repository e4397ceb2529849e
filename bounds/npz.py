"""Arrays from files that anyone may have made: numbers, or one line that says why not; nothing is ever executed."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from bounds.errors import TheoryError

SAVE_PAIR = "save plain numeric arrays with np.savez(path, X=X, y=y)"
SAVE_ONE = "save a plain numeric array with np.save(path, array)"
SHOWN = 200
"""So many characters of a list of names are shown."""


def read_pair(path: Path, keys: Sequence[tuple[str, str]]) -> tuple[np.ndarray, np.ndarray]:
    """Two arrays of a .npz file.

    Args:
        path: The file.
        keys: The names that the two may have, tried in this order.

    Returns:
        The arrays as they are stored, of any type but Python objects.

    Raises:
        TheoryError: No such file, a damaged one, one of other things, or one without these arrays.
    """
    if not path.is_file():
        raise TheoryError(f"file {path} does not exist: give a .npz file with arrays X and y")
    with _opened(path, ".npz", SAVE_PAIR) as archive:
        if not isinstance(archive, np.lib.npyio.NpzFile):
            raise TheoryError(f"file {path} holds a single array: save it with np.savez(path, X=X, y=y)")
        with archive:
            pair = next(((a, b) for a, b in keys if a in archive and b in archive), None)
            if pair is None:
                found = ", ".join(archive.files)[:SHOWN] or "nothing"
                raise TheoryError(f"file {path} holds {found}: it needs arrays X and y (or x_train and y_train)")
            return _array(archive[pair[0]]), _array(archive[pair[1]])


def read_npy(path: Path) -> np.ndarray:
    """The array of a .npy file, as it is stored.

    Raises:
        TheoryError: No such file, a damaged one, or one of other things.
    """
    if not path.is_file():
        raise TheoryError(f"file {path} does not exist: {SAVE_ONE}")
    with _opened(path, ".npy", SAVE_ONE) as found:
        return _array(found)


def _array(found: Any) -> np.ndarray:
    """An array, as opposed to an archive, or the bytes that an archive has under an array's name."""
    if not isinstance(found, np.ndarray):
        raise ValueError("not an array")
    return found


@contextmanager
def _opened(path: Path, ending: str, remedy: str) -> Iterator[Any]:
    """What numpy reads from a file, pickles refused; what goes wrong while it is read becomes a line."""
    try:
        with path.open("rb") as file, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what numpy thinks of headers that Python 2 wrote
            yield np.load(file, allow_pickle=False)
    except TheoryError:
        raise
    except MemoryError as error:
        raise TheoryError(f"file {path} says that it holds more than the memory does ({error}): {remedy}") from error
    except Exception as error:  # zip, its compressions and numpy's headers each have errors of their own
        why = "holds Python objects" if "Object arrays" in str(error) else f"is not a readable {ending} file"
        raise TheoryError(f"file {path} {why}: {remedy}") from error
