"""Whatever a shell passes to a command: an answer, or one line that says what is wrong, and never a traceback.

``BOUNDS_FUZZ=2000 pytest tests/test_fuzz_commands.py`` draws that many calls of every command, at random.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import commands
import numpy as np
import pytest
from commands import PAPERS, QUANTITIES, Call, Drawn, calls, check, names, ranges
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from report_rows import comparison, row

import cli
from bounds.errors import TheoryError
from bounds.tables import dumps
from bounds.targets import check_picture, check_target
from empirics import experiments
from empirics.headline_drawing import check_plot
from empirics.setting import Setting

DRAWN = int(os.environ.get("BOUNDS_FUZZ", "0"))
SETTINGS = settings(
    deadline=timedelta(seconds=commands.SECONDS),
    derandomize=not DRAWN,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
STUDY = """
[study]
paper = "banerjee2023"
quantities = ["weight_norm_init"]
[grid]
widths = [4]
seeds = [0]
[setting]
steps = 1
[data]
samples = 3
"""
FILES = [
    "runs.json",
    "c.json",
    "a b/λ.json",
    "a b",
    "nowhere/x.json",
    "c.json/x.json",
    "empty",
    "bytes",
    "a.toml",
    "",
    ".",
    "/dev/null",
]
TARGETS = [
    *(
        "x.png",
        "x.svg",
        "X.PDF",
        "x.csv",
        "x.json",
        "x.npy",
        "a b/é λ.png",
        "a b/é λ.json",
        "x",
        "x.exe",
        "~",
        ".png",
        "x.",
    ),
    *(
        "a b",
        ".",
        "",
        " ",
        "nowhere/x.png",
        "empty/x.png",
        "/dev/full",
        "y" * 300 + ".png",
        "\udcff.png",
        "a\nb.png",
        "-x",
    ),
]
targets = st.sampled_from(TARGETS)
folders = st.sampled_from(["a b", "a b/λ", "new/er", "empty", "empty/x", "/dev/full", "", "y" * 300, "\udcff", "\n"])
files = st.sampled_from([*FILES, *TARGETS[10:]])
datasets = st.sampled_from(
    ["digits", "sphere", "digit", "p q.npz", "empty.npz", "bytes", "a b", "nowhere.npz", "", "\udcff"]
)
SMALL = ["1", "2", "3", "0", "-1", "1e3", "2.5", "nan", "", "x", "1,2", "²", "9" * 30, "١"]
keys = names(QUANTITIES)
papers = names(PAPERS)
FAST = {"--widths": "4", "--seeds": "1", "--steps": "1", "--samples": "4"}
COSTLY = (
    *("samples", "input_dim", "hidden_layers", "batch_size", "L", "d", "channels", "descent_samples", "init_seeds"),
    *("loss_samples", "loss_steps", "perturbed_samples", "points", "q", "restarts", "restart_steps", "sample_sizes"),
    *("seeds", "sgd_runs", "sgd_steps", "starts", "steps", "t", "wide", "widths", "max_width", "patience"),
    *("depth", "epochs", "grid", "K", "lanczos_steps", "measured", "oja_steps", "sets", "teacher_epochs", "values"),
    "dims",
)
scenarios = names(["mnist_mlp", "liu2020.fig2", "two_layer_gelu"])
stores = st.sampled_from(["a.sqlite", "c.json", "empty", "bytes", "a b", "nowhere/x.sqlite", "", ".", "empty/x"])
measured = names(
    [f"{p}.{q}" for p in ("banerjee2023", "liu2020", "song2021") for q in experiments.experiment(p).MEASURED]
)
DRAWING = {"--paper": "quoted", "--against": "samples=10:20:2", "--plot": "x.png"}
SEARCH = {"--samples": "2", "--paper": "banerjee2023", "--seeds": "1", "--steps": "3", "--max-width": "2"}
runs = dict.fromkeys(COSTLY, st.sampled_from(SMALL[:-2] + SMALL[-1:])) | {"data": datasets}
ASKING = ("activation", "paper", "samples", "hidden-layers", "width", "json", "csv", "certified", "details", "plot")
LIKELY = tuple(f"--{word}" for word in ASKING)
"""What most papers understand."""
CALIBRATED = "song2021.required_width"
POINT = {"--L": "3", "--m": "100"}
TRAINED = ["banerjee2023.fig1", "fu2018.fig2"]
NOWHERE = {"--device": "nowhere"}
"""What takes minutes even at its smallest is asked for with a device that there is not."""
OTHERS = [
    *(("reproduce", name) for name in experiments.figures() if name not in TRAINED),
    *(("compare", paper) for paper in experiments.experiments()),
]


def asking(*sound: Call, share: float = 1, **known: st.SearchStrategy[str]) -> Drawn:
    """A command that asks papers."""
    given = {
        "only": papers,
        "papers": papers,
        "data": datasets,
        "scenario": scenarios,
        "plot": targets,
        "save": targets,
    }
    return Drawn(sound, given | {"calibrated": files, "against": ranges, "over": ranges} | known, LIKELY, share)


DRAWS: dict[str, Drawn] = {
    "papers": Drawn(),
    "list": Drawn((Call(), Call(("fu2018",))), {"paper": papers}),
    "show": Drawn((Call(("banerjee2023.c_H",)), Call(("liu2020.c_0",), {"--latex": None})), {"key": keys}),
    "cite": Drawn((Call(("song2021",)),), {"paper": papers}),
    "errata": Drawn((Call(("song2021",)),), {"paper": papers}, left=frozenset({"demonstrate"})),
    "eval": asking(Call(("banerjee2023.c_H",), POINT), key=keys, share=2),
    "required-width": asking(
        Call(), Call((), {"--paper": "liu2020"}), Call((), {"--calibrated": "c.json"}), Call((), DRAWING), share=2
    ),
    "sample-complexity": asking(Call()),
    "step-size": asking(Call((), {"--paper": "banerjee2023"})),
    "iterations": asking(Call((), {"--paper": "song2021"})),
    "side-by-side": asking(Call(("hessian_norm",)), name=names(["hessian_norm", "beta", "mu"])),
    "largest": asking(
        Call(("n",), {"--paper": "allenzhu2019", "--m": "1e60"}), name=names(["n", "samples", "depth", "eps"])
    ),
    "explain": asking(Call(("banerjee2023.hessian_norm",), POINT), key=keys, share=2),
    "sweep": asking(
        Call(("banerjee2023.c_H",), {"--m": "9", "--over": "L=2:5"}),
        Call(("banerjee2023.c_H",), {"--m": "9", "--over": "L=2:5", "--plot": "x.png"}),
        key=keys,
        share=2,
    ),
    "data": asking(Call(("digits",), {"--samples": "5"}), name=datasets),
    "kernel": asking(
        Call(("liu2020",), {"--samples": "5"}), Call(("song2021",), {"--n": "5"}), paper=papers, name=datasets
    ),
    "scenarios": Drawn((Call(), Call(("liu2020.fig2",))), {"name": scenarios}),
    "critical-width": Drawn((Call((), SEARCH),), runs | {"papers": papers, "plot": targets}),
    "compare": Drawn(
        (Call(("banerjee2023.weight_norm_init",), FAST),), runs | {"keys": measured, "calibrate": targets}, kept=True
    ),
    "reproduce": Drawn(
        (Call(("banerjee2023.fig1",), FAST | {"--out": "figures"}),),
        runs | {"figure": names(TRAINED), "out": folders, "checkpoints": folders},
    ),
    "study run": Drawn((Call(("a.toml",)),), {"file": files, "store": stores}),
    "study status": Drawn(
        (Call(("a.toml",)), Call(("a.toml",), {"--verdicts": None})), {"file": files, "store": stores}
    ),
    "study export": Drawn((Call(("a.toml",), {"--out": "x.csv"}),), {"file": files, "store": stores, "out": targets}),
    "report": Drawn(
        (Call(("runs.json",), {"--out": "x.html"}),), {"source": files, "out": targets}, left=frozenset({"pdf"})
    ),
}


class Here:
    """Does the tasks of a study in this process."""

    worker: dict = {}  # noqa: RUF012

    def stream(self, function, arguments):
        return ((k, function(argument)) for k, argument in enumerate(arguments))


@pytest.fixture(scope="module", autouse=True)
def _workplace(tmp_path_factory):
    """A folder with files of every kind, which the calls see as the current one."""
    from empirics.study import read, store_path
    from empirics.sweep import run

    folder = tmp_path_factory.mktemp("a földer")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        Path("a b").mkdir()
        Path("empty").touch()
        Path("empty.npz").touch()
        Path("bytes").write_bytes(bytes(range(256)))
        np.savez("p q.npz", X=np.eye(6), y=np.arange(6.0))
        for name in ("c.json", "a b/λ.json"):
            Path(name).write_text(json.dumps(calibration()), encoding="utf-8")
        Path("runs.json").write_text(dumps(comparison([row()]).to_dict()), encoding="utf-8")
        Path("a.toml").write_text(STUDY, encoding="utf-8")
        run(read("a.toml"), store_path("a.toml"), Here())
        yield


def calibration():
    """A file that `required-width --calibrated` takes."""
    entry = {"value": 2.0, "relation": ">=", "cases": 3, "from": "a run"}
    return {"format": "bounds-calibration-1", "constants": {CALIBRATED: {"C": entry}}, "versions": {}}


def examples(share: float) -> int:
    return max(1, int((DRAWN or 10) * share))


def test_every_command_is_drawn():
    assert set(DRAWS) == set(commands.COMMANDS)


@pytest.mark.parametrize(("name", "sound"), [(n, c) for n, d in DRAWS.items() for c in d.sound], ids=str)
def test_the_calls_that_others_are_made_from_work(name, sound):
    done = check([*name.split(), *sound.words])
    assert done.code == 0, done


@pytest.mark.parametrize("name", DRAWS)
def test_any_call(name):
    how = DRAWS[name]

    @settings(SETTINGS, max_examples=examples(how.share))
    @given(calls(name, how))
    def drawn(arguments):
        check(arguments)

    drawn()


@pytest.mark.parametrize(("name", "argument"), OTHERS, ids=" ".join)
def test_any_call_of_what_takes_minutes(name, argument):
    how = Drawn(
        (Call((argument,), NOWHERE),), runs | {"out": folders}, left=frozenset({"device", "figure", "keys"}), kept=True
    )

    @settings(SETTINGS, max_examples=examples(0.2))
    @given(calls(name, how))
    def drawn(arguments):
        assert check(arguments).code == 2

    drawn()


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 10**400) | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
PLACES = [("format",), ("constants",), ("versions",), ("constants", CALIBRATED), ("constants", CALIBRATED, "C")]
PLACES += [("constants", CALIBRATED, "C", name) for name in ("value", "relation", "cases", "from")]


@settings(SETTINGS, max_examples=examples(2))
@given(st.sampled_from(PLACES), ANYTHING)
@example(("constants", CALIBRATED, "C", "value"), float("nan"))
@example(("constants", CALIBRATED, "C", "value"), 10**400)
@example(("constants", CALIBRATED, "C", "value"), 5e-324)
@example(("constants", CALIBRATED, "C", "cases"), 1e308)
@example(("constants", CALIBRATED, "C", "from"), "\ud800\n\x1b[31m")
def test_a_calibration_with_anything_in_one_place(place, value):
    data = calibration()
    inner = data
    for step in place[:-1]:
        inner = inner[step]
    inner[place[-1]] = value
    Path("changed.json").write_text(json.dumps(data), encoding="utf-8")
    assert check(["required-width", "--paper", "song2021", "--calibrated", "changed.json"]).code in (0, 2)


@settings(SETTINGS, max_examples=examples(1))
@given(st.binary(max_size=40) | st.integers(0, 150).map(lambda k: json.dumps(calibration()).encode()[:k]))
@example(b"\xff\xfe{}")
@example(b"[" * 100_000)
@example(b"9" * 5000)
def test_bytes_in_place_of_a_calibration(content):
    Path("changed.json").write_bytes(content)
    done = check(["required-width", "--paper", "song2021", "--calibrated", "changed.json"])
    assert done.code == 2
    assert "changed.json" in done.err


FOUND = [
    (
        ["sweep", "banerjee2023.c_H", "--gamma", "1", "--over", "L=2:5", "--plot", "noext"],
        "the ending chooses the format",
    ),
    (["sweep", "banerjee2023.c_H", "--gamma", "1", "--over", "L=2:5", "--plot", ""], "the ending chooses the format"),
    (["sweep", "banerjee2023.c_H", "--gamma", "1", "--over", "L=2:5", "--plot", "x.png", "--csv"], "leave out --csv"),
    (["sweep", "banerjee2023.c_H", "--gamma", "1", "--over", "L=2:5:log:²"], "a number of points"),
    (["sweep", "banerjee2023.c_H", "--gamma", "1", "--over", "rho=2:5:1000000000"], "too many"),
    (["required-width", "--plot", "x.png", "--json"], "leave out --json"),
    (["required-width", "--plot", "/dev/full"], "the ending chooses the format"),
    (["required-width", "--against", "", "--paper", "quoted"], "add --plot"),
    (["required-width", "--calibrated", ""], "--calibrated"),
    (["required-width", "--calibrated", "c.json", "--paper", "quoted", "--rho", "1/3"], "'rho'"),
    (["kernel", "liu2020", "--samples", "5", "--save", "x"], "must be .npy"),
    (["kernel", "liu2020", "--samples", "5", "--save", "/dev/full"], "must be .npy"),
    (["compare", "banerjee2023", "--calibrate", ""], "--calibrate"),
    (["critical-width", "--samples", "2,3", "--plot", ""], "the ending chooses the format"),
    (["study", "status", ""], "the name of a file is needed"),
    (["study", "run", ""], "the name of a file is needed"),
]
"""What drawn calls, and the review beside them, found."""


@pytest.mark.parametrize(("arguments", "says"), FOUND, ids=lambda x: " ".join(x) if isinstance(x, list) else "")
def test_what_was_found(arguments, says):
    done = check(arguments)
    assert (done.code, done.out) == (2, "")
    assert says in done.err


def test_what_is_no_number_is_not_called_nan():
    """A negative bound has no logarithm: an empty cell in CSV, null in JSON, a dash that is explained in a table."""
    call = ["sweep", "allenzhu2019.forward_drift", "--over", "m=2,100"]
    assert [line.split(",")[2] for line in check([*call, "--csv"]).out.splitlines()][1] == ""
    assert json.loads(check([*call, "--json"]).out)["log10"][0] is None
    assert "- where the value is undefined, and for the logarithm where it is negative" in check(call).out


def test_a_name_that_is_not_text():
    """A file's name is bytes: Python holds those that are no UTF-8 as lone surrogates, and gives them back."""
    name = os.fsdecode(b"\xff.png")
    done = check(["sweep", "banerjee2023.c_H", "--gamma", "1", "--over", "L=2:5", "--plot", name])
    assert (done.code, done.out) == (0, "\\xff.png\n")
    assert Path(name).is_file()


