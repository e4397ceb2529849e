"""liu2020: Toward a theory of optimization for over-parameterized systems of non-linear equations (2020)."""

from __future__ import annotations

from typing import Any

from bounds.model import Paper
from bounds.papers.liu2020 import control, curvature, initial, network, outputs, sparse, systems, variants, width
from bounds.papers.liu2020.conditions import SQUARE
from bounds.papers.liu2020.letters import KEY, PARAMETERS
from bounds.papers.liu2020.scenarios import SCENARIOS
from bounds.papers.liu2020.units import RESCALINGS

PARTS = (systems, variants, control, sparse, network, initial, curvature, width, outputs)


def _errata() -> Any:
    from bounds.papers.liu2020.errata import ERRATA

    return ERRATA


def _from_data() -> Any:
    from bounds.papers.liu2020.data import FROM_DATA

    return FROM_DATA


PAPER = Paper(
    key=KEY,
    title=(
        "Toward a theory of optimization for over-parameterized systems of non-linear equations: "
        "the lessons of deep learning"
    ),
    authors="Liu, Zhu, Belkin",
    venue="arXiv:2003.00307",
    year=2020,
    bibtex="""@article{liu2020,
  title   = {Toward a theory of optimization for over-parameterized systems of non-linear equations:
             the lessons of deep learning},
  author  = {Liu, Chaoyue and Zhu, Libin and Belkin, Mikhail},
  journal = {arXiv preprint arXiv:2003.00307},
  year    = {2020}
}""",
    setting=(
        "F: R^p -> R^n, loss 1/2 ||F(w) - y||^2 (a sum, with 1/2), K(w) = grad F grad F^T, ||H|| = max_i ||H_i||_2. "
        "Deep network: alpha^(0) = x, alphatilde^(l) = W^(l) alpha^(l-1)/sqrt(m_{l-1}), "
        "alpha^(l) = sigma(alphatilde^(l)), f = alphatilde^(L): L weight layers, L - 1 hidden ones of m neurons; "
        "W_0 entries N(0, 1); ||W|| = sum_l ||W^(l)||_F."
    ),
    parameters=PARAMETERS,
    quantities={q.name: q for part in PARTS for q in part.quantities()},
    assumptions=(SQUARE,),
    errata=_errata,
    layers_offset=1,
    scenarios=SCENARIOS,
    rescalings=RESCALINGS,
    from_data=_from_data,
)
