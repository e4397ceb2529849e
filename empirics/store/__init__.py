"""The run store of a study; see `empirics.store.runs`."""

from empirics.store.file import running
from empirics.store.packing import canonical, jsonable
from empirics.store.runs import Store
from empirics.store.tables import DIVERGED, DONE, FAILED, PLANNED, TaskRow

__all__ = ["DIVERGED", "DONE", "FAILED", "PLANNED", "Store", "TaskRow", "canonical", "jsonable", "running"]
