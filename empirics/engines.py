"""Where the tasks of a study are done: joblib's processes on this machine, or the workers of a dask cluster.

An engine takes a function and arguments and yields (position, result) as they finish; a task that its worker did not
survive yields `Lost` in place of a result, and the others go on.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import warnings
import weakref
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Protocol

from bounds.errors import TheoryError
from empirics.numbered import numbered

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
        """Threads, the parent, and the GPUs with the folder where their locks are."""
        told: dict[str, Any] = {"threads": self.threads, "parent": os.getpid()}
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
        with parallel_config("loky", n_jobs=max(2, self.workers), inner_max_num_threads=self.threads):
            return Parallel(return_as="generator_unordered", **options)(calls())


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


@dataclass
class Dask:
    """The workers of a dask cluster.

    Attributes:
        scheduler: Its address, ``tcp://host:8786``.
        threads: Threads of torch in a worker; None: as it was started.
        timeout: Seconds to wait for the scheduler.
    """

    scheduler: str
    threads: int | None = None
    timeout: float = 10.0

    @property
    def worker(self) -> dict[str, Any]:
        """Threads, and the version that a worker must have."""
        from empirics.task import code_version

        return {"threads": self.threads, "code": code_version()}

    def stream(self, function: Callable[[Any], Any], arguments: Sequence[Any]) -> Iterator[tuple[int, Any]]:
        """Do all on the cluster; a task whose worker dies is done again elsewhere, as often as the scheduler allows.

        Args:
            function: Importable by the workers.
            arguments: One for each task.

        Yields:
            (position, result or `Lost`).

        Raises:
            TheoryError: dask is not installed, or no scheduler answers.
            OSError: The scheduler is gone.
        """
        client_type, as_completed = _distributed()
        try:
            client = client_type(self.scheduler, timeout=self.timeout)
        except (OSError, ValueError) as error:
            why = str(error).splitlines()[0] if str(error) else "no answer"
            raise TheoryError(f"no dask scheduler at {self.scheduler} ({why})") from None
        with client:
            futures = [client.submit(function, a, pure=False) for a in arguments]
            at = {future.key: k for k, future in enumerate(futures)}
            try:
                for future in as_completed(futures):
                    if future.status in ("cancelled", "lost"):
                        raise OSError(f"the scheduler {self.scheduler} is gone: run the same command again")
                    yield at[future.key], _outcome(future)
                    future.release()
            finally:
                with suppress(Exception):
                    client.cancel(futures)


def _outcome(future: Any) -> Any:
    """The result, or why there is none."""
    if future.status != "error":
        return future.result()
    error = future.exception()
    if type(error).__name__ == "KilledWorker":
        return Lost("its worker died, and so did those that tried it again")
    return Lost(f"{type(error).__name__}: {(str(error).splitlines() or [''])[0]}")


def _distributed() -> tuple[Any, Any]:
    try:
        from distributed import Client, as_completed
    except ModuleNotFoundError as error:
        raise TheoryError(f"{error.name} is not installed: pip install 'bounds[dask]' -c constraints.txt") from None
    return Client, as_completed
