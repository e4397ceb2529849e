"""Critical widths: the search itself, tiny networks, theorems beside them, and what cannot succeed."""

from __future__ import annotations

import json
from dataclasses import replace

import naive
import pytest
import torch
from click.testing import CliRunner

import cli
import empirics
from bounds.errors import NotApplicable, TheoryError
from bounds.kernels import normalised
from empirics import critical
from empirics.critical import critical_width, trial
from empirics.headline import headline
from empirics.horizon import reference_steps
from empirics.recipe import Search, recipe, recipes
from empirics.training import train

DATA = empirics.load("digits", samples=10, normalise="none")
TINY = Search(eps=0.05, steps=60, seeds=2, max_width=32)


def run(*arguments):
    return CliRunner().invoke(
        cli.app, ["critical-width", "--samples", "10", "--steps", "40", "--seeds", "2", *arguments]
    )


@pytest.mark.parametrize("least", [1, 2, 3, 7, 8, 9, 100, 128])
def test_bisection_finds_a_threshold(least):
    seen = []

    def succeeds(width):
        seen.append(width)
        return width >= least

    assert critical._bisect(succeeds, 128) == least
    assert len(seen) <= 17
    assert critical._bisect(succeeds, least - 1 or 1) == (1 if least == 1 else None)


def test_a_lucky_width_is_not_the_threshold():
    assert critical._bisect(lambda w: w == 2 or w >= 20, 128) == 20  # 4 fails
    assert critical._bisect(lambda w: w in (2, 4) or w >= 20, 128) == 20  # 8 fails
    assert critical._bisect(lambda w: w >= 100, 128) == 100  # too near the end to be confirmed
    assert critical._bisect(lambda w: 64 <= w < 128, 128) is None  # the widest allowed fails


def test_every_recipe_trains_its_papers_network_at_a_stable_rate():
    assert set(recipes()) == {"banerjee2023", "liu2020", "song2021", "allenzhu2019"}
    for r in recipes().values():
        X, y, factor = r.prepare(DATA.X, DATA.y)
        # song2021's targets have norm at most 1; every error is measured in the targets given
        assert torch.allclose(y * factor, DATA.y)
        search = replace(TINY, steps=400, eps=0.2)
        found = trial(r, X, y, factor, 64, search)
        assert (found.successes, found.reasons) == (2, ("tolerance", "tolerance")), r.paper


def test_every_network_is_trained_on_the_inputs_its_theorem_is_evaluated_at():
    for r in recipes().values():
        X, _, _ = r.prepare(DATA.X, DATA.y)
        torch.testing.assert_close(X, torch.from_numpy(normalised(r.paper, DATA.X.numpy(), {})))


def test_a_step_that_is_too_large_is_not_called_a_lack_of_width():
    # banerjee2023's readout has unit norm: once it has grown, the kernel exceeds that at initialisation
    search = replace(TINY, steps=3000, eps=0.01, max_width=8, retries=0)
    found = critical_width(recipe("banerjee2023"), DATA.X, DATA.y, search)
    assert found.width is None
    assert "2 diverged of 2: lower --share" in found.reason
    again = critical_width(recipe("banerjee2023"), DATA.X, DATA.y, replace(search, retries=2))
    assert again.width is not None
    assert any(t.restarted for t in again.trials)


def test_a_restart_is_the_same_run_at_a_quarter_of_the_step_with_four_times_the_steps():
    r, search = recipe("banerjee2023"), replace(TINY, eps=0.01, seeds=4)
    X, y, factor = r.prepare(DATA.X, DATA.y)
    once = trial(r, X, y, factor, 8, replace(search, retries=0), 700)
    slow = trial(r, X, y, factor, 8, replace(search, retries=0, share=0.25), 4 * 700)
    both = trial(r, X, y, factor, 8, replace(search, retries=1), 700)
    merged = tuple(b if a == "diverged" else a for a, b in zip(once.reasons, slow.reasons, strict=True))
    assert "diverged" in once.reasons
    assert both.reasons == merged
    assert both.restarted == merged.count("tolerance") - once.reasons.count("tolerance")


