"""song2021 on real networks: comparison with its theorems, the user's own network, Figure 1, and lazy training."""

from empirics.experiments.song2021 import fig1, lazy
from empirics.experiments.song2021.architecture import NETWORKS
from empirics.experiments.song2021.constants import KEY
from empirics.experiments.song2021.own import compare_model
from empirics.experiments.song2021.run import MEASURED, compare
from empirics.experiments.song2021.setting import Setting
from empirics.gathering import sum_up

FIGURES = {"fig1": fig1, "lazy": lazy}

__all__ = ["FIGURES", "KEY", "MEASURED", "NETWORKS", "Setting", "compare", "compare_model", "sum_up"]