def process(*arguments, **options):
    """As a process whose output is buffered, as it is for users."""
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONUNBUFFERED"} | options.pop("env", {})
    environment["PYTHONPATH"] = str(Path(cli.__file__).parent)
    command = [sys.executable, "-c", "from cli import main; main()", *arguments]
    return subprocess.run(command, stderr=subprocess.PIPE, env=environment, timeout=120, check=False, **options)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
def test_a_full_disk_behind_standard_output():
    with open("/dev/full", "w") as full:
        done = process("sweep", "banerjee2023.c_H", "--gamma", "1", "--over", "L=2:5", "--csv", stdout=full)
    assert (done.returncode, done.stderr.count(b"\n")) == (3, 1), done
    assert b"No space left" in done.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
@pytest.mark.parametrize(
    "arguments",
    [
        ["compare", "song2021", *Call((), FAST).words, "--calibrate", "/dev/full"],
        ["report", "runs.json", "--out", "/dev/full"],
        ["reproduce", "fu2018.fig2", "--out", "/dev/full"],
        ["study", "export", "a.toml", "--out", "/dev/full"],
    ],
    ids=" ".join,
)
def test_a_full_disk(arguments):
    done = check(arguments)
    assert done.code in (2, 3)
    assert "/dev/full" in done.err