@pytest.mark.parametrize("paper", ["banerjee2023", "liu2020", "song2021", "allenzhu2019"])
def test_the_reference_is_where_the_linearised_network_arrives(paper):
    r, search = recipe(paper), replace(TINY, seeds=1, eps=0.01, share=0.7)
    X, y, factor = r.prepare(DATA.X, DATA.y)
    found = reference_steps(r, X, y, factor, search)
    net = r.build(search.max_width, 0, X, r.depth(search), r.activation).to(X)
    model = naive.general(net, net.activation.phi, lambda g: g)
    step = naive.kernel(naive.jacobian(net, X, model))
    step *= search.share / torch.linalg.eigvalsh(step)[-1]
    residual = naive.output(net, naive.flat(net), X, model)[:, 0] - y
    taken = 0
    while float(residual.square().mean()) * factor**2 > search.eps:
        residual = residual - step @ residual
        taken += 1
    assert found == taken > 5


def test_the_budget_is_in_units_of_what_the_wide_network_needs():
    search = replace(TINY, steps=None, patience=3.0, eps=0.1, max_width=16)
    found = critical_width(recipe("liu2020"), DATA.X, DATA.y, search)
    assert found.budget == 3 * found.reference
    assert all(t.steps is None or t.restarted or t.steps <= found.budget for t in found.trials)


def test_a_wide_network_that_never_arrives_is_named():
    # inputs that differ by rounding, targets that differ by 1: no kernel tells them apart
    X, y = torch.cat([DATA.X, DATA.X[:1] + 1e-15]), torch.cat([DATA.y, DATA.y[:1] + 1])
    found = critical_width(recipe("liu2020"), X, y, replace(TINY, steps=None, eps=1e-3, max_width=16))
    assert found.width is None
    assert "never reaches eps = 0.001: give --steps" in found.reason


def test_allenzhu2019_sees_unit_rows_with_a_last_coordinate():
    X, _, _ = recipe("allenzhu2019").prepare(DATA.X, DATA.y)
    assert torch.allclose(X.norm(dim=1), torch.ones(10, dtype=X.dtype))
    assert torch.allclose(X[:, -1], torch.full((10,), 0.5**0.5, dtype=X.dtype))


def test_success_is_the_mean_squared_error_of_the_targets_given():
    r = recipe("song2021")
    X, y, factor = r.prepare(DATA.X, DATA.y)
    found = trial(r, X, y, factor, 32, replace(TINY, seeds=1, eps=0.2, steps=500))
    net = r.build(32, 0, X, 1, "gelu")
    K = torch.as_tensor(empirics.ntk_gram(net, X).value)
    rate = 1 / (2 * float(torch.linalg.eigvalsh(K)[-1]))  # the sum of squares bends by 2
    alone = train(net, X, y, learning_rate=rate, loss="sum_square", steps=int(found.steps), tolerance=0)
    errors = alone.loss * factor**2 / len(y)
    assert errors[-1] < 0.2 <= errors[-2]


def test_a_width_that_succeeds_beside_one_that_fails():
    found = critical_width(recipe("liu2020"), DATA.X, DATA.y, replace(TINY, eps=0.02, steps=100))
    assert found.width is not None
    assert found.at(found.width).successes >= 0.8 * 2
    if found.width > 1:
        assert found.at(found.width - 1).successes < 0.8 * 2
    low, high = found.at(found.width).interval
    assert 0 < low < 1 <= high


def test_a_search_that_cannot_succeed_is_named_before_training():
    X = torch.cat([DATA.X, DATA.X[:1]])
    y = torch.cat([DATA.y, DATA.y[:1] + 1])
    found = critical_width(recipe("liu2020"), X, y, TINY)
    assert found.width is None
    assert "samples 0 and 10 have equal inputs and different targets" in found.reason
    assert found.trials == ()


