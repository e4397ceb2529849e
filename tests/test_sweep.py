"""Engines on real processes: nothing lost or doubled when workers die, on Ctrl-C, and after kill -9."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import jobs
import pytest

from bounds.errors import TheoryError
from empirics.cluster import Dask
from empirics.deadline import Overtime, deadline
from empirics.engines import Local, Lost
from empirics.store import DONE, FAILED, PLANNED, Store
from empirics.study import Study
from empirics.sweep import run
from empirics.task import Task

HERE = Path(__file__).parent
CODE = "1"
CHILD = """
import signal, sys
from pathlib import Path
signal.signal(signal.SIGINT, signal.default_int_handler)  # a parent in the background may have it ignored
sys.path.insert(0, sys.argv[1])
import jobs, test_sweep
from empirics.engines import Local
from empirics.sweep import run
study = test_sweep.study_of(Path(sys.argv[2]), 30, 0.1)
print(run(study, Path(sys.argv[3]), Local(2), function=jobs.logged, code="1"), flush=True)
"""


class Here:
    """Does the tasks in this process."""

    worker: dict = {}  # noqa: RUF012

    def stream(self, function, arguments):
        return ((k, function(argument)) for k, argument in enumerate(arguments))


def study_of(log, count, sleep=0.0):
    settings = [{"seed": k, "sleep": sleep, "log": str(log)} for k in range(count)]
    return Study("a test", "compare", tuple(Task("compare", "banerjee2023", s) for s in settings), "", log.parent)


def test_every_result_comes_once_with_the_cores_divided():
    found = dict(Local(workers=2, threads=1).stream(jobs.square, range(10)))
    assert found == {k: (k * k, "1") for k in range(10)}
    assert Local(workers=10**4).threads == 1


@pytest.mark.parametrize("workers", [1, 2])
def test_a_worker_that_dies_takes_one_task_with_it(workers):
    found = dict(Local(workers, threads=1).stream(jobs.deadly, range(6)))
    lost = found.pop(2)
    assert found == {k: k for k in (0, 1, 3, 4, 5)}
    assert isinstance(lost, Lost)
    assert "its worker died with SIGKILL" in lost.reason


def test_each_worker_has_a_gpu_of_its_own():
    engine = Local(gpus=("3", "5"), threads=1)
    assert engine.workers == 2
    told = engine.worker | {"threads": None}
    found = dict(engine.stream(jobs.device, [told] * 8))
    assert len(set(found.values())) == len({pid for pid, _ in found.values()})  # one each, and it stays
    assert {gpu for _, gpu in found.values()} == {"3", "5"}
    with pytest.raises(TheoryError, match="workers = 3: there are 2 GPUs"):
        Local(workers=3, gpus=("3", "5"))


def test_what_is_stored_is_not_done_again(tmp_path):
    log, path = tmp_path / "log", tmp_path / "a.sqlite"
    study = study_of(log, 4)
    first = run(study, path, Here(), function=jobs.logged, code=CODE)
    assert (first.done, first.failed, first.left, first.added) == (3, 1, 0, 4)
    assert first.reasons == {"it does": 1}
    assert run(study_of(log, 6), path, Here(), function=jobs.logged, code=CODE).added == 2
    assert Counter(log.read_text().split()) == Counter("012345")
    assert run(study, path, Here(), function=jobs.logged, code=CODE, retry=True).added == 1  # the failed one
    assert Counter(log.read_text().split())["1"] == 2
    with Store.read(path) as store:
        assert [r.status for r in store.rows()] == [DONE, FAILED, DONE, DONE]


def test_a_task_that_was_stopped_is_not_stored(tmp_path):
    def stopped(sent):
        return jobs.outcome({"seed": 0}) | {"status": "interrupted" if '"seed":0' in sent["text"] else "done"}

    found = run(study_of(tmp_path / "log", 2), tmp_path / "a.sqlite", Here(), function=stopped, code=CODE)
    assert (found.done, found.left) == (1, 1)


def stored(path):
    """How many tasks are stored, and what the store says of them."""
    try:
        with Store.read(path) as store:
            return [row for row in store.rows() if row.status != PLANNED]
    except TheoryError:
        return []


@pytest.mark.parametrize("signal_", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_run_that_is_ended_goes_on(tmp_path, signal_):
    log, path = tmp_path / "log", tmp_path / "a.sqlite"
    command = [sys.executable, "-c", CHILD, str(HERE), str(log), str(path)]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    while len(stored(path)) < 3:
        assert child.poll() is None, child.communicate()
        time.sleep(0.05)
    child.send_signal(signal_)
    out, err = child.communicate(timeout=60)
    if signal_ == signal.SIGKILL:
        assert child.returncode == -signal.SIGKILL
    else:
        assert "interrupted=True" in out, err
        assert not err  # no traceback, nothing in a pipe
    kept = {row.key for row in stored(path)}
    assert 3 <= len(kept) < 30
    ended = log.read_text()
    seen = Counter(ended.split())
    found = run(study_of(log, 30, 0.1), path, Here(), function=jobs.logged, code=CODE)
    assert (found.done, found.failed, found.left) == (29, 1, 0)
    assert found.added == 30 - len(kept)
    again = Counter(log.read_text().split()) - seen
    assert set(again.values()) == {1}
    assert len(again) == found.added  # only what was not stored


def test_a_limit_on_time_in_any_thread():
    def forever():
        with deadline(0.05):
            while True:
                time.sleep(0.001)

    with pytest.raises(Overtime):
        forever()
    with deadline(60):
        pass
    with pytest.raises(ValueError, match="its own"), deadline(60):
        raise ValueError("its own")
    for _ in range(50):  # whenever it strikes, it strikes within the block
        try:
            with deadline(0.001):
                time.sleep(0.001)
        except Overtime:
            pass
    time.sleep(0.01)


def test_a_cluster_loses_a_worker_midway():
    distributed = pytest.importorskip("distributed")
    import dask

    quiet = {"distributed.scheduler.allowed-failures": 1, "distributed.admin.log-format": "%(message)s"}
    options = {"n_workers": 2, "threads_per_worker": 1, "processes": True, "dashboard_address": None}
    with dask.config.set(quiet), distributed.LocalCluster(**options, silence_logs=50) as cluster:
        engine = Dask(cluster.scheduler_address)
        found: dict[int, object] = {}
        killed = None
        for position, result in engine.stream(jobs.slow, range(12)):
            found[position] = result[0]
            if killed is None:
                killed = result[1]
                os.kill(killed, signal.SIGKILL)
        assert found == {k: k for k in range(12)}
        found = dict(engine.stream(jobs.fatal, range(4)))
        lost = found.pop(1)
        assert found == {0: 0, 2: 2, 3: 3}
        assert isinstance(lost, Lost)
        assert "its worker died" in lost.reason


def test_no_scheduler():
    pytest.importorskip("distributed")
    with pytest.raises(TheoryError, match="no dask scheduler at tcp://"):
        next(Dask("tcp://127.0.0.1:9", timeout=0.2).stream(jobs.square, [1]))
