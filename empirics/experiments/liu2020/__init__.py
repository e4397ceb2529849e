"""liu2020 on real networks: comparison with its theorems, and the user's own network."""

from empirics.experiments.liu2020 import fig2
from empirics.experiments.liu2020.architecture import NETWORKS
from empirics.experiments.liu2020.key import KEY
from empirics.experiments.liu2020.own import compare_model
from empirics.experiments.liu2020.run import MEASURED, compare
from empirics.experiments.liu2020.setting import Setting
from empirics.gathering import sum_up

FIGURES = {"fig2": fig2}

__all__ = ["FIGURES", "KEY", "MEASURED", "NETWORKS", "Setting", "compare", "compare_model", "sum_up"]
