"""``required-width --calibrated``: hidden constants from a file, and files that cannot be used."""

from __future__ import annotations

import csv
import io
import json
import math

import pytest
from click.testing import CliRunner

import cli
from bounds.calibration import Calibration, Constant
from bounds.errors import TheoryError

ENTRY = {"value": 0.013, "relation": ">=", "cases": 12, "from": "digits"}


def written(tmp_path, constants, **changes):
    path = tmp_path / "c.json"
    path.write_text(json.dumps({"format": "bounds-calibration-1", "constants": constants} | changes))
    return path


def test_a_constant_scales_the_width_and_is_said(tmp_path):
    path = written(tmp_path, {"liu2020.width_order": {"C": ENTRY}})
    done = CliRunner().invoke(
        cli.app, ["required-width", "--paper", "liu2020", "--calibrated", str(path), "--hidden-layers", "3", "--json"]
    )
    plain = CliRunner().invoke(cli.app, ["required-width", "--paper", "liu2020", "--hidden-layers", "3", "--json"])
    rows, free = ({r["quantity"]: r for r in json.loads(d.stdout)["rows"]} for d in (done, plain))
    with_c, without = rows["liu2020.width_order"], free["liu2020.width_order"]
    assert 10 ** (with_c["log10"] - without["log10"]) == pytest.approx(0.013, rel=1e-6)
    assert with_c["calibrated"] == {"C": 0.013}
    assert with_c["order_only"]
    assert without["calibrated"] == {}
    song = written(tmp_path, {"song2021.required_width": {"C": ENTRY}})
    fill = Calibration.read(song)
    assert fill.fill("song2021.required_width_unbounded") == {}  # another quantity's C is another constant
    assert "calibrated, not proved" in json.loads(done.stdout)["assumed"]["liu2020.width_order.C"]["from"]


def test_a_given_constant_comes_before_the_file(tmp_path):
    path = written(tmp_path, {"liu2020.width_order": {"C": ENTRY}})
    arguments = ["required-width", "--paper", "liu2020", "--calibrated", str(path), "--C", "2", "--json"]
    rows = {r["quantity"]: r for r in json.loads(CliRunner().invoke(cli.app, arguments).stdout)["rows"]}
    assert rows["liu2020.width_order"]["calibrated"] == {}


def asked(path, *arguments):
    done = CliRunner().invoke(
        cli.app, ["required-width", "--calibrated", str(path), *arguments], catch_exceptions=False
    )
    assert done.exit_code == 0
    return done


def test_the_table_and_the_csv_say_that_a_width_is_calibrated(tmp_path):
    path = written(tmp_path, {"liu2020.width_order": {"C": ENTRY}})
    text = asked(path, "--paper", "liu2020").stdout
    assert "C = 0.013 calibrated" in text
    assert f"calibrated, not proved: {path}: C >= 0.013 in 12 cases (digits)" in text
    rows = {r["quantity"]: r for r in csv.DictReader(io.StringIO(asked(path, "--paper", "liu2020", "--csv").stdout))}
    assert rows["liu2020.width_order"]["calibrated"] == "C = 0.013"
    assert rows["liu2020.width_order"]["order_only"] == "True"
    assert rows["liu2020.required_width"]["calibrated"] == ""


def test_a_plot_says_it(tmp_path, monkeypatch):
    drawn = {}
    monkeypatch.setattr("bounds.plots._draw_curves", lambda curves, *_: drawn.update(curves))
    path = written(tmp_path, {"liu2020.width_order": {"C": ENTRY}})
    asked(path, "--paper", "liu2020", "--plot", str(tmp_path / "p.png"), "--against", "samples=10,20")
    assert "liu2020.width_order (order only, calibrated)" in drawn
    assert "liu2020.required_width" in drawn