def test_inputs_are_equal_in_the_papers_normalisation():
    X, y = torch.cat([DATA.X, 2 * DATA.X[:1]]), torch.cat([DATA.y, DATA.y[:1] + 1])
    assert "samples 0 and 10" in critical_width(recipe("song2021"), X, y, TINY).reason  # unit rows
    assert not critical_width(recipe("liu2020"), X, y, replace(TINY, steps=1, max_width=1)).reason.startswith("samples")


def test_widths_that_are_too_narrow_are_named():
    found = critical_width(recipe("liu2020"), DATA.X, DATA.y, replace(TINY, steps=1, eps=1e-9, max_width=3))
    assert found.width is None
    assert "not reached up to width 3 within 1 steps (there 2 steps of 2: raise --steps or --max-width)" in found.reason
    assert [t.width for t in found.trials] == [1, 2, 3]


def test_depths_that_a_paper_does_not_cover():
    with pytest.raises(NotApplicable, match="song2021 covers 1 hidden layer"):
        critical_width(recipe("song2021"), DATA.X, DATA.y, replace(TINY, hidden_layers=2))
    both = headline(["song2021", "liu2020"], "digits", [10], replace(TINY, hidden_layers=2))
    assert set(both.refused) == {"song2021"}
    with pytest.raises(TheoryError, match="did you mean"):
        recipe("liu202")


def test_theorems_stand_beside_the_search_on_the_same_samples():
    found = headline([], "digits", [6, 8, 10], TINY)
    keys = {line.solution.quantity.key for line in found.lines}
    assert {"liu2020.required_width_tight", "song2021.required_width", "quoted.du2019"} <= keys
    lines = {(line.n, line.solution.quantity.key): line for line in found.lines}
    for n in (6, 8, 10):
        assert lines[n, "quoted.du2019"].solution.value == n**6
        line = lines[n, "liu2020.required_width_tight"]
        assert line.gap == pytest.approx(
            float(line.solution.log10) - torch.tensor(line.critical.width).log10().item(), abs=1e-5
        )
    assert found.growth("liu2020").places == 3


def test_command_prints_json_table_and_plot(tmp_path):
    path = tmp_path / "w.png"
    done = run("--paper", "liu2020", "--samples", "6,10", "--eps", "0.1", "--plot", str(path), "--json")
    assert done.exit_code == 0, done.output
    data = json.loads(done.stdout)
    assert set(data) == {"rows", "critical", "growth", "search", "data", "not_searched", "interrupted"}
    assert [c["n"] for c in data["critical"]] == [6, 10]
    assert path.read_bytes()[:4] == b"\x89PNG"
    table = run("--paper", "liu2020", "--eps", "0.1", "--markdown")
    assert "| 10 | liu2020.required_width |" in table.stdout


def test_ctrl_c_keeps_what_is_finished(monkeypatch):
    whole, calls = critical_width, []

    def once(*arguments):
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return whole(*arguments)

    monkeypatch.setattr("empirics.headline.critical_width", once)
    done = run("--paper", "liu2020", "--samples", "6,10", "--eps", "0.1", "--json")
    assert done.exit_code == 130
    assert [c["n"] for c in json.loads(done.stdout)["critical"]] == [6]


@pytest.mark.parametrize(
    "arguments",
    [
        ["--eps", "0"],
        ["--fraction", "2"],
        ["--share", "2"],
        ["--paper", "fu2018"],
        ["--samples", "x"],
        ["--seeds", "0"],
    ],
    ids=" ".join,
)
def test_bad_values_are_one_line_and_exit_2(arguments, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["bounds", "critical-width", *arguments])
    with pytest.raises(SystemExit) as stop:
        cli.main()
    out, err = capsys.readouterr()
    assert (stop.value.code, out, len(err.strip().splitlines())) == (2, "", 1), err
