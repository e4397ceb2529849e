"""Study files from end to end: what is refused, what is run, what is gathered and exported."""

from __future__ import annotations

import csv
import json
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import empirics
from bounds.errors import TheoryError
from empirics.deadline import deadline
from empirics.experiments import banerjee2023
from empirics.export import export
from empirics.gathered import calibration, groups
from empirics.resumed import resumed
from empirics.store import Store, canonical
from empirics.study import parse, read, store_path
from empirics.sweep import run
from empirics.task import code_version, perform

STUDY = """
[study]
name = "a test"
paper = "banerjee2023"
quantities = ["layer_jacobian", "weight_norm_init"]
[grid]
widths = [64, 65]
seeds = [3, 5]
L = [2, 3]
[setting]
steps = 2
[data]
samples = 4
"""
SEARCH = """
[study]
paper = "banerjee2023"
kind = "critical-width"
[grid]
eps = [0.5, 0.1]
[setting]
seeds = 2
steps = 20
max_width = 4
[data]
samples = 3
"""


class Here:
    """Does the tasks in this process."""

    worker: dict = {}  # noqa: RUF012

    def stream(self, function, arguments):
        return ((k, function(argument)) for k, argument in enumerate(arguments))


@pytest.fixture
def written(tmp_path):
    def write(text, name="a stüdy.toml"):
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return write


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A study that was run, and its store."""
    path = tmp_path_factory.mktemp("study") / "a.toml"
    path.write_text(STUDY, encoding="utf-8")
    asked = read(path)
    run(asked, store_path(path), Here())
    return path


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("widths =", "widhts ="), "widhts is not a field of banerjee2023; did you mean widths"),
        (("[grid]", "[gird]"), r"\[gird\] is not a section; did you mean grid"),
        (("samples = 4", "sample = 4"), r"sample is not known in \[data\]; did you mean samples"),
        (("samples = 4", "samples = 0"), "samples = 0: must be an integer >= 1"),
        (("samples = 4", "samples = [4, 4]"), "must differ"),
        (("paper =", "papre ="), r"papre is not known in \[study\]; did you mean paper"),
        (('"banerjee2023"', '"banerje2023"'), "no paper 'banerje2023'; did you mean banerjee2023"),
        (('"layer_jacobian"', '"layer_jacobain"'), "did you mean banerjee2023.layer_jacobian"),
        (('"layer_jacobian"', '"varrho"'), "banerjee2023.varrho is not measured"),
        (("[64, 65]", "64"), "widths = 64: a list of values is needed"),
        (("[64, 65]", "[]"), "a list of values is needed"),
        (("[64, 65]", "[64, 0]"), "widths = 0: must be different integers >= 1"),
        (("[3, 5]", "[3, -5]"), "must be integers >= 0"),
        (("steps = 2", "steps = 2.5"), "steps = 2.5: must be an integer >= 1"),
        (("steps = 2", "L = 2"), r"L is in \[grid\] and in \[setting\]"),
        (("widths = [64, 65]\nseeds = [3, 5]\nL = [2, 3]\n[setting]", "[setting]\nseeds = 2"), "seeds is an axis"),
        (("steps = 2", "first_seed = 2"), "first_seed is set by the study"),
        (("steps = 2", "activation = 2"), "activation = 2: text is needed"),
        (("samples = 4", 'name = "none.npz"'), "none.npz: cannot be read"),
        (("samples = 4", "samples = 4\n[budget]\ntasks = 3"), "the grid has 8 tasks, more than the budget's tasks = 3"),
        (("samples = 4", "samples = 4\n[budget]\ntask_seconds = 0"), "task_seconds = 0: must be a positive number"),
        (("[2, 3]", str(list(range(1, 60000)))), "a study at most 50000"),
        (("[study]", "[study"), "is not a study file: .*line 2"),
        (('paper = "banerjee2023"', 'kind = "compere"\npaper = "liu2020"'), "did you mean compare"),
    ],
)
def test_what_is_refused(written, bash, change, says):
    path = written(STUDY.replace(*change))
    code, out, err = bash("study", "run", str(path))
    assert (code, out) == (2, "")
    assert len(err.strip().splitlines()) == 1
    assert str(path) in err
    with pytest.raises(TheoryError, match=says):
        read(path)
    assert not store_path(path).exists()


WORDS = st.sampled_from(["study", "grid", "setting", "data", "budget", "paper", "widths", "L", "seeds", "x", ""])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.just("banerjee2023"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(WORDS, VALUES, max_size=4), st.booleans())
def test_any_document_is_a_study_or_refused_in_one_line(document, named):
    if named:
        document = document | {"study": {"paper": "banerjee2023"}}
    try:
        found = parse(document)
    except TheoryError:
        return
    assert found.tasks
    assert all(task.paper == "banerjee2023" for task in found.tasks)


def test_the_example_of_the_documentation():
    page = (Path(__file__).parent.parent / "docs" / "studies.md").read_text(encoding="utf-8")
    example = re.search(r"```toml\n(.*?)```", page, re.S)[1]
    asked = parse(tomllib.loads(example))
    assert len(asked.tasks) == 54  # as the page says
    assert asked.task_seconds == 600
    for block in re.findall(r"```python\n(.*?)```", page, re.S):
        compile(block, "studies.md", "exec")


def test_the_points_of_a_grid(written):
    asked = read(written(STUDY))
    axes = [(t.setting["L"], *t.setting["widths"], t.setting["first_seed"], t.setting["fresh"]) for t in asked.tasks]
    assert axes == [(L, m, seed, seed == 3) for L in (2, 3) for m in (64, 65) for seed in (3, 5)]
    assert {t.setting["seeds"] for t in asked.tasks} == {1}
    assert asked.tasks[0].only == ("banerjee2023.layer_jacobian", "banerjee2023.weight_norm_init")
    assert len({t.key(code_version()) for t in asked.tasks} | {t.key("other") for t in asked.tasks}) == 16
    both = (
        'papers = ["banerjee2023", "song2021"]\n[grid]\nseeds = [0]\nwidths = [8]\nhidden_layers = [1, 2]\nt = [2, 3]'
    )
    asked = read(written(f"[study]\n{both}"))
    found = [(t.paper, t.setting.get("L"), t.setting.get("t")) for t in asked.tasks]
    assert found == [("banerjee2023", 1, None), ("banerjee2023", 2, None), ("song2021", None, 2), ("song2021", None, 3)]
    assert set(asked.left_out) == {"song2021 covers one hidden layer, not 2"}


def test_the_theorys_step_size(written):
    asked = read(written(STUDY.replace("steps = 2", 'steps = 2\nlearning_rate = "theory"')))
    assert {t.setting["learning_rate"] for t in asked.tasks} == {None}  # which stands for it
    one, two = (read(written(STUDY.replace("steps = 2", f"learning_rate = {x}"))).tasks[0] for x in ("1", "1.0"))
    assert one.key("1") == two.key("1")


def test_a_file_of_data_stands_for_its_content(written, tmp_path):
    text = STUDY.replace("samples = 4", 'name = "däta.npz"\nsamples = 4')
    keys = []
    for k in range(2):
        rows = np.random.default_rng(k).normal(size=(6, 3))
        np.savez(tmp_path / "däta.npz", X=rows, y=rows[:, 0])
        keys.append({t.key("1") for t in read(written(text)).tasks})
    assert not keys[0] & keys[1]
    moved = tmp_path / "elsewhere"
    moved.mkdir()
    shutil.copy(tmp_path / "däta.npz", moved)
    shutil.copy(tmp_path / "a stüdy.toml", moved)
    asked = read(moved / "a stüdy.toml")
    assert {t.key("1") for t in asked.tasks} == keys[1]
    found = run(asked, moved / "a.sqlite", Here())
    assert (found.done, found.reasons) == (8, {})


def test_the_gathered_tables_are_those_of_one_run(finished):
    with Store.read(store_path(finished)) as store:
        found = groups(store)
    assert [(g.paper, dict(g.point), len(g.failed), g.left) for g in found] == [
        ("banerjee2023", {"L": 2}, 0, 0),
        ("banerjee2023", {"L": 3}, 0, 0),
    ]
    setting = banerjee2023.Setting(L=3, widths=(64, 65), seeds=1, steps=2, first_seed=3)
    only = frozenset(("banerjee2023.layer_jacobian", "banerjee2023.weight_norm_init"))
    data = empirics.load("digits", samples=4)
    cases = [c for s in (3, 5) for c in banerjee2023.compare(setting.__class__(**{**vars(setting), "first_seed": s}),
                                                             data, only).cases]  # fmt: skip
    kept = found[1].comparison
    assert sorted(canonical(c.to_dict()) for c in cases) == sorted(canonical(c.to_dict()) for c in kept.cases)
    worst = max(c.measured for c in cases if c.quantity.endswith("layer_jacobian") and c.width == 64)
    row = next(r for r in kept.rows if r.quantity.endswith("layer_jacobian") and r.width == 64)
    assert (row.measured, row.seeds) == (worst, (3, 5))


def test_a_study_that_goes_on_is_known_from_its_store(finished, tmp_path, monkeypatch):
    again = resumed(finished, store_path(finished))
    asked = read(finished)
    assert [t.key("1") for t in again.tasks] == [t.key("1") for t in asked.tasks]
    assert (again.name, again.kind, again.text, again.folder) == (asked.name, asked.kind, asked.text, asked.folder)
    assert resumed(finished, tmp_path / "none.sqlite") is None
    other = tmp_path / "a.toml"
    other.write_text(STUDY.replace("steps = 2", "steps = 3"))
    assert resumed(other, store_path(finished)) is None
    monkeypatch.setattr("empirics.resumed.code_version", lambda: "other")
    assert resumed(finished, store_path(finished)) is None


def test_going_on_needs_no_torch(finished):
    """The workers import it meanwhile."""
    script = f"""
