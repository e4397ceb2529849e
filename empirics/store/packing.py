"""Results as bytes and back: compressed JSON, exact for every number, with a check sum; never a pickle."""

from __future__ import annotations

import json
import math
import zlib
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from bounds.errors import TheoryError

FLOAT = "$float"
"""The key of an object that stands for a number that JSON has no word for: {"$float": "inf"}."""


def jsonable(value: Any) -> Any:
    """``value`` in JSON's own types; infinities and NaN as objects, unlike in what is shown to people.

    Args:
        value: numbers of Python or numpy, text, and mappings and sequences of them.

    Raises:
        TypeError: anything else.

    >>> jsonable({"a": (1, float("nan")), "b": np.int64(3)})
    {'a': [1, {'$float': 'nan'}], 'b': 3}
    """
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, np.generic | np.ndarray):
        return jsonable(value.tolist())
    if isinstance(value, float):
        return value if math.isfinite(value) else {FLOAT: repr(value)}
    if isinstance(value, Mapping):
        return {str(k): jsonable(v) for k, v in value.items()}
    if hasattr(value, "to_dict"):
        return jsonable(value.to_dict())
    if isinstance(value, Iterable):
        return [jsonable(v) for v in value]
    raise TypeError(f"{type(value).__name__} has no place in a result")


def restore(value: Any) -> Any:
    """The inverse of `jsonable`, up to tuples.

    Args:
        value: as JSON gave it.
    """
    if isinstance(value, dict):
        return float(value[FLOAT]) if value.keys() == {FLOAT} else {k: restore(v) for k, v in value.items()}
    return [restore(v) for v in value] if isinstance(value, list) else value


def canonical(value: Any) -> str:
    """One text for equal values: JSON with sorted keys and no spaces.

    Args:
        value: as for `jsonable`.
    """
    return json.dumps(jsonable(value), sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def pack(value: Any) -> bytes:
    """A result as bytes.

    Args:
        value: as for `jsonable`.
    """
    text = json.dumps(jsonable(value), separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return zlib.compress(text.encode())


def unpack(blob: bytes, what: str) -> Any:
    """The inverse of `pack`.

    Args:
        blob: the bytes.
        what: their name, for the message.

    Raises:
        TheoryError: they are damaged.
    """
    try:
        return restore(json.loads(zlib.decompress(blob)))
    except (zlib.error, ValueError, TypeError) as error:
        raise TheoryError(f"{what} is damaged ({error}): restore the store from a copy") from None
