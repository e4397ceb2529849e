"""allenzhu2019: A Convergence Theory for Deep Learning via Over-Parameterization (ICML 2019; arXiv version 5)."""

from __future__ import annotations

from typing import Any

from bounds.model import Paper
from bounds.papers.allenzhu2019 import (
    convolutional,
    descent,
    initialisation,
    landscape,
    losses,
    products,
    residual,
    separation,
    smoothness,
    stability,
    stochastic,
    width,
)
from bounds.papers.allenzhu2019.letters import DATA, KEY, PARAMETERS, RANDOM
from bounds.papers.allenzhu2019.scenarios import SCENARIOS

PARTS = (
    width,
    descent,
    stochastic,
    landscape,
    smoothness,
    initialisation,
    separation,
    stability,
    products,
    losses,
    convolutional,
    residual,
)


def _errata() -> Any:
    from bounds.papers.allenzhu2019.errata import ERRATA

    return ERRATA


def _from_data() -> Any:
    from bounds.papers.allenzhu2019.data import FROM_DATA

    return FROM_DATA


PAPER = Paper(
    key=KEY,
    title="A Convergence Theory for Deep Learning via Over-Parameterization",
    authors="Allen-Zhu, Li, Song",
    venue="ICML 2019",
    year=2019,
    bibtex="""@inproceedings{allenzhu2019,
  title     = {A Convergence Theory for Deep Learning via Over-Parameterization},
  author    = {Allen-Zhu, Zeyuan and Li, Yuanzhi and Song, Zhao},
  booktitle = {International Conference on Machine Learning},
  year      = {2019}
}""",
    setting=(
        "h_0 = relu(A x), h_l = relu(W_l h_{l-1}) for l = 1..L, y = B h_L, all layers of width m, d outputs; W_l and A "
        "~ N(0, 2/m), B ~ N(0, 1/d) entrywise, only W_1..W_L trained; ||x_i|| = 1, ||x_i - x_j|| >= delta; loss "
        "F = sum_i ||B h_{i,L} - y_i||^2/2; gradient descent or SGD."
    ),
    parameters=PARAMETERS,
    quantities={q.name: q for part in PARTS for q in part.quantities()},
    assumptions=(DATA, RANDOM),
    errata=_errata,
    layers_offset=-1,
    activation="relu",
    from_data=_from_data,
    scenarios=SCENARIOS,
)
