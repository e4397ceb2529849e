"""``required-width --calibrated``: hidden constants from a file, and files that cannot be used."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

import cli
from bounds.calibration import Calibration
from bounds.errors import TheoryError

ENTRY = {"value": 0.013, "relation": ">=", "cases": 12, "origin": "digits"}


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


@pytest.mark.parametrize(
    ("constants", "changes", "text"),
    [
        ({"liu2020.width_ordre": {"C": ENTRY}}, {}, "did you mean"),
        ({"liu2020.width_order": {"C_m": ENTRY}}, {}, "no hidden constant"),
        ({"liu2020.L_f": {"C": ENTRY}}, {}, "it has none"),
        ({"liu2020.width_order": {"C": ENTRY | {"value": -1}}}, {}, "positive value"),
        ({"liu2020.width_order": {"C": ENTRY | {"value": True}}}, {}, "positive value"),
        ({"liu2020.width_order": {"C": {"value": 1}}}, {}, "positive value"),
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
