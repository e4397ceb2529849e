"""song2021: Subquadratic Overparameterization for Shallow Neural Networks (NeurIPS 2021)."""

from __future__ import annotations

from typing import Any

from bounds.model import Paper
from bounds.papers.song2021 import (
    concentration,
    descent,
    flow,
    hermite,
    initial,
    lazy,
    scenarios,
    shallow,
    spectrum,
    units,
    width,
)
from bounds.papers.song2021.assumptions import BASIC
from bounds.papers.song2021.letters import KEY, PARAMETERS

PARTS = (flow, descent, shallow, initial, hermite, spectrum, concentration, width, lazy)


def _errata() -> Any:
    from bounds.papers.song2021.errata import ERRATA

    return ERRATA


def _from_data() -> Any:
    from bounds.papers.song2021.data import FROM_DATA

    return FROM_DATA


PAPER = Paper(
    key=KEY,
    title="Subquadratic Overparameterization for Shallow Neural Networks",
    authors="Song, Ramezani-Kebrya, Pethick, Eftekhari, Cevher",
    venue="NeurIPS 2021",
    year=2021,
    bibtex="""@inproceedings{song2021,
  title     = {Subquadratic Overparameterization for Shallow Neural Networks},
  author    = {Song, ChaeHwan and Ramezani-Kebrya, Ali and Pethick, Thomas and Eftekhari, Armin and Cevher, Volkan},
  booktitle = {Advances in Neural Information Processing Systems},
  year      = {2021}
}""",
    setting=(
        "h = f o Phi, f alpha_f-PL and beta_f-smooth with least value 0, Phi beta_Phi-smooth; gradient flow and "
        "descent. Shallow: Phi(W, V) = V phi(W X), X d_0 x n with unit columns, h = ||V phi(W X) - Y||_F^2, both "
        "layers trained; W_0 ~ N(0, omega_1^2) d_1 x d_0, V_0 ~ N(0, omega_2^2) d_2 x d_1."
    ),
    parameters=PARAMETERS,
    quantities={q.name: q for part in PARTS for q in part.quantities()},
    assumptions=(BASIC,),
    errata=_errata,
    layers_offset=None,
    scenarios=scenarios.SCENARIOS,
    rescalings=units.RESCALINGS,
    from_data=_from_data,
)