def test_an_encoding_without_greek():
    done = process("show", "liu2020.c_0", stdout=subprocess.PIPE, env={"PYTHONIOENCODING": "cp1252"})
    assert (done.returncode, done.stderr) == (0, b"")
    assert rb"c\u2080 \u2264 3" in done.stdout


def test_a_target_is_left_as_it_was(tmp_path):
    old = tmp_path / "old.png"
    old.write_bytes(b"old")
    link, points = tmp_path / "link.png", tmp_path / "points.png"
    link.symlink_to(points)
    for path in (old, tmp_path / "new é.png", link):
        check_target("--plot", str(path))
        check_picture("--plot", str(path))
    assert old.read_bytes() == b"old"
    assert link.is_symlink()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["link.png", "old.png"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes")
def test_a_pipe_is_not_opened_before_its_time(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with commands.guarded(commands.SECONDS):
        check_target("--calibrate", str(tmp_path / "pipe"))


@pytest.mark.parametrize("name", ["", ".", "empty/x", "nowhere/x", "a b", "y" * 300])
def test_targets_that_cannot_be_written(name):
    with pytest.raises(TheoryError, match=r"--calibrate .*: cannot be written"):
        check_target("--calibrate", name)


@pytest.mark.parametrize("name", ["x", "x.exe", ".png", "x.", ""])
def test_pictures_of_no_format(name):
    with pytest.raises(TheoryError, match=r"the ending chooses the format: .*png"):
        check_picture("--plot", name)


def test_pictures_that_cannot_be_written():
    with pytest.raises(TheoryError, match=r"--plot nowhere/x.png: cannot be written \(No such file"):
        check_picture("--plot", "nowhere/x.png")


def test_a_plot_of_critical_widths_needs_two_numbers_of_samples():
    check_plot("x.png", (3, 4))
    for samples in ((), (3,), (3, 3)):
        with pytest.raises(TheoryError, match="at two or more numbers of samples"):
            check_plot("x.png", samples)
    with pytest.raises(TheoryError, match="the ending chooses"):
        check_plot("x", (3, 4))


@pytest.mark.parametrize("device", ["cpu", "cuda", "cuda:1", "mps", "xpu:0"])
def test_devices(device):
    assert Setting(device=device).device == device


@pytest.mark.parametrize("device", ["", "gpu", "cuda:x", "cpu:-1", "meta", "CPU", None, 0, 1.5, "cuda:" + "9" * 99])
def test_devices_that_there_are_not(device):
    with pytest.raises(TheoryError, match=r"device = .*must be cpu, cuda or a numbered one"):
        Setting(device=device)


@given(st.text() | st.text().map(lambda t: t * 500))
@settings(SETTINGS)
@example("a\nb\r\x1b[31m\u2028")
@example("x" * 10_000)
@example("\udcff")
def test_a_message_is_one_printable_line(text):
    line = cli._line(text)
    assert line.isprintable()
    assert len(line) <= cli.LONGEST + len("...")
    assert line[: cli.LONGEST] == "".join(c if c.isprintable() else " " for c in text[: cli.LONGEST])
