"""Hidden constants as runs bound them: a small file that ``required-width --calibrated`` reads.

A calibrated constant is a lower (or upper) estimate from finitely many runs on one data set, never part of a theorem:
everything that uses one says so.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bounds.errors import TheoryError
from bounds.model import Default
from bounds.registry import quantity, suggest

FORMAT = "bounds-calibration-1"
RELATIONS = (">=", ">", "<=", "<")
LARGEST = sys.float_info.max
SHOWN = 4
"""So many constants of a file are named in a line."""


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
        versions: Of the packages that made the runs.
    """

    constants: Mapping[tuple[str, str], Constant]
    source: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)

    def fill(self, key: str) -> dict[str, Default]:
        """What to assume for the hidden constants of a quantity, and of the lemmas that its conditions add.

        The same letter is another constant in another quantity, and is not filled from there; a letter that only one
        quantity of the paper has (song2021's C_4) is the same wherever it stands.

        Args:
            key: The quantity's.

        Returns:
            Name -> value, with its origin in words.
        """
        found: dict[str, Default] = {}
        for (owner, name), c in self.constants.items():
            if owner == key or _only_there(owner, key, name):
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
            entry = {"value": c.value, "relation": c.relation, "cases": c.cases, "from": c.origin}
            table.setdefault(key, {})[name] = entry
        data = {"format": FORMAT, "constants": table, "versions": dict(self.versions)}
        try:
            Path(path).write_text(json.dumps(data, indent=2) + "\n", encoding="utf-8")
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
            data = json.loads(Path(path).read_text(encoding="utf-8"))
        except OSError as error:
            raise TheoryError(f"--calibrated {path}: cannot be read ({error.strerror})") from None
        except (ValueError, RecursionError):
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
                found[key, name] = _constant(f"--calibrated {path}", key, name, entry)
        made = data.get("versions")
        versions = {str(k): str(v) for k, v in made.items()} if isinstance(made, dict) else {}
        return cls(found, str(path), versions)

    def unused(self, keys: Iterable[str]) -> str:
        """A line saying that no constant here belongs to any of the quantities ``keys``; "" where one does.

        Args:
            keys: Of the quantities that the constants are wanted for.
        """
        if any(self.fill(key) for key in keys):
            return ""
        has = sorted(f"{key}.{name}" for key, name in self.constants)
        shown = ", ".join(has[:SHOWN]) + (f" and {len(has) - SHOWN} more" if len(has) > SHOWN else "")
        head = f"{self.source or 'calibration'}: none of its constants belongs to a theorem asked for"
        return f"{head} (it has {shown or 'none'}); nothing is calibrated"


def _only_there(owner: str, key: str, name: str) -> bool:
    """Whether ``owner`` alone, of the paper of ``key``, has a constant of that name."""
    paper = quantity(key).paper
    owners = [q.key for q in paper.quantities.values() if any(c.name == name for c in q.hidden)]
    return owners == [owner]


def _constant(where: str, key: str, name: str, entry: Any) -> Constant:
    """One entry of a file, checked."""
    try:
        known = [c.name for c in quantity(key).hidden]
    except TheoryError as error:
        raise TheoryError(f"{where}: {error}") from None
    if name not in known:
        there = f"it has {', '.join(known)}" if known else "it has none"
        raise TheoryError(f"{where}: {name} is no hidden constant of {key}{suggest(name, known)}; {there}")
    given = entry if isinstance(entry, dict) else {}
    value, cases = (_number(given.get(n)) for n in ("value", "cases"))
    relation, origin = given.get("relation"), given.get("from")
    if value is None or value <= 0:
        raise TheoryError(f"{where}: the value of {key}.{name} must be positive and finite ({_shown(given, 'value')})")
    if relation not in RELATIONS:
        allowed = " ".join(RELATIONS)
        raise TheoryError(
            f"{where}: the relation of {key}.{name} must be one of {allowed} ({_shown(given, 'relation')})"
        )
    if cases is None or cases < 1 or cases != int(cases) or not isinstance(origin, str):
        raise TheoryError(f'{where}: {key}.{name} needs "cases", an integer from 1, and "from", how the runs were made')
    return Constant(value, relation, int(cases), "".join(c if c.isprintable() else " " for c in origin))


def _number(value: Any) -> float | None:
    """A finite number, or None."""
    if not isinstance(value, int | float) or isinstance(value, bool) or not abs(value) <= LARGEST:
        return None
    return float(value)


def _shown(given: Mapping[str, Any], name: str) -> str:
    """An entry in one short piece of text."""
    return f"given: {json.dumps(given[name])[:40]}" if name in given else "there is none"
