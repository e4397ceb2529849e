"""Files that a report is not made from are refused in one line."""

from __future__ import annotations

import json

import pytest
from report_rows import comparison, row

from bounds.errors import TheoryError
from bounds.tables import dumps
from empirics.report import load


def bad(**changes):
    data = json.loads(dumps(comparison([row()]).to_dict()))
    data["rows"][0] |= changes
    return json.dumps(data)


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("a.json", "{", "not JSON"),
        ("a.json", "[]", "not the output of bounds compare --json"),
        ("a.json", '{"rows": []}', "it has no configuration"),
        ("a.json", '{"rows": [], "configuration": {}, "versions": {}, "cases": []}', "no rows"),
        ("a.json", bad(quantity="banerjee2023.c_H_tigt"), "did you mean banerjee2023.c_H_tight"),
        ("a.json", bad(measured="much"), "is not a number"),
        ("a.json", bad(width="64"), "integers are needed"),
        ("a.json", bad(reasons=7), "not a comparison"),
        ("a.json", '{"rows": [{}], "configuration": {}, "versions": {}, "cases": []}', "not a comparison"),
        ("a.txt", "{}", "a report is made from .json"),
        ("a.json", None, "cannot be read"),
    ],
)
def test_files_that_are_refused(tmp_path, name, text, said):
    path = tmp_path / name
    if text is not None:
        path.write_text(text)
    with pytest.raises(TheoryError, match=said) as raised:
        load(path)
    assert str(path) in str(raised.value)
    assert "\n" not in str(raised.value)
