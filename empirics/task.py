"""One task of a study: what is asked, in full; its key; and doing it, wherever a worker is."""

from __future__ import annotations

import hashlib
import os
import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

from bounds.errors import TheoryError
from empirics.deadline import Overtime, deadline
from empirics.store import DIVERGED, DONE, FAILED, canonical
from empirics.workers import prepare

COMPARE, CRITICAL = "compare", "critical-width"
INTERRUPTED = "interrupted"
"""The status of a task that was stopped: it is not stored."""


@dataclass(frozen=True)
class Task:
    """A point of a study's grid.

    Attributes:
        kind: ``compare`` or ``critical-width``.
        paper: Whose networks.
        setting: Every field of the paper's setting (of the search's), defaults included.
        data: name, samples, seed and input_dim, and the check sum of a file; None where the paper draws its own.
        only: The keys of the quantities wanted; empty for all.
    """

    kind: str
    paper: str
    setting: Mapping[str, Any]
    data: Mapping[str, Any] | None = None
    only: tuple[str, ...] = ()

    @cached_property
    def text(self) -> str:
        """The full configuration, as canonical JSON."""
        return canonical({f.name: getattr(self, f.name) for f in fields(self)})

    def key(self, code: str) -> str:
        """SHA-256 of the configuration and the version of the code.

        Args:
            code: from `code_version`.
        """
        return task_key(self.text, code)


def task_key(text: str, code: str) -> str:
    """The key under which a result is stored.

    Args:
        text: the full configuration, as canonical JSON.
        code: the code's version.
    """
    return hashlib.sha256(f"{code}\n{text}".encode()).hexdigest()


@lru_cache(maxsize=1)
def code_version() -> str:
    """The package's version and a hash of every source file that a result may depend on.

    Returns:
        Such as ``0.1.0+1f2e3d4c5b6a``; it changes with any file of ``bounds`` or ``empirics``.
    """
    from importlib.metadata import PackageNotFoundError, version

    root = Path(__file__).resolve().parent.parent
    seen = hashlib.sha256()
    for path in sorted(p for package in ("bounds", "empirics") for p in (root / package).rglob("*.py")):
        content = path.read_bytes()
        seen.update(f"{path.relative_to(root).as_posix()}\0{len(content)}\0".encode() + content)
    try:
        release = version("bounds")
    except PackageNotFoundError:
        release = "0"
    return f"{release}+{seen.hexdigest()[:12]}"


def payload(text: str, *, seconds: float | None = None, folder: str = ".", **worker: Any) -> dict[str, Any]:
    """What is sent to a worker.

    Args:
        text: the configuration, as JSON.
        seconds: the most that the task may take; None: as long as it takes.
        folder: where relative names of data files start.
        worker: for `empirics.workers.prepare`.

    Returns:
        A dictionary of JSON's types.
    """
    return {"text": text, "seconds": seconds, "folder": folder, "worker": worker}


def perform(sent: Mapping[str, Any]) -> dict[str, Any]:
    """Do a task and say how it ended; whatever goes wrong in it is an outcome, not an error.

    Args:
        sent: from `payload`.

    Returns:
        ``status``, ``reason``, ``value``, ``seconds`` and ``worker``.
    """
    import json

    prepare(sent["worker"])
    started = time.perf_counter()
    value: Any = None
    try:
        _same_code(sent["worker"].get("code"))
        config = json.loads(sent["text"])
        with deadline(sent["seconds"]):
            value = _KINDS[config["kind"]](config, Path(sent["folder"]))
        status, reason = _judged(value)
    except Overtime:
        status, reason = FAILED, f"took longer than task_seconds = {sent['seconds']:g}"
    except KeyboardInterrupt:
        status, reason = INTERRUPTED, ""
    except Exception as error:
        status, reason = FAILED, _sentence(error)
    return {
        "status": status,
        "reason": reason,
        "value": value if status in (DONE, DIVERGED) else None,
        "seconds": time.perf_counter() - started,
        "worker": f"{socket.gethostname()}:{os.getpid()}",
    }


def _same_code(expected: str | None) -> None:
    """A worker of a cluster may have another version installed: its results would bear the wrong key."""
    if expected is not None and expected != code_version():
        raise TheoryError(f"the worker has bounds {code_version()}, the study runs {expected}: install the same there")


def _sentence(error: Exception) -> str:
    """One line; where it is not a refusal but a fault, with its place."""
    text = (str(error).strip().splitlines() or [""])[0]
    if isinstance(error, TheoryError):
        return text
    place = error.__traceback__
    while place is not None and place.tb_next is not None:
        place = place.tb_next
    where = f" ({Path(place.tb_frame.f_code.co_filename).name}:{place.tb_lineno})" if place is not None else ""
    return f"{type(error).__name__}: {text}{where}"


def _judged(value: Mapping[str, Any]) -> tuple[str, str]:
    """The status of a result, and why it is not simply done."""
    parts = list(value["configuration"].values()) if "configuration" in value else [value]
    if any(part["interrupted"] for part in parts):
        return INTERRUPTED, ""
    blown = [run for part in parts for run in part.get("runs", ()) if _blown(str(run["reason"]))]
    if not blown:
        return DONE, ""
    return DIVERGED, "; ".join(f"width {run['width']}, seed {run['seed']}: {run['reason']}" for run in blown[:3])


def _blown(reason: str) -> bool:
    return bool({"diverged", "nan"} & set(reason.replace(",", " ").split()))


def _compare(config: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """One paper's comparison."""
    from empirics.data import load
    from empirics.experiments import experiment

    module, asked, data = experiment(config["paper"]), config["data"], None
    setting = module.Setting(**{k: tuple(v) if isinstance(v, list) else v for k, v in config["setting"].items()})
    if asked is not None:
        data = load(_place(asked, folder), samples=asked["samples"], seed=asked["seed"], d=asked["input_dim"])
    found: dict[str, Any] = module.compare(setting, data, frozenset(config["only"])).to_dict()
    return found


def _critical(config: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """One search for a least width."""
    from empirics.headline import headline
    from empirics.recipe import Search

    asked = config["data"]
    search = Search(**config["setting"])
    name = _place(asked, folder)
    return headline([config["paper"]], name, [asked["samples"]], search, seed=asked["seed"]).to_dict()


def _place(asked: Mapping[str, Any], folder: Path) -> str:
    """A data set's name, or where its file is."""
    name: str = asked["name"]
    return str(folder / name) if asked.get("sha256") else name


_KINDS: Mapping[str, Callable[[Mapping[str, Any], Path], dict[str, Any]]] = {COMPARE: _compare, CRITICAL: _critical}
