"""Checkpoints that a training goes on from as if it had never stopped; files of others are refused and left alone."""

from __future__ import annotations

import os
import pickle
import tempfile
import warnings
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from bounds.errors import TheoryError
from empirics.figures import check_folder

FORMAT = "bounds landscape 1"


@dataclass
class State:
    """Everything that the rest of a training depends on.

    Attributes:
        epoch: Epochs that are done.
        model: The network.
        optimiser: With its momenta.
        generator: Of orders and crops.
    """

    epoch: int
    model: nn.Module
    optimiser: torch.optim.Optimizer
    generator: torch.Generator

    def restore(self, saved: Mapping[str, Any]) -> None:
        """Put a checkpoint's state in place."""
        self.model.load_state_dict(saved["model"])
        self.optimiser.load_state_dict(saved["optimiser"])
        self.generator.set_state(saved["generator"])
        self.epoch = saved["epoch"]


@dataclass(frozen=True)
class Store:
    """The checkpoints of one training in a folder.

    Attributes:
        folder: Where.
        stem: How its files' names begin.
        recipe: What determines the training, by name; a file with another recipe is refused.
    """

    folder: Path
    stem: str
    recipe: Mapping[str, str]

    def path(self, epoch: int | None = None) -> Path:
        """The latest checkpoint, or the one that is kept after an epoch."""
        return self.folder / f"{self.stem}{'' if epoch is None else f'.epoch{epoch}'}.pt"

    def save(self, state: State, *, keep: bool) -> None:
        """Write the latest checkpoint, and one to keep.

        Args:
            state: Of the training.
            keep: Whether this epoch has a panel.

        Raises:
            TheoryError: The folder cannot be written to.
        """
        check_folder(self.folder)
        saved = {
            "format": FORMAT,
            "recipe": dict(self.recipe),
            "epoch": state.epoch,
            "model": state.model.state_dict(),
            "optimiser": state.optimiser.state_dict(),
            "generator": state.generator.get_state(),
        }
        if keep:  # before the latest, which promises that it is there
            _write(saved, self.path(state.epoch))
        _write(saved, self.path())

    def load(self, epoch: int | None = None) -> dict[str, Any] | None:
        """A checkpoint, if there is one; its tensors are on the CPU.

        Args:
            epoch: The one kept after this epoch; None: the latest.

        Raises:
            TheoryError: The file is damaged or belongs to another training; it stays as it is.
        """
        path = self.path(epoch)
        if not path.exists():
            return None
        state = _read(path)
        _check_recipe(state["recipe"], self.recipe, path)
        return state

    def kept(self, epoch: int) -> dict[str, Any]:
        """The checkpoint of an epoch that the latest one lies behind.

        Raises:
            TheoryError: It is missing, or as in `load`.
        """
        state = self.load(epoch)
        if state is None:
            raise TheoryError(
                f"checkpoint {self.path(epoch)} is missing though later epochs are there: "
                f"bring it back, or move {self.path().name} away to train anew"
            )
        return state


def _write(state: Mapping[str, Any], path: Path) -> None:
    """All or nothing: a reader sees the old file or the new one."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            torch.save(state, file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, path)
    except OSError as error:
        raise TheoryError(f"checkpoint {path} cannot be written ({error.strerror}): choose another folder") from None
    finally:
        Path(name).unlink(missing_ok=True)


def _read(path: Path) -> dict[str, Any]:
    """Tensors, numbers and words only: nothing in the file is executed."""
    refused = f"checkpoint {path} is damaged or no checkpoint of this program: move it away, or name another folder"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what torch thinks of a file that is no checkpoint
            state = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, KeyError, OSError, zipfile.BadZipFile):
        raise TheoryError(refused) from None
    needed = {"format", "recipe", "epoch", "model", "optimiser", "generator"}
    if not isinstance(state, dict) or not needed <= state.keys() or state["format"] != FORMAT:
        raise TheoryError(refused)
    return state


def _check_recipe(found: Mapping[str, str], asked: Mapping[str, str], path: Path) -> None:
    for name in asked:
        if found.get(name) != asked[name]:
            raise TheoryError(
                f"checkpoint {path} has {name} = {found.get(name)}, asked is {asked[name]}: "
                "name another folder, or move it away"
            )
