"""`bounds study run`, ready to start in an instant: this process has imported it, and every start is a fork of it.

One JSON object on each line of standard input, one line of answer on standard output, after a first when it is ready:
``{"start": [...], "says": file, "group": pid or 0}`` is answered by the process's id, ``{"wait": pid}`` by its exit
code, negative for a signal. What a command starts belongs to its process group, or to that of ``group``. All but the
tasks is what a user runs: `jobs.brief` stands for the training, for which workers would import torch for seconds.
"""

from __future__ import annotations

import json
import os
import sys

import joblib  # noqa: F401 - as those below, for the forks to have it
import jobs

import cli
from empirics import cluster, resumed, study, study_table, sweep  # noqa: F401
from empirics.experiments import experiment
from empirics.store import Store
from empirics.task import code_version


def study_run(*arguments):
    """The command, up to its exit."""
    sweep.run.__kwdefaults__["function"] = jobs.brief
    sys.argv = ["bounds", "study", "run", *arguments]
    cli.main()


def store(path, count):
    """A store from its making to its end, with results that fill hundreds of pages."""
    with Store.write(path) as opened:
        opened.plan([(str(k), "{}") for k in range(int(count))], code="1", study={"name": "killed"})
        for row in opened.rows():
            if row.status == "planned":
                opened.commit(row.key, "done", seconds=1.0, value=[row.key, os.urandom(100_000).hex()])
    os._exit(0)  # what is left has nothing to do with the store


COMMANDS = {"study": study_run, "store": store}


def begin(command, *arguments, says):
    """In the new process: do the command, and end as a program does."""
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    out = os.open(says, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(out, 1)
    os.dup2(out, 2)
    COMMANDS[command](*arguments)


def main():
    code_version()  # once, for all
    experiment("banerjee2023")  # what a new study imports
    print(0, flush=True)
    for line in sys.stdin:
        asked = json.loads(line)
        if "wait" in asked:
            print(os.waitstatus_to_exitcode(os.waitpid(asked["wait"], 0)[1]), flush=True)
            continue
        pid = os.fork()
        os.setpgid(pid, asked["group"] or pid)  # in both, whichever comes first
        if not pid:
            return begin(*asked["start"], says=asked["says"])
        print(pid, flush=True)


if __name__ == "__main__":
    main()