def test_a_letter_of_one_lemma_reaches_the_theorems_that_rest_on_it(tmp_path):
    """C_4 belongs to song2021's concentration, which binds all its widths; C is another constant in each."""
    common = ("--paper", "song2021", "--activation", "gelu", "--json")
    plain = written(tmp_path, {"song2021.loss_init": {"C": ENTRY}})
    free = json.loads(asked(plain, *common).stdout)["rows"]
    found = json.loads(asked(written(tmp_path, {"song2021.concentration_width": {"C_4": ENTRY}}), *common).stdout)[
        "rows"
    ]
    assert {tuple(r["calibrated"].items()) for r in found} == {(("C_4", 0.013),)}
    assert all(r["calibrated"] == {} and "C" in r["unset"] for r in free)
    for before, after in zip(free, found, strict=True):  # the other conditions keep their thresholds
        assert before["binding"] == "concentration"
        assert int(after["thresholds"]["concentration"]) < int(before["thresholds"]["concentration"])
        kept = set(before["thresholds"]) - {"concentration"}
        assert {n: before["thresholds"][n] for n in kept} == {n: after["thresholds"][n] for n in kept}


def test_a_file_of_other_constants_is_said(tmp_path):
    names = ("loss_init", "nu_Phi_upper", "row_norm", "sigma_max_phi_upper", "summand_norm")
    path = written(tmp_path, {f"song2021.{n}": {"C": ENTRY} for n in names})
    done = asked(path, "--paper", "liu2020")
    assert "none of its constants belongs to a theorem asked for (it has song2021.loss_init.C, " in done.stderr
    assert "and 1 more" in done.stderr
    assert asked(written(tmp_path, {"liu2020.width_order": {"C": ENTRY}}), "--paper", "liu2020").stderr == ""


def test_what_is_written_is_read_again(tmp_path):
    constants = {("liu2020.width_order", "C"): Constant(0.1 + 0.2, ">", 3, "width 64, Käfer")}
    made = Calibration(constants, versions={"torch": "2"})
    assert "1 hidden constants" in made.write(tmp_path / "c.json")
    found = Calibration.read(tmp_path / "c.json")
    assert (found.constants, found.versions, found.source) == (constants, {"torch": "2"}, str(tmp_path / "c.json"))
    with pytest.raises(TheoryError, match="cannot be written"):
        made.write(tmp_path / "none" / "c.json")


def entry(**changes):
    return {"liu2020.width_order": {"C": {**ENTRY, **changes}}}


@pytest.mark.parametrize(
    ("constants", "changes", "text"),
    [
        ({"liu2020.width_ordre": {"C": ENTRY}}, {}, "c.json: .*did you mean"),
        ({"liu2020.width_order": {"C_m": ENTRY}}, {}, "no hidden constant"),
        ({"liu2020.L_f": {"C": ENTRY}}, {}, "it has none"),
        (entry(value=-1), {}, "the value of liu2020.width_order.C must be positive and finite .given: -1"),
        (entry(value=True), {}, "positive and finite"),
        (entry(value="1"), {}, "positive and finite"),
        (entry(value=math.nan), {}, "positive and finite"),
        (entry(value=math.inf), {}, "positive and finite"),
        (entry(value=10**400), {}, "positive and finite"),
        ({"liu2020.width_order": {"C": {}}}, {}, "there is none"),
        ({"liu2020.width_order": {"C": 3}}, {}, "positive and finite"),
        (entry(relation="="), {}, "must be one of >= > <= <"),
        (entry(relation=["\n" * 99]), {}, "must be one of"),
        (entry(cases=0), {}, "cases"),
        (entry(cases=1.5), {}, "cases"),
        (entry(**{"from": None}), {}, "how the runs were made"),
        ({"liu2020.width_order": 3}, {}, "must map"),
        ({}, {"format": "other"}, "not a file of the format"),
    ],
)
def test_a_file_that_cannot_be_used_is_one_line(tmp_path, constants, changes, text):
    with pytest.raises(TheoryError, match=text) as error:
        Calibration.read(written(tmp_path, constants, **changes))
    assert "\n" not in str(error.value)


def test_no_file_and_no_json(tmp_path):
    with pytest.raises(TheoryError, match="cannot be read"):
        Calibration.read(tmp_path / "none.json")
    (tmp_path / "text.json").write_text("not json")
    with pytest.raises(TheoryError, match="not JSON"):
        Calibration.read(tmp_path / "text.json")
