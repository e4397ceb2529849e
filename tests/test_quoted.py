"""The quoted orders: their exponents from the quoting papers' tables, and where they apply."""

from __future__ import annotations

import pytest

import bounds
from bounds.across import Question, required_widths

# song2021's Table 1 and Section 1.2 and liu2020's Section 7: powers of n, of the layers of weights L, of 1/lambda_min
QUOTED = {
    "oymak2020": (2, 0, 0, "Table 1 of song2021"),
    "kawaguchi2019": (1, 0, 0, "Table 1 of song2021"),
    "songyang2019": (2, 0, 0, "Table 1 of song2021"),
    "du2019": (6, 0, 0, "Table 1 of song2021"),
    "zou2019": (8, 12, 0, "Table 1 of song2021"),
    "allenzhu2019_table": (24, 12, 0, "Section 1.2 of song2021"),
    "du2019deep": (4, 0, 4, "Section 7 of liu2020, below (32)"),
}
TWO_LAYERS = {"oymak2020", "songyang2019", "du2019"}


def test_all_are_there():
    assert set(bounds.papers()["quoted"].quantities) == set(QUOTED)


@pytest.mark.parametrize("name", QUOTED)
def test_orders(name):
    n, depth, kernel, place = QUOTED[name]
    q = bounds.quantity(f"quoted.{name}")
    given = {"n": 10} | ({"L": 3} if depth else {}) | ({"lambda_min": "1/2"} if kernel else {})
    assert q.evaluate(**given) == pytest.approx(10**n * 3**depth * 2**kernel, rel=1e-14)
    assert q.evaluate(**given, C=7) == pytest.approx(7 * 10**n * 3**depth * 2**kernel, rel=1e-14)
    found = bounds.result(q, **given)
    assert found.unset == ("C",)
    assert (q.order_only, q.direction, q.status, q.answers) == (True, "at_least", "printed", "width")
    assert q.source.place == place
    assert dict(q.orders) == {k: v for k, v in (("n", n), ("L", depth), ("lambda_min", -kernel)) if v}


@pytest.mark.parametrize("name", QUOTED)
def test_two_layer_results_speak_of_one_hidden_layer_only(name):
    for hidden, applies in ((1, True), (2, name not in TWO_LAYERS)):
        rows = required_widths(Question(only=("quoted",), hidden_layers=hidden))
        (row,) = [r for r in rows if r.quantity.name == name]
        assert (row.value is not None) == applies
        assert applies or "two layers" in row.reasons[0]


def test_widths_are_exact_integers():
    found = bounds.required_width("quoted.allenzhu2019_table", n=10**6, L=100)
    assert found.value == 10**168
    assert bounds.required_width("quoted.zou2019", n=3, L=2, C="1/7").value == -(-(3**8 * 2**12) // 7)
