"""Files that a report is not made from are refused in one line."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from report_rows import comparison, row

from bounds.errors import TheoryError
from bounds.tables import dumps
from empirics.report import from_dict, load, report


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
        ("a.json", bad(measured="much"), "must be a number"),
        ("a.json", bad(width="64"), "must be an integer"),
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


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 10**400) | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
PLACES = [
    *((part, 0, f) for part in ("rows", "cases") for f in row().to_dict()),
    *((part, 0, "details", f) for part in ("rows", "cases") for f in ("upper", "values", "unset", "widths")),
    *(("configuration", "banerjee2023", f) for f in ("runs", "notes", "findings", "widths", "interrupted", "own")),
    *((part,) for part in ("rows", "configuration", "versions", "cases")),
]


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(PLACES), ANYTHING)
def test_any_change_is_refused_or_shown(place, value):
    """Whatever stands in one place of a file: one line says what is wrong, or a page comes of it."""
    data = json.loads(dumps(comparison([row()], [row(), row(width=128)], widths=[64, 128]).to_dict()))
    inner = data
    for step in place[:-1]:
        inner = inner[step]
    inner[place[-1]] = value
    try:
        made = from_dict(data)
    except TheoryError as refused:
        said = str(refused)
    else:
        said = report(made)
    assert said.startswith(("comparison: ", "<!DOCTYPE html>"))
