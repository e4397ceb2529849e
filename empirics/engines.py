"""Where the tasks of a study are done: joblib's processes on this machine; `empirics.cluster` has dask's workers.

An engine takes a function and arguments and yields (position, result) as they finish; a task that its worker did not
survive yields `Lost` in place of a result, and the others go on.
"""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
import threading
import warnings
import weakref
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

from bounds.errors import TheoryError
from empirics.numbered import numbered
from empirics.workers import attach

Batch = list[tuple[int, Any]]


@dataclass(frozen=True)
class Lost:
    """In place of the result of a task whose worker died."""

    reason: str


class Engine(Protocol):
    """What does tasks."""

    @property
    def worker(self) -> dict[str, Any]:
        """What every worker is told, for `empirics.workers.prepare`."""
        ...

    def stream(self, function: Callable[[Any], Any], arguments: Sequence[Any]) -> Iterator[tuple[int, Any]]:
        """Do all and yield (position, result) in the order of their ends."""
        ...


@dataclass
class Local:
    """Processes of joblib (loky) on this machine.

    Attributes:
        workers: How many; None: one for each GPU in use, else one for each core.
        threads: Threads of each; None: the cores divided among the workers.
        gpus: Names of the GPUs in use, one worker each.
    """

    workers: int | None = None
    threads: int | None = None
    gpus: tuple[str, ...] = ()
    _slots: str = field(default="", init=False, repr=False)

    def __post_init__(self) -> None:
        import joblib

        cores = int(joblib.cpu_count())
        if self.gpus and self.workers is not None and self.workers > len(self.gpus):
            raise TheoryError(f"workers = {self.workers}: there are {len(self.gpus)} GPUs, one for each worker")
        self.workers = self.workers or len(self.gpus) or cores
        self.threads = self.threads or max(1, cores // self.workers)

    @property
    def worker(self) -> dict[str, Any]:
        """Threads, and the GPUs with the folder where their locks are."""
        told: dict[str, Any] = {"threads": self.threads}
        if self.gpus:
            if not self._slots:
                self._slots = tempfile.mkdtemp(prefix="bounds-gpus-")
                weakref.finalize(self, shutil.rmtree, self._slots, ignore_errors=True)
            told |= {"gpus": list(self.gpus), "slots": self._slots}
        return told

    def stream(self, function: Callable[[Any], Any], arguments: Sequence[Any]) -> Iterator[tuple[int, Any]]:
        """Do all in processes.

        When a worker dies, joblib ends them all and does not say which task was to blame: those in flight are done
        again, apart, in halves, until one is alone with its worker.

        Args:
            function: Importable by the workers.
            arguments: One for each task.

        Yields:
            (position, result or `Lost`).
        """
        from joblib.externals.loky.process_executor import BrokenProcessPool

        batches: deque[Batch] = deque([list(enumerate(arguments))])
        while batches:
            batch = batches.popleft()
            started: dict[int, Any] = {}
            given = iter(batch)
            try:
                with _stopped(self._parallel(function, given, started)) as results:
                    for position, result in results:
                        del started[position]
                        yield position, result
            except BrokenProcessPool as error:
                suspects = list(started.items())
                if rest := list(given):
                    batches.appendleft(rest)
                if len(suspects) == 1 and len(batch) == 1:
                    yield batch[0][0], Lost(_ending(str(error)))
                else:
                    half = (len(suspects) + 1) // 2
                    batches += [part for part in (suspects[:half], suspects[half:]) if part]

    def _parallel(
        self, function: Callable[[Any], Any], given: Iterator[tuple[int, Any]], started: dict[int, Any]
    ) -> Any:
        """The generator of results; with a single worker joblib would use this process, which must survive."""
        from joblib import Parallel, delayed, parallel_config

        assert self.workers is not None

        def calls() -> Iterator[Any]:
            for position, argument in given:
                started[position] = argument
                yield delayed(numbered)(function, position, argument)

        options: dict[str, Any] = {"batch_size": 1, "pre_dispatch": self.workers, "max_nbytes": None}
        processes = max(2, self.workers)
        start = {"initializer": attach, "initargs": (os.getpid(),)}
        with _deaf(), parallel_config("loky", n_jobs=processes, inner_max_num_threads=self.threads, **start):
            return Parallel(return_as="generator_unordered", **options)(calls())


@contextmanager
def _deaf() -> Iterator[None]:
    """Processes started here never hear Ctrl-C, which is for the one that leads them, not even while they start."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # which a new process inherits
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def _stopped(results: Any) -> Iterator[Any]:
    """The results, and at the end no worker that goes on; joblib warns of what was asked for."""
    try:
        yield results
    finally:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            results.close()


def _ending(text: str) -> str:
    """What joblib knows of a worker's death, in one line."""
    codes = text.rsplit("{", 1)[-1].split("}")[0] if "exit codes" in text else ""
    how = f" with {codes}" if codes else ""
    memory = ", as when memory runs out" if "SIGKILL" in codes else ""
    return f"its worker died{how}{memory}"
