"""Hidden constants as runs bound them: a small file that ``required-width --calibrated`` reads.

A calibrated constant is a lower (or upper) estimate from finitely many runs on one data set, never part of a theorem:
everything that uses one says so.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bounds.errors import TheoryError
from bounds.model import Default
from bounds.registry import quantity, suggest

FORMAT = "bounds-calibration-1"
RELATIONS = (">=", ">", "<=", "<")


@dataclass(frozen=True)
class Constant:
    """What runs say of one hidden constant.

    Attributes:
        value: The end of the range that they allow, positive.
        relation: How the constant stands to it: one of `RELATIONS`.
        cases: How many cases bound it.
        origin: How the runs were made.
    """

    value: float
    relation: str
    cases: int
    origin: str


class Calibrated(Default):
    """A value assumed for a hidden constant because runs demand it; other quantities may take another one."""


@dataclass(frozen=True)
class Calibration:
    """Constants by quantity and name.

    Attributes:
        constants: (quantity's key, constant's name) -> what is known.
        source: The file, where it was read from one.
    """

    constants: Mapping[tuple[str, str], Constant]
    source: str = ""

    def fill(self, key: str) -> dict[str, Default]:
        """What to assume for the hidden constants of a quantity.

        Args:
            key: The quantity's.

        Returns:
            Name -> value, with its origin in words.
        """
        found: dict[str, Default] = {}
        for (owner, name), c in self.constants.items():
            if owner == key:
                where = f"{self.source}: " if self.source else ""
                text = (
                    f"calibrated, not proved: {where}{name} {c.relation} {c.value:.3g} in {c.cases} cases ({c.origin})"
                )
                found[name] = Calibrated(c.value, text)
        return found

    def write(self, path: str | Path) -> str:
        """Write the file.

        Args:
            path: Where.

        Returns:
            What was written, in words.

        Raises:
            TheoryError: The file cannot be written.
        """
        table: dict[str, dict[str, Any]] = {}
        for (key, name), c in self.constants.items():
            table.setdefault(key, {})[name] = asdict(c)
        try:
            Path(path).write_text(json.dumps({"format": FORMAT, "constants": table}, indent=2) + "\n")
        except OSError as error:
            raise TheoryError(f"--calibrate {path}: cannot be written ({error.strerror})") from None
        return f"{path}: {len(self.constants)} hidden constants, for bounds required-width --calibrated {path}"

    @classmethod
    def read(cls, path: str | Path) -> Calibration:
        """Read a file.

        Args:
            path: Where.

        Raises:
            TheoryError: No such file, not one of this format, or a quantity, constant or value in it that is none.
        """
        try:
            data = json.loads(Path(path).read_text())
        except OSError as error:
            raise TheoryError(f"--calibrated {path}: cannot be read ({error.strerror})") from None
        except ValueError:
            raise TheoryError(
                f"--calibrated {path}: is not JSON; write one with bounds compare --calibrate FILE"
            ) from None
        if not isinstance(data, dict) or data.get("format") != FORMAT or not isinstance(data.get("constants"), dict):
            raise TheoryError(f"--calibrated {path}: is not a file of the format {FORMAT}")
        found = {}
        for key, constants in data["constants"].items():
            if not isinstance(constants, dict):
                raise TheoryError(f"--calibrated {path}: {key} must map constants to values")
            for name, entry in constants.items():
                found[key, name] = _constant(str(path), key, name, entry)
        return cls(found, str(path))


def _constant(path: str, key: str, name: str, entry: Any) -> Constant:
    known = [c.name for c in quantity(key).hidden]
    if name not in known:
        there = f"it has {', '.join(known)}" if known else "it has none"
        raise TheoryError(f"--calibrated {path}: {name} is no hidden constant of {key}{suggest(name, known)}; {there}")
    try:
        c = Constant(**entry)
        good = not isinstance(c.value, bool) and math.isfinite(c.value) and c.value > 0 and c.relation in RELATIONS
    except TypeError:
        good = False
    if not good:
        raise TheoryError(f"--calibrated {path}: {key}.{name} needs a positive value, a relation, cases and an origin")
    return c
