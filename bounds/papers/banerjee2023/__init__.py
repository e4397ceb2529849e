"""banerjee2023: Restricted Strong Convexity of Deep Learning Models with Smooth Activations (ICLR 2023)."""

from __future__ import annotations

from typing import Any

from bounds.model import Paper
from bounds.papers.banerjee2023 import constants, convexity, descent, gradients, hessian, lemmas
from bounds.papers.banerjee2023.letters import INITIAL, KEY, PARAMETERS, SMOOTH
from bounds.papers.banerjee2023.units import RESCALINGS, SCENARIOS

PARTS = (constants, hessian, gradients, convexity, descent, lemmas)


def _errata() -> Any:
    from bounds.papers.banerjee2023.errata import ERRATA

    return ERRATA


def _from_data() -> Any:
    from bounds.papers.banerjee2023.data import FROM_DATA

    return FROM_DATA


PAPER = Paper(
    key=KEY,
    title="Restricted Strong Convexity of Deep Learning Models with Smooth Activations",
    authors="Banerjee, Cisneros-Velarde, Zhu, Belkin",
    venue="ICLR 2023",
    year=2023,
    bibtex="""@inproceedings{banerjee2023,
  title     = {Restricted Strong Convexity of Deep Learning Models with Smooth Activations},
  author    = {Banerjee, Arindam and Cisneros-Velarde, Pedro and Zhu, Libin and Belkin, Mikhail},
  booktitle = {International Conference on Learning Representations},
  year      = {2023}
}""",
    setting=(
        "alpha^(0) = x, alpha^(l) = phi(W^(l) alpha^(l-1)/sqrt(m_{l-1})) for l = 1..L, f = v^T alpha^(L)/sqrt(m); "
        "m_0 = d, m_l = m; ||x_i||_2 = sqrt(d); loss (1/n) sum_i (y_i - f_i)^2; full-batch gradient descent; "
        "ball ||W^(l) - W_0^(l)||_2 <= rho, ||v - v_0||_2 <= rho_1."
    ),
    parameters=PARAMETERS,
    quantities={q.name: q for part in PARTS for q in part.quantities()},
    assumptions=(SMOOTH, INITIAL),
    errata=_errata,
    proved={"c_H": "c_H_proved"},
    scenarios=SCENARIOS,
    rescalings=RESCALINGS,
    from_data=_from_data,
)
