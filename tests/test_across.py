"""One question to every paper: words, roles, what applies to which network, and where values come from."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest

import bounds
from bounds.across import Question, evaluate_everywhere, required_widths, side_by_side
from bounds.model import Default
from bounds.naming import meaning, translate
from bounds.reaches import reaches
from bounds.scenarios import fill_from, hidden_layers, scenarios
from bounds.sources import data_constants, filled, kernel_row
from bounds.sweep import axis, sweep

PAPERS = bounds.papers()


def rows(**options):
    return {s.quantity.key: s for s in required_widths(Question(**options))}


def test_roles_reach_every_paper_in_its_own_letter():
    five = [p for p in PAPERS.values() if p.key != "quoted"]
    named = translate(five, {"samples": 64, "separation": "0.1", "width": 100})
    assert named["liu2020"] == {"n": 64, "m": 100}
    assert named["allenzhu2019"] == {"n": 64, "delta": "0.1", "m": 100}
    assert named["song2021"] == {"n": 64, "d_1": 100}
    assert named["banerjee2023"] == {"m": 100}
    assert meaning(PAPERS["liu2020"], "failure-probability") == "delta"
    assert meaning(PAPERS["allenzhu2019"], "failure-probability") is None


def test_a_letter_with_several_senses_is_refused_with_its_candidates():
    with pytest.raises(bounds.TheoryError) as caught:
        rows(values={"delta": "0.1"})
    message = str(caught.value)
    assert "allenzhu2019: separation" in message
    assert "liu2020: failure probability" in message
    assert "--separation" in message
    assert rows(only=["allenzhu2019"], values={"delta": "0.1"})["allenzhu2019.required_width"].value


def test_l_is_each_papers_own_and_hidden_layers_the_same_network():
    own = rows(values={"L": 5})
    assert {own[k].values["L"] for k in ("banerjee2023.required_width", "liu2020.required_width")} == {5}
    same = rows(hidden_layers=5)
    letters = {k.split(".")[0]: s.values.get("L") for k, s in same.items() if s.values}
    assert (letters["banerjee2023"], letters["liu2020"], letters["allenzhu2019"]) == (5, 6, 4)
    assert "one hidden layer only (asked: 5)" in same["song2021.required_width"].reasons[0]
    assert "at least 2 hidden layers" in rows(hidden_layers=1)["allenzhu2019.required_width"].reasons[0]
    with pytest.raises(bounds.TheoryError, match="--L and --hidden-layers"):
        rows(values={"L": 5}, hidden_layers=5)
    with pytest.raises(bounds.TheoryError, match="--depth and --hidden-layers"):
        rows(values={"depth": 5}, hidden_layers=5)


def test_samples_are_drawn_for_a_paper_without_such_a_letter():
    assert kernel_row("banerjee2023", "digits", {"samples": "8"})["samples"] == 8
    drawn = filled(Question(["banerjee2023"], {"samples": 8, "d": 5}), "width", None, "sphere")
    assert dict(drawn.values) == {"d": 5}
    assert required_widths(drawn)[0].value
    with pytest.raises(bounds.TheoryError, match="no parameter 'samples'"):
        rows(only=["banerjee2023"], values={"samples": 8})
    with pytest.raises(bounds.TheoryError, match=r"samples = 0\.5"):
        kernel_row("banerjee2023", "digits", {"samples": "0.5"})


def test_what_a_scenario_states_gives_way_to_what_is_given_and_excludes_other_networks():
    own = filled(Question(["banerjee2023"], {"depth": 4}), "width", "mnist_mlp", None)
    assert required_widths(own)[0].values["L"] == 4
    tanh = required_widths(filled(Question(["allenzhu2019"]), "width", "banerjee2023.fig1", None))
    assert "covers relu networks only (asked: tanh)" in tanh[0].reasons[0]
    relu = filled(Question(["allenzhu2019"], {"activation": "relu"}), "width", "banerjee2023.fig1", None)
    assert required_widths(relu)[0].value
    with pytest.raises(bounds.TheoryError, match="no parameter 'activation'; did you mean separation"):
        translate([PAPERS["allenzhu2019"]], {"activation": "relu"})


def test_an_activation_that_a_paper_does_not_cover():
    found = rows(values={"activation": "gelu"}, hidden_layers=2)
    assert "relu networks only" in found["allenzhu2019.required_width"].reasons[0]
    assert "1-Lipschitz" in found["banerjee2023.required_width"].reasons[0]
    assert found["liu2020.required_width"].applicable
    relu = rows(values={"activation": "relu"}, hidden_layers=2)
    assert relu["allenzhu2019.required_width"].applicable
    assert not relu["liu2020.required_width"].applicable


def test_words_that_nothing_knows_or_needs():
    with pytest.raises(bounds.TheoryError, match="did you mean samples"):
        rows(values={"sample": 5})
    with pytest.raises(bounds.TheoryError, match="nothing asked for depends on omega_t"):
        rows(only=["banerjee2023"], values={"omega_t": 1})
    with pytest.raises(bounds.TheoryError, match="given twice"):
        rows(only=["liu2020"], values={"n": 5, "samples": 6})


def test_the_binding_condition_and_its_own_constants():
    small = rows(only=["allenzhu2019"], values={"n": 2, "delta": "0.5", "L": 1, "d": 1})["allenzhu2019.required_width"]
    assert small.binding != "Theorem 1"  # the printed condition does not imply the lemmas' for small n
    assert small.value == max(small.thresholds.values())
    assert set(small.order_of) <= set(small.unset)
    doubled = rows(only=["quoted"], values={"C": 2})["quoted.kawaguchi2019"]
    assert (doubled.value, doubled.order_of) == (1024, ())


def test_fill_comes_after_what_is_given_and_before_defaults():
    fill = {"quoted": {"n": Default(7, "here"), "lambda_min": Default(0.5, "there")}}
    found = rows(only=["quoted"], fill=fill)["quoted.du2019deep"]
    assert found.value == 7**4 * 2**4
    assert found.assumed["n"].origin == "here"
    given = rows(only=["quoted"], values={"samples": 3}, fill=fill)["quoted.du2019deep"]
    assert given.value == 3**4 * 2**4
    bad = rows(only=["quoted"], fill={"quoted": {"lambda_min": Default(0.0, "singular data")}})["quoted.du2019deep"]
    assert "singular data" in bad.reasons[0]


def test_step_sizes_at_the_width_that_each_theorem_asks_for():
    found = {e.quantity.key: e for e in evaluate_everywhere(Question(), "step_size")}
    own = bounds.required_width("allenzhu2019").value
    assert found["allenzhu2019.step_size"].assumed["m"].value == own
    assert "needs beta_F" not in str(found["liu2020.step_size_hessian"].reasons)
    missing = found["liu2020.sgd_step_size"]
    assert missing.applicable or missing.reasons


def test_one_quantity_of_several_papers():
    found = side_by_side(Question(values={"width": 4096, "radius": 1}, hidden_layers=3), "hessian_norm")
    assert [e.quantity.paper.key for e in found] == ["banerjee2023", "liu2020"]
    assert [e.values["L"] for e in found] == [3, 4]
    with pytest.raises(bounds.TheoryError, match="hessian_norm"):
        side_by_side(Question(), "hessian_nor")


@pytest.mark.parametrize("name", scenarios())
def test_scenarios_fill_what_they_state(name):
    chosen, _ = scenarios()[name]
    assert all(g.origin for g in chosen.values)
    assert all(g.name == "hidden_layers" or any(meaning(p, g.name) for p in PAPERS.values()) for g in chosen.values)
    fill = fill_from(name, PAPERS.values())
    for key, given in fill.items():
        for letter, default in given.items():
            assert letter in {*PAPERS[key].parameters, "activation"}
            assert default.origin.startswith(f"scenario {name}")
    question = filled(Question(), "width", name, None)
    assert question.hidden_layers == hidden_layers(name)
    assert len(required_widths(question)) > 10


def test_a_scenario_is_the_same_network_in_every_paper():
    fill = fill_from("mnist_mlp", PAPERS.values())
    assert (fill["song2021"]["d_1"].value, fill["liu2020"]["m"].value, fill["allenzhu2019"]["n"].value) == (
        512,
        512,
        60_000,
    )
    assert hidden_layers("mnist_mlp") == 2


def test_data_fill_the_parameters_in_each_papers_normalisation(tmp_path):
    X = np.array([[2.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    path = tmp_path / "three.npz"
    np.savez(path, X=X, y=np.array([1.0, -1.0, 0.5]))
    question = filled(Question(only=["allenzhu2019", "quoted"]), "width", None, str(path))
    # directions e1, e2, (e1 + e2)/sqrt 2 over sqrt 2: the least distance is that of 45 degrees
    least = math.sqrt(2 - math.sqrt(2)) / math.sqrt(2)
    assert question.fill["allenzhu2019"]["delta"].value == pytest.approx(least, rel=1e-14)
    assert question.fill["allenzhu2019"]["n"].value == 3
    listed = {(r["paper"], r["parameter"], r["at"]): r["value"] for r in data_constants(Question(), str(path))}
    unit = X / np.linalg.norm(X, axis=1, keepdims=True)
    assert listed["song2021", "sigma_max_X", ""] == pytest.approx(np.linalg.svd(unit)[1][0], rel=1e-13)
    assert listed["song2021", "sigma_min_Xt", "t = 1"] == 0
    khatri_rao = np.array([np.kron(x, x) for x in unit])
    assert listed["song2021", "sigma_min_Xt", "t = 2"] == pytest.approx(np.linalg.svd(khatri_rao)[1][2], rel=1e-12)


def test_data_that_do_not_suit_a_paper_are_a_row_not_an_end(tmp_path):
    path = tmp_path / "twice.npz"
    np.savez(path, X=np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]]), y=np.array([1.0, -1.0, 0.5]))
    found = required_widths(filled(Question(), "width", None, str(path)))
    by_key = {s.quantity.key: s for s in found}
    assert "the same input" in by_key["allenzhu2019.required_width"].reasons[0]
    assert by_key["banerjee2023.required_width"].applicable


def test_kernel_of_a_data_set_by_hand(tmp_path):
    # fu2018 with the identity: K = X X^T; for rows (1, 0), (1, 1) its eigenvalues are (3 -+ sqrt 5)/2
    path = tmp_path / "two.npz"
    np.savez(path, X=np.array([[1.0, 0.0], [1.0, 1.0]]), y=np.array([1.0, -1.0]))
    row = kernel_row("fu2018", str(path), {"activation": "identity"}, str(tmp_path / "K.npy"))
    assert (row["lambda_min"], row["lambda_max"]) == pytest.approx(((3 - 5**0.5) / 2, (3 + 5**0.5) / 2), rel=1e-12)
    np.testing.assert_allclose(np.load(tmp_path / "K.npy"), [[1, 1], [1, 2]])
    with pytest.raises(bounds.TheoryError, match="does not depend on sigma"):
        kernel_row("fu2018", str(path), {"sigma": 2})


def test_axes_are_read_as_written():
    paper = PAPERS["allenzhu2019"]
    assert axis(paper, "n=2:5")[1].tolist() == [2, 3, 4, 5]
    assert axis(paper, "samples=1:1e4:log:5")[1].tolist() == [1, 10, 100, 1000, 10000]
    assert axis(paper, "delta=0.1,0.2")[1].tolist() == [0.1, 0.2]
    assert axis(paper, "delta=0.1:0.3:3")[1] == pytest.approx([0.1, 0.2, 0.3])
    for wrong in ("n", "n=5:2", "q9=1:2", "delta=0:1:log", "n=1:2:up", "n=1:1e9"):
        with pytest.raises(bounds.TheoryError, match="--over"):
            axis(paper, wrong)


def test_a_sweep_is_the_loop_over_its_points():
    q = bounds.quantity("allenzhu2019.step_size")
    axes = {"n": np.array([10.0, 100.0]), "delta": np.array([0.1, 0.2, 0.4])}
    found = sweep(q, axes, {"m": 1000})
    assert found.value.shape == (2, 3)
    for i, n in enumerate((10, 100)):
        for j, delta in enumerate((0.1, 0.2, 0.4)):
            assert found.value[i, j] == pytest.approx(q.evaluate(n=n, delta=delta, m=1000, L=2, d=1), rel=1e-13)
    assert list(found.rows())[4][:2] == (100.0, 0.2)
    assert found.unset == ("C_eta",)
    with pytest.raises(bounds.TheoryError, match="both swept and given"):
        sweep(q, axes, {"n": 5})


def test_sweeps_over_widths_and_where_formulas_are_undefined():
    widths = sweep(bounds.quantity("banerjee2023.required_width"), {"L": np.array([1.0, 2.0, 3.0])}, {})
    assert widths.applicable.tolist() == [False, True, True]
    assert widths.value[1] == bounds.required_width("banerjee2023", L=2).value
    assert math.isnan(widths.value[0])
    psi = sweep(
        bounds.quantity("banerjee2023.psi_H"), {"L": np.array([1.0, 2.0])}, {"gamma": 1, "beta_phi": 1, "phi_0": 0}
    )
    assert math.isnan(psi.value[0])
    assert psi.value[1] == 2  # h = 1: the second entry, 1 (1/2 (1 + 1) + 1)


def test_a_role_that_is_also_a_quantitys_name_is_read_as_the_role_by_largest_too():
    # liu2020 has a quantity `radius`; asked of two papers, --radius is banerjee2023's rho
    asked = Question(only=["banerjee2023", "liu2020"], values={"width": 10**9, "radius": "0.5"})
    found = {r.quantity.key: r for r in reaches(asked, "depth")}
    assert found["banerjee2023.required_width"].values["rho"] == Fraction(1, 2)
