"""What the run store and the engine of a study cost, and what they save.

Four numbers: the overhead on 200 tasks of a second in two workers (sleeps, with results as large as a comparison's);
how soon a run that was killed goes on; the listing of a store with 10 000 results; two one-thread workers against one.

python benchmarks/study.py [--seconds 0.2] [--tasks 200]
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from empirics.engines import Local
from empirics.store import DONE, Store, canonical
from empirics.study import Study
from empirics.sweep import run
from empirics.task import Task

NUMBERS = 8000
"""Numbers in a result: some 150 kB of JSON, a comparison of song2021's size."""


def sleeper(sent: dict[str, Any]) -> dict[str, Any]:
    """A task that takes its time and says when it started."""
    started = time.time()
    config = json.loads(sent["text"])["setting"]
    time.sleep(config["sleep"])
    return _outcome(started, [random.random() for _ in range(config["numbers"])])


def worker(sent: dict[str, Any]) -> dict[str, Any]:
    """A task that computes in one thread."""
    import numpy as np

    started = time.time()
    matrix = np.random.default_rng(0).normal(size=(400, 400))
    for _ in range(json.loads(sent["text"])["setting"]["products"]):
        matrix = matrix @ matrix
        matrix /= np.abs(matrix).max()
    return _outcome(started, float(matrix.sum()))


def _outcome(started: float, numbers: Any) -> dict[str, Any]:
    value = {"started": started, "numbers": numbers}
    return {"status": DONE, "reason": "", "value": value, "seconds": time.time() - started, "worker": str(os.getpid())}


def _study(count: int, **setting: Any) -> Study:
    tasks = tuple(Task("compare", "banerjee2023", {"task": k, **setting}) for k in range(count))
    return Study("benchmark", "compare", tasks, "", Path())


def overhead(folder: Path, count: int, seconds: float) -> dict[str, float]:
    """Wall-clock time beyond that of the tasks alone, in two workers; what starting the workers takes is apart."""
    engine, options = Local(2, 1), {"function": sleeper, "code": "1", "quiet": True}
    before = time.perf_counter()
    run(_study(2, sleep=0.0, numbers=1), folder / "warm.sqlite", engine, **options)  # type: ignore[arg-type]
    start = time.perf_counter() - before
    before = time.perf_counter()
    run(_study(count, sleep=seconds, numbers=NUMBERS), folder / "o.sqlite", engine, **options)  # type: ignore[arg-type]
    wall, alone = time.perf_counter() - before, count * seconds / 2
    return {
        "tasks": count,
        "seconds_each": seconds,
        "wall_s": wall,
        "tasks_alone_s": alone,
        "overhead_ms_per_task_and_worker": 2000 * (wall - alone) / count,
        "overhead_of_one_second_tasks": 2 * (wall - alone) / count,
        "starting_workers_s": start,
    }


def resume(folder: Path) -> dict[str, float]:
    """Kill a run and start it again: until the store is ready, and until a worker starts on the next task."""
    path = folder / "r.sqlite"
    child = [sys.executable, __file__, "--child", str(path)]
    first = subprocess.Popen(child, stdout=subprocess.DEVNULL)
    while not path.exists() or sum(row.status == DONE for row in _rows(path)) < 10:
        time.sleep(0.05)
    first.send_signal(signal.SIGKILL)
    first.wait()
    kept = {row.key for row in _rows(path) if row.status == DONE}
    started = time.time()
    ready = float(subprocess.run(child, capture_output=True, text=True, check=True).stdout.split()[0]) - started
    with Store.read(path) as store:
        new = [store.result(row.key)["started"] for row in store.rows() if row.key not in kept]
    return {"kept": len(kept), "until_store_is_ready_s": ready, "until_next_task_starts_s": min(new) - started}


def _rows(path: Path) -> list[Any]:
    with Store.read(path) as store:
        return store.rows()


def child(path: Path) -> None:
    """One run, which may be killed; prints when it has read what is stored."""
    with Store.write(path) as store:
        store.rows()
    print(time.time(), flush=True)
    run(_study(40, sleep=0.1, numbers=1000), path, Local(2, 1), function=sleeper, code="1", quiet=True)  # type: ignore[arg-type]


def listing(folder: Path, count: int = 10_000) -> dict[str, float]:
    """Read all rows of a store with their configurations; the results are 20 kB each and stay where they are."""
    path, config = (
        folder / "l.sqlite",
        {"kind": "compare", "paper": "song2021", "setting": dict.fromkeys("abcdefghij", 1)},
    )
    with Store.write(path) as store:
        store._connection.execute("PRAGMA synchronous=OFF")  # filling it is not what is measured
        store.plan([(f"{k:064x}", canonical(config | {"n": k})) for k in range(count)], code="1", study={})
        for k in range(count):
            store.commit(f"{k:064x}", DONE, seconds=1.0, value=os.urandom(15_000).hex())
    times = []
    for _ in range(7):
        before = time.perf_counter()
        assert len([row.config for row in _rows(path)]) == count
        times.append(time.perf_counter() - before)
    return {
        "rows": count,
        "store_MB": path.stat().st_size / 1e6,
        "median_s": statistics.median(times),
        "max_s": max(times),
    }


def scaling(folder: Path, rounds: int) -> dict[str, Any]:
    """The same tasks by one worker and by two, in turn."""
    ratios = []
    for k in range(rounds):
        wall = {}
        for workers in (1, 2):
            engine, options = Local(workers, 1), {"function": worker, "code": "1", "quiet": True}
            run(_study(2, products=1), folder / f"w{k}{workers}.sqlite", engine, **options)  # type: ignore[arg-type]
            before = time.perf_counter()
            run(_study(24, products=150), folder / f"s{k}{workers}.sqlite", engine, **options)  # type: ignore[arg-type]
            wall[workers] = time.perf_counter() - before
        ratios.append(wall[1] / wall[2])
    return {"two_against_one": ratios, "seconds_of_one": wall[1]}


def main() -> None:
    """Run and print JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--tasks", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", choices=("overhead", "resume", "listing", "scaling"))
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.child:
        child(asked.child)
        return
    with tempfile.TemporaryDirectory() as name:
        folder, found = Path(name), {"load": os.getloadavg(), "cores": os.cpu_count()}
        for part, call in {
            "overhead": lambda: overhead(folder, asked.tasks, asked.seconds),
            "resume": lambda: resume(folder),
            "listing": lambda: listing(folder),
            "scaling": lambda: scaling(folder, asked.rounds),
        }.items():
            if asked.only in (None, part):
                found[part] = call()
        print(json.dumps(found | {"load_after": os.getloadavg()}, indent=1))


if __name__ == "__main__":
    main()
