"""What the workers of test_sweep do; importing little, they start fast."""

from __future__ import annotations

import json
import os
import random
import signal
import time
from pathlib import Path


def outcome(value):
    return {"status": "done", "reason": "", "value": value, "seconds": 0.0, "worker": str(os.getpid())}


def square(x):
    time.sleep(0.02)
    return x * x, os.environ.get("OMP_NUM_THREADS")


def deadly(x):
    """Task 2 kills its worker, as the system does when memory runs out."""
    if x == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    return x


def logged(sent):
    """A task that writes down that it was done, and takes a while."""
    from empirics.workers import prepare

    prepare(sent["worker"] | {"threads": None})  # no torch here
    config = json.loads(sent["text"])
    time.sleep(config["setting"]["sleep"])
    seed = config["setting"]["seed"]
    with Path(config["setting"]["log"]).open("a") as file:
        file.write(f"{seed}\n")
    if seed == 1:
        return outcome(None) | {"status": "failed", "reason": "it does"}
    return outcome({"seed": seed})


def device(sent):
    """The GPU that this worker got."""
    from empirics.workers import prepare

    prepare(sent)
    time.sleep(0.2)
    return os.getpid(), os.environ["CUDA_VISIBLE_DEVICES"]


def slow(x):
    time.sleep(0.2)
    return x, os.getpid()


def fatal(x):
    """Task 1 kills whatever worker tries it."""
    if x == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return x


def brief(sent):
    """A short task of `test_kills`: it notes who began it, for whom, takes its time, and ends in one of three ways."""
    from empirics.workers import prepare

    prepare(sent["worker"] | {"threads": None})  # no torch here
    config = json.loads(sent["text"])
    with (Path(sent["folder"]) / "begun").open("a") as file:
        file.write(f"{os.getppid()} {os.getpid()} {task_of(config)}\n")
    time.sleep(random.uniform(0, 0.04))
    return ending(config) | {"worker": str(os.getpid())}


def at_once(sent):
    """The same task, without its time."""
    return ending(json.loads(sent["text"]))


def task_of(config):
    """A task's name in the notes of `brief`."""
    return f"{config['setting']['widths'][0]}/{config['setting']['first_seed']}"


def ending(config):
    """What the configuration alone decides of a task: how it ends, and its result of some 10 kB."""
    width, seed = config["setting"]["widths"][0], config["setting"]["first_seed"]
    draw = random.Random(f"{width} {seed}")
    found = outcome({"width": width, "seed": seed, "numbers": [draw.random() for _ in range(1000)]})
    if seed % 5 == 3:
        return found | {"status": "failed", "reason": f"seed {seed} fails", "value": None}
    return found | ({"status": "diverged", "reason": f"seed {seed} diverges"} if seed % 5 == 4 else {})
