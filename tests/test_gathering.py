"""A sweep's tasks, stored one by one and gathered, say what one run over all of them says."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import empirics
from empirics.comparison import Comparison
from empirics.experiments import experiment
from empirics.gathering import gather, judge_all, restored, sum_up
from empirics.regather import regather
from empirics.store.packing import canonical, jsonable, pack, restore, unpack
from empirics.verdict import Observation

DATA = empirics.load("digits", samples=6)
SMALL = {
    "banerjee2023": {"L": 2, "steps": 2, "widths": (64, 65)},
    "liu2020": {"L": 2, "steps": 2, "widths": (8, 9), "init_seeds": 3, "sgd_runs": 2, "sgd_steps": 3},
    "song2021": {"steps": 2, "widths": (8, 16, 32), "init_seeds": 3},
}


def stored(comparison: Comparison) -> Comparison:
    """As it comes back from a store."""
    return Comparison.from_dict(unpack(pack(comparison), "a test"))


@pytest.mark.parametrize(("paper", "first"), [("banerjee2023", 0), ("liu2020", 4), ("song2021", 0), ("song2021", 4)])
def test_tasks_one_by_one_equal_one_run(paper, first):
    module = experiment(paper)
    whole = module.Setting(**SMALL[paper], seeds=2, first_seed=first)
    together = module.compare(whole, DATA)
    tasks = [
        replace(whole, widths=(width,), seeds=1, first_seed=seed, fresh=seed == first)
        for width in whole.widths
        for seed in (first, first + 1)
    ]
    apart = regather([stored(module.compare(task, DATA)) for task in tasks], module.sum_up)
    assert len(together.rows) > 10
    assert canonical([r.to_dict() for r in apart.rows]) == canonical([r.to_dict() for r in together.rows])
    assert sorted(canonical(c.to_dict()) for c in apart.cases) == sorted(canonical(c.to_dict()) for c in together.cases)
    if paper == "song2021":  # the others' runs bound no hidden constant
        assert apart.calibration("test").constants == together.calibration("test").constants
    one, other = apart.configuration, together.configuration
    assert (one["seeds"], one["first_seed"], tuple(one["widths"])) == (2, first, whole.widths)
    assert canonical(one["runs"]) == canonical(other["runs"])
    assert {name: one[name] for name in ("steps", "samples", "data")} == {
        name: other[name] for name in ("steps", "samples", "data")
    }


def test_seeds_that_follow_are_others():
    module = experiment("song2021")
    setting = module.Setting(widths=(8,), seeds=1, steps=1, init_seeds=3)
    first, second = (module.compare(replace(setting, first_seed=k), DATA) for k in (0, 1))
    for name in ("row_norm", "nu_Phi"):  # of the ensemble, of the trained network
        found = [{c.measured for c in x.cases if c.quantity == f"song2021.{name}"} for x in (first, second)]
        assert found[0]
        assert not found[0] & found[1], name
    ensembles = [{s for c in x.cases if c.quantity == "song2021.row_norm" for s in c.seeds} for x in (first, second)]
    assert ensembles == [{0, 1, 2}, {3, 4, 5}]
    assert not [
        c for c in module.compare(replace(setting, fresh=False), DATA).cases if c.quantity.endswith(".row_norm")
    ]


OBSERVATIONS = st.lists(
    st.builds(
        lambda key, width, measured, exact, reasons: Observation(
            key[0], key[1] | {"m": width}, measured, upper=measured if exact else None, reasons=reasons, width=width
        ),
        st.sampled_from(
            [
                ("banerjee2023.layer_jacobian", {"L": 3, "gamma": 1.0}),
                ("liu2020.init_output", {"L": 3, "c_0": 3, "activation": "tanh", "C_x": 1.0, "delta": 0.1, "d": 5}),
                ("song2021.row_norm", {"d_0": 5, "d_1": 8, "omega_1": 1.0, "delta_4": 1.0}),
                ("banerjee2023.beta", {"L": 1, "rho": 0, "rho_1": 0, "sigma_1": 1, "activation": "tanh", "d": 5}),
            ]
        ),
        st.sampled_from([8, 16, 64]),
        st.one_of(st.floats(0, 1e3), st.sampled_from([math.nan, math.inf])),
        st.booleans(),
        st.sampled_from([(), ("outside the ball",)]),
    ),
    min_size=1,
    max_size=12,
)


@settings(max_examples=25, deadline=None)
@given(OBSERVATIONS, st.integers(0, 12))
def test_any_observations_in_two_parts(observations, cut):
    seen = [
        replace(o, reasons=o.reasons or (("L = 1",) if o.quantity.endswith("beta") else ()), seed=k)
        for k, o in enumerate(observations)
    ]
    rows, cases = gather(seen)
    parts = [judge_all(seen[:cut]), judge_all(seen[cut:])]
    back = [restored(unpack(pack(case), "a test")) for part in parts for case in part]
    assert canonical(sum_up(back)) == canonical(rows)
    assert canonical(back) == canonical(cases)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=50, deadline=None)
@given(JSON)
def test_packing_is_exact(value):
    back = unpack(pack(value), "a test")
    assert canonical(back) == canonical(value)
    assert repr(back) == repr(value)  # NaN, infinities and -0.0 included
    json.loads(canonical(value), parse_constant=pytest.fail)  # strict JSON
    assert repr(restore(jsonable(value))) == repr(value)
