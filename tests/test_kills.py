"""A study that is killed again and again: nothing that was stored is lost, changed, doubled or done again.

BOUNDS_ROUNDS=50 kills the run fifty times instead of ten.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import jobs
import psutil
import pytest

from empirics.resumed import resumed
from empirics.store import DIVERGED, DONE, FAILED, PLANNED, Store, TaskRow
from empirics.study import read, store_path
from empirics.sweep import run
from empirics.task import task_key

ROUNDS = int(os.environ.get("BOUNDS_ROUNDS", "10"))
TASKS_A_ROUND = 15
EXIT_REFUSED, EXIT_FAILED = 2, 3
PATIENCE = 120.0
"""Seconds after which what should have ended, or begun, is taken to hang."""
STUDY = """
[study]
name = "killed"
paper = "banerjee2023"
quantities = ["weight_norm_init"]
[grid]
widths = {widths}
seeds = [0, 1, 2, 3, 4]
[setting]
steps = 1
"""


class Here:
    """Does the tasks in this process."""

    worker: dict = {}  # noqa: RUF012

    def stream(self, function, arguments):
        return ((k, function(argument)) for k, argument in enumerate(arguments))


class Server:
    """The process of which all that is started is a fork."""

    def __init__(self):
        command = [sys.executable, str(Path(__file__).parent / "coordinator.py")]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._process.stdout.readline()

    def ask(self, **asked):
        self._process.stdin.write(json.dumps(asked) + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())

    def close(self):
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()


class Runs:
    """Starts commands, and knows what has become of them."""

    def __init__(self, server, folder):
        self.says, self.groups, self.pids, self._server = folder / "says", [], [], server

    def start(self, *command, group=0):
        """The process's id; its group's is the same unless another is named."""
        pid = self._server.ask(start=[str(word) for word in command], says=str(self.says), group=group)
        self.pids.append(pid)
        self.groups += [] if group else [pid]
        return pid

    def wait(self, pid):
        """Its exit code, negative for a signal."""
        until(lambda: not alive(pid))
        return self._server.ask(wait=pid)

    def kill(self, pid):
        """Its exit code: that of the signal, unless it had ended before."""
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        return self.wait(pid)

    def members(self):
        """What is left of all that was started."""
        found = []
        for process in psutil.process_iter():
            with suppress(ProcessLookupError, psutil.NoSuchProcess):
                if os.getpgid(process.pid) in self.groups and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process.pid)
        return found

    def close(self):
        for group in self.groups:
            with suppress(ProcessLookupError):
                os.killpg(group, signal.SIGKILL)
        until(lambda: not self.members())
        for pid in self.pids:  # what the trackers of killed groups would have removed
            for left in Path("/dev/shm").glob(f"sem.loky-{pid}-*"):
                left.unlink(missing_ok=True)
            for left in Path("/dev/shm").glob(f"joblib_memmapping_folder_{pid}_*"):
                shutil.rmtree(left, ignore_errors=True)


@pytest.fixture(scope="module")
def server():
    started = Server()
    try:
        yield started
    finally:
        started.close()


@pytest.fixture
def runs(server, tmp_path):
    started = Runs(server, tmp_path)
    try:
        yield started
    finally:
        started.close()


def alive(pid):
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def until(true):
    """Wait for it, however slow the machine."""
    last = time.monotonic() + PATIENCE
    while not (found := true()):
        assert time.monotonic() < last
        time.sleep(0.005)
    return found


@pytest.fixture
def asked(tmp_path):
    def write(tasks):
        """A study file of so many tasks."""
        path = tmp_path / "killed.toml"
        path.write_text(STUDY.format(widths=list(range(1, tasks // 5 + 1))))
        return path

    return write


@dataclass(frozen=True)
class Ended:
    """A task that a store says has ended, with every byte of its result."""

    row: TaskRow
    result: bytes | None


def ended(path):
    """The tasks that have ended, by name; whatever must be true of a store at any instant is checked on the way."""
    with Store.read(path) as store:
        sql = store._connection.execute
        sql("BEGIN")  # all of it as at one instant, while others write
        assert sql("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert sql("PRAGMA foreign_key_check").fetchall() == []
        blobs = dict(sql("SELECT key, value FROM result"))
        rows = store.rows(everything=True)
        assert len({row.text for row in rows}) == len({row.key for row in rows}) == len(rows)
        found = {}
        for row in rows:
            assert row.key == task_key(row.text, row.code)
            result = store.result(row.key)
            assert (result is None) == (row.key not in blobs)
            if row.status == PLANNED:
                assert (row.reason, row.seconds, row.finished, row.worker, result) == ("", None, None, None, None)
                continue
            assert row.finished is not None
            assert row.worker is not None
            if (row.status, row.reason[:10]) != (FAILED, "its worker"):
                said = jobs.ending(row.config)
                assert (row.status, row.reason, result) == (said["status"], said["reason"], said["value"])
            found[jobs.task_of(row.config)] = Ended(row, blobs.pop(row.key, None))
        assert not blobs  # no result without its task
        return found


def begun(folder):
    """(coordinator, worker, task) of every task that was begun, in that order."""
    path = folder / "begun"
    lines = path.read_text().splitlines() if path.exists() else []
    return [(int(parent), int(worker), task) for parent, worker, task in (line.split() for line in lines)]


def kept(before, path, did):
    """What has ended now; what had ended before is there as it was, and is not among the tasks begun since."""
    after = ended(path)
    assert {task: after[task] for task in before} == before
    assert not set(did) & before.keys()
    return after


def undisturbed(file):
    """What a study that nothing disturbs stores."""
    path = file.with_name("undisturbed.sqlite")
    with Store.read(store_path(file)) as store:
        code = store.study["code"]
    found = run(resumed(file, store_path(file)) or read(file), path, Here(), function=jobs.at_once, code=code)
    assert found.left == 0
    return lasting(ended(path))


def lasting(found):
    """Of every task what does not depend on when and where it was done."""
    anywhere = {"seconds": None, "finished": None, "worker": None}
    return {task: (replace(end.row, **anywhere), end.result) for task, end in found.items()}


def run_for(folder, pid):
    """The names of the tasks that were begun for a coordinator."""
    return [task for parent, _, task in begun(folder) if parent == pid]


def finish(runs, file, found, *options):
    """Let the study end: what is left is done, each task once, and the store is that of a study never disturbed."""
    pid = runs.start("study", file, "--workers", 2, *options)
    assert runs.wait(pid) == EXIT_FAILED, runs.says.read_text()
    did = run_for(file.parent, pid)
    found = kept(found, store_path(file), did)
    assert len(set(did)) == len(did)
    assert lasting(found) == undisturbed(file)
    assert {end.row.status for end in found.values()} == {DONE, DIVERGED, FAILED}
    until(lambda: not runs.members())  # no worker stays behind
    return found


def test_a_run_that_is_killed_again_and_again(tmp_path, asked, runs):
    file, total = asked(ROUNDS * TASKS_A_ROUND), ROUNDS * TASKS_A_ROUND
    path, draw, found = store_path(file), random.Random(0), {}
    working = in_flight = 0
    for _ in range(ROUNDS):
        pid = runs.start("study", file, "--workers", 2)
        if draw.random() < 0.8:  # else while it starts, reads, opens the store and plans
            until(lambda pid=pid: run_for(tmp_path, pid) or not alive(pid))
        time.sleep(draw.uniform(0, 0.3))
        assert runs.kill(pid) == -signal.SIGKILL, runs.says.read_text()
        if path.exists():
            did = set(run_for(tmp_path, pid))
            found = kept(found, path, did)
            working += bool(did)
            in_flight += bool(did - found.keys())
        assert len(found) < total
    assert working >= ROUNDS / 2
    assert in_flight >= ROUNDS / 3
    found = finish(runs, file, found)
    ends = 0
    for _ in range(ROUNDS // 4):  # with nothing left to do, the kills come at the end, when the log is put away
        pid = runs.start("study", file, "--workers", 2)
        time.sleep(draw.uniform(0, 0.2))
        ended_so = runs.kill(pid)
        assert ended_so in (-signal.SIGKILL, EXIT_FAILED), runs.says.read_text()
        ends += ended_so == -signal.SIGKILL
        assert kept(found, path, run_for(tmp_path, pid)) == found
    print(
        f"{ROUNDS} kills, {working} after tasks were begun, {in_flight} with tasks in flight, {len(found)} rows;",
        end=" ",
    )
    print(f"{ends} more kills with nothing left to do")


def test_a_store_that_is_killed_while_it_is_made_and_put_away(tmp_path, runs):
    """Its life is short here, so that kills hit its making, its checkpoints and its end."""
    path, draw = tmp_path / "a.sqlite", random.Random(1)
    started = time.monotonic()
    assert runs.wait(runs.start("store", path, 8)) == 0
    life, done, killed = time.monotonic() - started, {}, 0
    for _ in range(3 * ROUNDS):
        if draw.random() < 0.5 or len(done) == 8:  # a new one, whatever is left of the last
            done = {}
            for left in tmp_path.glob("a.sqlite*"):
                if draw.random() < 0.5 or left == path:
                    left.unlink()
        pid = runs.start("store", path, 8)
        time.sleep(draw.uniform(0, life))
        code = runs.kill(pid)
        assert code in (0, -signal.SIGKILL), runs.says.read_text()
        killed += code == -signal.SIGKILL
        if path.exists():
            with Store.read(path) as store:
                assert store._connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
                now = {row.key: (row, store.result(row.key)) for row in store.rows() if row.status == DONE}
            assert {key: now[key] for key in done} == done
            assert all(result[0] == key for key, (_, result) in now.items())
            done = now
        assert code or len(done) == 8
    assert killed >= ROUNDS


def test_workers_that_are_killed(tmp_path, asked, runs):
    """Their tasks are done again, or are rows that say so; the rest goes on."""
    file = asked(100)
    path, draw, found = store_path(file), random.Random(2), {}
    pid = runs.start("study", file, "--workers", 2)
    seen, killed = 0, 0
    for _ in range(max(3, ROUNDS // 5)):
        until(lambda seen=seen: len(begun(tmp_path)) > seen)
        time.sleep(draw.uniform(0, 0.1))
        found = kept(found, path, [task for *_, task in begun(tmp_path)[seen:]])
        seen = len(begun(tmp_path))
        worker = begun(tmp_path)[-1][1]
        with suppress(ProcessLookupError):  # it may have ended with the one that was killed before
            os.kill(worker, signal.SIGKILL)
            killed += 1
        until(lambda worker=worker: not alive(worker))
    assert runs.wait(pid) == EXIT_FAILED, runs.says.read_text()
    found = kept(found, path, [task for *_, task in begun(tmp_path)[seen:]])
    assert len(found) == 100
    assert len(begun(tmp_path)) > 100  # kills did hit tasks
    assert killed >= 2
    lost = {task for task, end in found.items() if end.row.reason.startswith("its worker died with SIGKILL")}
    assert len(lost) < killed  # a task is lost that two kills have hit
    sound = {task: end for task, end in found.items() if end.row.status != FAILED}
    finish(runs, file, sound, "--retry-failed")


def test_two_runs_of_a_study_that_are_killed_together(tmp_path, asked, runs):
    """One of them works, the other is refused; both and all their workers are killed at once."""
    tasks = 80 * max(3, ROUNDS // 5)
    file = asked(tasks)
    path, draw, found = store_path(file), random.Random(3), {}
    for k in range(max(3, ROUNDS // 5)):
        first = runs.start("study", file, "--workers", 2)
        second = runs.start("study", file, "--workers", 2, group=first)
        pair = (first, second)
        until(lambda pair=pair: any(run_for(tmp_path, pid) for pid in pair))
        if k == 0:
            until(lambda pair=pair: not all(map(alive, pair)))
        time.sleep(draw.uniform(0, 0.2))
        os.killpg(first, signal.SIGKILL)
        codes = sorted(map(runs.wait, pair))
        assert codes in ([-signal.SIGKILL] * 2, [-signal.SIGKILL, EXIT_REFUSED]), runs.says.read_text()
        assert k or codes[1] == EXIT_REFUSED
        did = [run_for(tmp_path, pid) for pid in pair]
        assert not all(did)
        found = kept(found, path, [*did[0], *did[1]])
        assert len(found) < tasks
    assert "this study is being run by process" in runs.says.read_text()
    finish(runs, file, found)
