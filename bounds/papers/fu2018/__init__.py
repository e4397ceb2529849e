"""fu2018: Local Geometry of One-Hidden-Layer Neural Networks for Logistic Regression (2018)."""

from __future__ import annotations

from typing import Any

from bounds.model import Paper
from bounds.papers.fu2018 import blocks, concentration, descent, geometry, moments, samples
from bounds.papers.fu2018.letters import BASIC, KEY, PARAMETERS, SCENARIOS

PARTS = (moments, samples, geometry, concentration, descent, blocks)


def _errata() -> Any:
    from bounds.papers.fu2018.errata import ERRATA

    return ERRATA


def _fig2(activation: Any) -> Any:
    from bounds.papers.fu2018.plots import fig2

    return fig2(activation)


def _from_data() -> Any:
    from bounds.papers.fu2018.data import FROM_DATA

    return FROM_DATA


PAPER = Paper(
    key=KEY,
    title="Local Geometry of One-Hidden-Layer Neural Networks for Logistic Regression",
    authors="Fu, Chi, Liang",
    venue="arXiv:1802.06463",
    year=2018,
    bibtex="""@article{fu2018,
  title   = {Local Geometry of One-Hidden-Layer Neural Networks for Logistic Regression},
  author  = {Fu, Haoyu and Chi, Yuejie and Liang, Yingbin},
  journal = {arXiv preprint arXiv:1802.06463},
  year    = {2018}
}""",
    setting=(
        "output (1/K) sum_k phi(w_k^T x), W = [w_1, ..., w_K] in R^(d x K), K <= d, x ~ N(0, I_d); labels in {0, 1} "
        "with P(y = 1|x) the output at W* (classification) or y that output (regression); "
        "loss (1/2n) sum_i (y_i - output_i)^2; full-batch gradient descent; ball ||W - W*||_F <= r."
    ),
    parameters=PARAMETERS,
    quantities={q.name: q for part in PARTS for q in part.quantities()},
    assumptions=BASIC,
    errata=_errata,
    layers_offset=None,
    scenarios=SCENARIOS,
    figures={"fig2": _fig2},
    from_data=_from_data,
)
