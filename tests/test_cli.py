"""The command line, in process and as a process: happy paths, schemas, and one line for every mistake."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys

import pytest
from click.testing import CliRunner

import bounds
import cli

POINT = ["--L", "3", "--gamma", "1", "--rho_1", "0"]
HAPPY = {
    "papers": [["papers"], ["papers", "--json"]],
    "list": [["list"], ["list", "banerjee2023"], ["list", "--json"]],
    "show": [["show", "c_H"], ["show", "c_H", "--latex"], ["show", "c_H", "--tree"], ["show", "c_H", "--json"]],
    "cite": [["cite", "banerjee2023"]],
    "errata": [["errata"], ["errata", "banerjee2023", "--json"]],
    "eval": [["eval", "c_H", *POINT], ["eval", "banerjee2023.c_H", *POINT, "--certified"]],
    "required-width": [["required-width", "--paper", "banerjee2023"], ["required-width", "--hidden-layers", "2"]],
    "step-size": [["step-size", "--m", "1e6"], ["step-size", "--json"]],
    "iterations": [["iterations", "--m", "1e6"], ["iterations", "--json"]],
    "sample-complexity": [["sample-complexity", "--activation", "sigmoid"], ["sample-complexity", "--json"]],
    "side-by-side": [["side-by-side", "hessian_norm", "--hidden-layers", "3", "--width", "4096", "--radius", "1"]],
    "sweep": [
        ["sweep", "allenzhu2019.step_size", "--over", "n=10:1e6:log:5", "--m", "1e9", "--csv"],
        ["sweep", "banerjee2023.required_width", "--over", "L=2:3", "--json"],
    ],
    "scenarios": [["scenarios"], ["scenarios", "liu2020.fig2", "--json"]],
    "data": [["data", "digits", "--samples", "12"], ["data", "digits", "--samples", "12", "--json"]],
    "kernel": [["kernel", "liu2020", "--samples", "12"], ["kernel", "fu2018", "--samples", "12", "--json"]],
    "filled": [
        ["required-width", "--data", "digits", "--samples", "12"],
        ["required-width", "--scenario", "two_layer_gelu", "--json"],
        ["largest", "samples", "--paper", "allenzhu2019", "--m", "1e60", "--scenario", "mnist_mlp"],
    ],
}
EVAL_KEYS = ["quantity", "value", "log10", "side", "direction", "status", "order_only", "parameters", "hidden", "unset"]
EVAL_KEYS += ["source", "applicable", "reasons"]
ROW_KEYS = ["quantity", "paper", "width", "log10", "status", "order_only", "unset", "order_of", "binding"]
ROW_KEYS += ["probability", "applicable", "reasons"]


def process(*arguments, seconds=60):
    command = [sys.executable, "-c", "from cli import main; main()", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=seconds)


@pytest.mark.parametrize("arguments", [a for group in HAPPY.values() for a in group], ids=" ".join)
def test_happy_paths(arguments):
    done = CliRunner().invoke(cli.app, arguments)
    assert (done.exit_code, done.stderr) == (0, ""), done.output
    assert done.stdout.strip()
    assert "\x1b" not in done.stdout
    if "--json" in arguments:
        json.loads(done.stdout)


@pytest.mark.parametrize("name", sorted(cli.app.commands))
def test_help_of_every_command(name):
    done = CliRunner().invoke(cli.app, [name, "--help"])
    assert done.exit_code == 0
    assert cli.app.commands[name].get_short_help_str(300).rstrip(".") in " ".join(done.stdout.split())


@pytest.mark.parametrize("q", bounds.quantities(), ids=lambda q: q.key)
def test_show_works_for_every_quantity(q):
    for style in ((), ("--latex",), ("--tree",), ("--json",)):
        done = CliRunner().invoke(cli.app, ["show", q.key, *style])
        assert done.exit_code == 0, (style, done.exception)
        assert q.source.place in done.stdout or style == ("--latex",)


@pytest.mark.parametrize("command", ["eval", "required-width"])
def test_help_lists_parameters_with_roles_and_defaults(command):
    text = " ".join(CliRunner().invoke(cli.app, [command, "--help"]).stdout.split())
    for p in bounds.paper("banerjee2023").parameters.values():
        assert (f"--{p.name}" in text, f"--{p.role.replace('_', '-')} VALUE" in text) == (True, True)
    for shown in ("[default: 784]", "[default: 0.05]", "[default: tanh]", "--failure-probability", "--width"):
        assert shown in text


def test_eval_json(bash):
    code, out, err = bash(
        "eval", "banerjee2023.c_H_chain", "--L=2", "--gamma=1", "--phi_0=0", "--beta_phi=1", "--rho_1=0", "--json"
    )
    data = json.loads(out)
    assert (code, err) == (0, "")
    assert list(data)[: len(EVAL_KEYS)] == EVAL_KEYS
    assert (data["quantity"], data["value"], data["side"]) == ("banerjee2023.c_H_chain", 36, "upper")
    assert data["log10"] == pytest.approx(1.5563025007672873, rel=1e-15)
    assert (data["direction"], data["status"], data["order_only"]) == (None, "derived", False)
    assert data["parameters"] == {"L": 2, "gamma": 1, "phi_0": 0, "beta_phi": 1, "rho_1": 0}
    assert (data["hidden"], data["unset"], data["reasons"], data["applicable"]) == ([], [], [], True)
    assert data["source"].startswith("banerjee2023, ")


def test_eval_json_not_applicable_and_overflow(bash):
    code, out, _ = bash("eval", "banerjee2023.hessian_norm", "--m", "100", "--activation", "gelu", "--json")
    data = json.loads(out)
    assert (code, data["value"], data["log10"], data["applicable"]) == (0, None, None, False)
    assert "Assumption 1: the activation is 1-Lipschitz" in data["reasons"][0]
    _, out, _ = bash("eval", "banerjee2023.c_H", "--L", "10000", "--gamma", "2", "--json")
    assert json.loads(out)["log10"] == pytest.approx(18072.5, abs=0.1)
    code, out, _ = bash("eval", "banerjee2023.hessian_norm", "--m", "100", "--activation", "gelu")
    assert (code, "NOT APPLICABLE" in out, "Assumption 1" in out) == (0, True, True)


def test_required_width_json(bash):
    code, out, err = bash("required-width", "--json")
    data = json.loads(out)
    assert (code, err, set(data)) == (0, "", {"rows", "assumed"})
    for row in data["rows"]:
        assert list(row)[: len(ROW_KEYS)] == ROW_KEYS
    (row,) = [r for r in data["rows"] if r["paper"] == "banerjee2023"]
    assert (row["quantity"], row["binding"]) == ("banerjee2023.required_width", "RSC")
    assert row["width"] == str(bounds.required_width("banerjee2023").value)
    assert all(set(v) == {"value", "from"} for v in data["assumed"].values())
    assert (data["assumed"]["banerjee2023.d"]["value"], data["assumed"]["failure"]["value"]) == (784, 0.05)


def test_required_width_not_applicable(bash):
    wrong = (("--activation", "gelu", "sup|phi'| <= 1"), ("--gbar_norm_sq", "1000", "varrho^2"), ("--L", "1", "L >= 2"))
    for *extra, why in wrong:
        code, out, _ = bash("required-width", "--paper", "banerjee2023", *extra, "--json")
        (row,) = json.loads(out)["rows"]
        assert (code, row["width"], row["log10"], row["applicable"]) == (0, None, None, False)
        assert why in row["reasons"][0]


@pytest.mark.parametrize(
    "arguments", [["eval", "banerjee2023.c_H", *POINT], ["required-width"], ["list"], ["papers"], ["errata"]]
)
def test_csv_and_markdown_parse(arguments, bash):
    _, text, _ = bash(*arguments, "--csv")
    rows = list(csv.reader(io.StringIO(text)))
    assert (len(rows) >= 2, len({len(r) for r in rows})) == (True, 1)
    _, marked, _ = bash(*arguments, "--markdown")
    lines = marked.strip().splitlines()
    assert (len(lines), set(lines[1])) == (len(rows) + 1, set("|- "))
    assert len({line.replace(r"\|", "").count("|") for line in lines}) == 1


def test_csv_keeps_numbers_in_columns_of_their_own(bash):
    _, text, _ = bash("required-width", "--csv")
    rows = {r["quantity"]: r for r in csv.DictReader(io.StringIO(text))}
    assert int(rows["banerjee2023.required_width"]["width"]) == 341130
    order = rows["allenzhu2019.required_width"]
    assert (order["order_only"], "C_m" in order["unset"], len(order["width"])) == (
        "True",
        True,
        int(float(order["log10"])) + 1,
    )
    none = rows["song2021.required_width"]
    assert (none["width"], none["applicable"], "c_0" in none["reasons"]) == ("", "False", True)
    _, text, _ = bash(
        "eval", "banerjee2023.c_H_chain", "--L=2", "--gamma=1", "--phi_0=0", "--beta_phi=1", "--rho_1=0", "--csv"
    )
    (row,) = csv.DictReader(io.StringIO(text))
    assert (float(row["value"]), row["side"]) == (36.0, "upper")


def test_decimals_are_exact(bash):
    for text, inverse in (("0.05", 20), ("1e-3", 1000), ("1/7", 7), ("1e-40", 10**40)):
        _, out, _ = bash("required-width", "--L", "4", "--paper", "banerjee2023", "--failure", text, "--json")
        assert json.loads(out)["rows"][0]["thresholds"]["probability"] == str(2 * 5 * inverse)


def test_roles_are_options_too(bash):
    _, by_role, _ = bash(
        "eval", "banerjee2023.gamma", "--width", "400", "--radius", "2", "--init-scale", "0.5", "--json"
    )
    _, by_name, _ = bash("eval", "banerjee2023.gamma", "--m=400", "--rho=2", "--sigma_1=1/2", "--json")
    assert json.loads(by_role) == json.loads(by_name)
    assert json.loads(by_name)["value"] == 0.6


def test_only_what_is_missing_is_asked_for(bash):
    code, _, err = bash("eval", "banerjee2023.h")  # sigma_1 and rho have defaults
    assert (code, "needs l" in err, "sigma_1" in err) == (2, True, False)


def test_step_size_at_a_required_width_takes_the_widths_own_options(bash):
    code, out, err = bash("step-size", "--paper", "banerjee2023", "--failure", "0.01", "--kappa", "0.9", "--json")
    wanted = bounds.required_width("banerjee2023", failure="0.01", kappa="0.9").value
    assert (code, err) == (0, "")
    assert json.loads(out)[0]["assumed"]["m"]["value"] == wanted


def test_required_width_is_a_key_like_any_other(bash):
    code, out, err = bash("eval", "banerjee2023.required_width", "--L", "3", "--json")
    assert (code, err) == (0, "")
    assert json.loads(out)["value"] == bounds.required_width("banerjee2023", L=3).value


def test_as_a_process():
    done = process("required-width", "--L", "3")
    assert (done.returncode, done.stderr) == (0, "")
    assert ("341130" in done.stdout, "\x1b" in done.stdout) == (True, False)
    assert all(origin in done.stdout for origin in ("banerjee2023's experiment (Sec 6)", "convention", "kappa"))
    wrong = process("eval", "banerjee2023.gamma", "--m", "-1")
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert wrong.stderr.strip().splitlines() == ["error: m = -1: must be an integer >= 1"]
    module = subprocess.run([sys.executable, "-m", "cli", "papers"], capture_output=True, text=True, timeout=60)
    assert (module.returncode, "banerjee2023" in module.stdout) == (0, True)


def test_huge_exponents_are_refused_or_answered_at_once():
    assert process("eval", "banerjee2023.gamma", "--m", "1e99999999", seconds=10).returncode in (0, 2)


def test_zero_is_shown_as_zero(bash):
    code, out, _ = bash("eval", "banerjee2023.iterations", "--chi", "0.5", "--loss_0", "1", "--eps", "10")
    assert (code, ">= 0 " in out, "inf" in out) == (0, True, False)


def test_no_text_is_executed(tmp_path):
    target = tmp_path / "made"
    command = ("eval", "banerjee2023.c_H", "--gamma", "1", "--activation")
    done = process(*command, f"__import__('pathlib').Path({str(target)!r}).touch()")
    assert (done.returncode, target.exists()) == (2, False)


def test_plots_are_written(bash, tmp_path):
    path = tmp_path / "w.png"
    code, out, err = bash(
        "required-width", "--paper", "quoted", "--against", "samples=10:1e3:log:3", "--plot", str(path)
    )
    assert (code, err) == (0, "")
    assert "quoted.oymak2020" in out  # left out at the default depth, and said so
    code, _, _ = bash(
        "sweep", "banerjee2023.c_H", "--over", "gamma=1:2:3", "--over", "L=2,3", "--plot", str(tmp_path / "s.svg")
    )
    assert code == 0
    assert path.read_bytes().startswith(b"\x89PNG")
    assert "<svg" in (tmp_path / "s.svg").read_text(encoding="utf-8")


def test_a_figure_of_formulas_needs_no_training(bash, tmp_path):
    code, out, err = bash("reproduce", "fu2018.fig2", "--out", str(tmp_path))
    assert (code, err) == (0, "")
    names = ["fu2018.fig2.csv", "fu2018.fig2.png", "fu2018.fig2.svg"]
    assert [line.rsplit("/", 1)[-1] for line in out.split()] == names
    rows = list(csv.reader((tmp_path / names[0]).read_text(encoding="utf-8").splitlines()))
    assert rows[0] == ["sigma", "sigmoid"]
    at_one = min(rows[1:], key=lambda r: abs(float(r[0]) - 1))
    assert float(at_one[1]) == pytest.approx(2.144e-3, rel=0.1)  # rho(1) of the sigmoid, at the nearest point drawn


def test_a_sweep_of_a_width_shows_where_it_does_not_apply(bash):
    code, out, _ = bash("sweep", "banerjee2023.required_width", "--over", "L=1:3", "--csv")
    rows = list(csv.DictReader(io.StringIO(out)))
    assert code == 0
    assert [r["applicable"] for r in rows] == ["no", "yes", "yes"]
    assert int(float(rows[2]["banerjee2023.required_width"])) == 341130


@pytest.mark.parametrize("command", [["compare", "--help"], ["critical-width", "--help"], ["reproduce", "nothing"]])
def test_threads_are_told_to_sleep_before_torch_is_loaded(command):
    code = """
import os, sys
os.environ.pop("OMP_WAIT_POLICY", None)
class Watch:
    def find_spec(self, name, path=None, target=None):
        if name == "torch.version":  # an early part of torch, loaded with it
            print("policy", os.environ.get("OMP_WAIT_POLICY"))
sys.meta_path.insert(0, Watch())
import cli
sys.argv = ["bounds", *sys.argv[1:]]
cli.main()
"""
    done = subprocess.run([sys.executable, "-c", code, *command], capture_output=True, text=True)
    assert "policy PASSIVE" in done.stdout
