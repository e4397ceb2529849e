"""The workers of a dask cluster as the engine of a study, on whatever machines they are."""

from __future__ import annotations

import asyncio
import concurrent.futures
import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from bounds.errors import TheoryError
from empirics.engines import Batch, Lost
from empirics.task import code_version

CANCELLED = (concurrent.futures.CancelledError, asyncio.CancelledError)
KILLED = "its worker died, and so did those that tried it again"


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
            suspects: Batch = []
            for position, result in self._all(client, as_completed, function, list(enumerate(arguments))):
                if isinstance(result, Lost) and result.reason == KILLED:
                    suspects.append((position, arguments[position]))
                else:
                    yield position, result
            for suspect in suspects:  # a worker that dies takes the blame to all that waited for it
                yield from self._all(client, as_completed, function, [suspect])

    def _all(self, client: Any, as_completed: Any, function: Callable[[Any], Any], batch: Batch) -> Iterator[Any]:
        """Do a batch at once."""
        futures = [client.submit(function, argument, pure=False) for _, argument in batch]
        at = {future.key: position for future, (position, _) in zip(futures, batch, strict=True)}
        try:
            for future in as_completed(futures):
                yield at[future.key], _outcome(future)
                future.release()
        except (OSError, *CANCELLED):  # a task's own errors are results
            text = f"the scheduler {self.scheduler} is gone; what was finished is kept: run the same command again"
            raise OSError(text) from None
        finally:
            with suppress(Exception):
                client.cancel(futures)


def _outcome(future: Any) -> Any:
    """The result, or why there is none."""
    if future.status != "error":
        return future.result()
    error = future.exception()
    if type(error).__name__ == "KilledWorker":
        return Lost(KILLED)
    return Lost(f"{type(error).__name__}: {(str(error).splitlines() or [''])[0]}")


def _distributed() -> tuple[Any, Any]:
    try:
        from distributed import Client, as_completed
    except ModuleNotFoundError as error:
        raise TheoryError(f"{error.name} is not installed: pip install 'bounds[dask]' -c constraints.txt") from None
    logging.getLogger("distributed.client").setLevel(logging.CRITICAL)  # it prints a traceback for a lost connection
    return Client, as_completed