import sys
import cli
sys.argv = ["bounds", "study", "run", {str(finished)!r}]
try:
    cli.main()
finally:
    assert "torch" not in sys.modules
"""
    code = "import empirics.task; empirics.task.code_version = lambda: " + repr(code_version())
    done = subprocess.run([sys.executable, "-c", f"{code}\n{script}"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_exports_agree(finished, tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    with Store.read(store_path(finished)) as store:
        count = {
            what: export(store, tmp_path / f"{what}.json", what) for what in ("rows", "cases", "gathered", "tasks")
        }
        for ending in ("csv", "parquet"):
            assert export(store, tmp_path / f"cases.{ending}", "cases") == count["cases"]
        assert (count["tasks"], count["rows"], count["gathered"]) == (8, 16, 8)
        with pytest.raises(TheoryError, match=r"did you mean \.csv"):
            export(store, tmp_path / "cases.cvs")
        with pytest.raises(TheoryError, match="cannot be written"):
            export(store, tmp_path / "none" / "cases.csv")
        with pytest.raises(TheoryError, match="nothing to calibrate"):
            calibration(store, "a test")  # these quantities hide no constant
    found = json.loads((tmp_path / "cases.json").read_text())
    with (tmp_path / "cases.csv").open() as file:
        lines = list(csv.DictReader(file))
    table = parquet.read_table(tmp_path / "cases.parquet").to_pylist()
    for name in ("measured", "predicted", "width", "setting_L"):
        values = [float(record[name]) for record in found]
        assert [float(line[name]) for line in lines] == values
        assert [float(line[name]) for line in table] == values
    assert not [p for p in tmp_path.iterdir() if p.name.startswith(".")]  # no drafts are left


def test_failed_tasks_are_rows_with_a_reason(written, tmp_path):
    text = STUDY.replace("steps = 2", 'steps = 2\nactivation = "tanh"').replace(
        "L = [2, 3]", "learning_rate = [1.0, 1e200]"
    )
    asked = read(written(text.replace("[3, 5]", "[3]").replace("samples = 4", "samples = [4, 10000]")))
    found = run(asked, tmp_path / "a.sqlite", Here())
    assert (found.done, found.diverged, found.failed, found.left) == (2, 2, 4, 0)
    assert {count for reason, count in found.reasons.items() if "10000" in reason} == {4}
    assert any("diverged" in reason or "nan" in reason for reason in found.reasons)
    with Store.read(tmp_path / "a.sqlite") as store:
        whole, blown, *missing = groups(store)
    assert whole.comparison.rows
    assert {run["reason"] for run in blown.comparison.configuration["runs"]} <= {"diverged", "nan"}
    assert [g.comparison for g in missing] == [None, None]
    assert [len(g.failed) for g in missing] == [2, 2]


def test_a_task_that_takes_too_long(monkeypatch):
    def forever(config, folder):
        while True:
            pass

    monkeypatch.setitem(__import__("empirics.task", fromlist=["_KINDS"])._KINDS, "forever", forever)
    sent = {"text": '{"kind": "forever"}', "seconds": 0.1, "folder": ".", "worker": {}}
    found = perform(sent)
    assert (found["status"], found["reason"]) == ("failed", "took longer than task_seconds = 0.1")
    with deadline(5):
        found = perform(sent | {"text": '{"kind": "none"}'})
    assert (found["status"], found["reason"].split(":")[0]) == ("failed", "KeyError")


def test_a_worker_with_other_code_is_refused(finished):
    text = read(finished).tasks[0].text
    found = perform({"text": text, "seconds": None, "folder": ".", "worker": {"code": "0.0+0"}})
    assert found["status"] == "failed"
    assert "the study runs 0.0+0" in found["reason"]


def test_searches_for_widths(written, bash, tmp_path):
    path = written(SEARCH)
    found = run(read(path), store_path(path), Here())
    assert (found.done, found.reasons) == (2, {})
    code, out, _ = bash("study", "status", str(path), "--verdicts", "--json")
    searches = json.loads(out)["critical"]
    assert (code, [s["point"] for s in searches]) == (0, [{"eps": 0.5}, {"eps": 0.1}])
    assert all(s["critical"][0]["trials"] for s in searches)
    code, out, _ = bash("study", "status", str(path), "--verdicts")
    assert "banerjee2023.required_width" in out
    assert bash("study", "export", str(path), "-o", str(tmp_path / "a.csv"), "--what", "cases")[0] == 0
    assert "successes" in (tmp_path / "a.csv").read_text().splitlines()[0]
    for change, says in ((("eps =", "epz ="), "did you mean"), (("[0.5, 0.1]", "[0.5, 0]"), "eps = 0.0: must be")):
        with pytest.raises(TheoryError, match=says):
            read(written(SEARCH.replace(*change), "b.toml"))


def test_the_commands(written, bash, tmp_path):
    """Once through real worker processes."""
    path = written(STUDY.replace("L = [2, 3]", "").replace("[3, 5]", "[3]"))
    code, _, err = bash("study", "status", str(path))
    assert (code, err.count("\n")) == (2, 1)
    assert "nothing was run yet" in err
    code, out, err = bash("study", "run", str(path), "--workers", "2", "--json")
    found = json.loads(out)
    assert (code, found["done"], found["left"], err) == (0, 2, 0, "")
    code, out, _ = bash("study", "run", str(path))
    assert (code, "2         0       0     0" in out) == (0, True)
    code, out, _ = bash("study", "status", str(store_path(path)), "--tasks")
    assert (code, out.count("done")) == (0, 2)
    code, out, _ = bash("study", "status", str(path), "--verdicts")
    assert (code, "HOLDS" in out) == (0, True)
    assert bash("study", "export", str(path), "-o", str(tmp_path / "a.json"))[0] == 0
    assert len(json.loads((tmp_path / "a.json").read_text())) == 4


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--backend", "dask"), "needs --scheduler"),
        (("--scheduler", "tcp://x:1"), "add --backend dask"),
        (("--gpus", "0,0"), "different GPUs"),
        (("--workers", "0"), "0 is not in the range"),
        (("--gpus", "0", "--workers", "2"), "there are 1 GPUs"),
        (("--store", "/proc/none/a.sqlite"), "cannot be written"),
    ],
)
def test_options_that_do_not_fit(written, bash, options, says):
    code, _, err = bash("study", "run", str(written(STUDY)), *options)
    assert (code, says in err, err.count("\n")) == (2, True, 1), err


def test_the_interrupted_say_how_to_go_on(written, bash, monkeypatch):
    from empirics.engines import Local

    def two_then_ctrl_c(self, function, arguments):
        for k, argument in enumerate(arguments):
            if k == 2:
                raise KeyboardInterrupt
            yield k, function(argument)

    monkeypatch.setattr(Local, "stream", two_then_ctrl_c)
    monkeypatch.setattr(Local, "worker", {})
    path = written(STUDY)
    code, out, err = bash("study", "run", str(path))
    assert code == 130
    assert f"interrupted: 2 of 8 tasks are kept in {store_path(path)}; run the same command again" in err
    assert "2         0       0     6" in out
