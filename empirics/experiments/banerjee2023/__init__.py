"""banerjee2023 on real networks: comparison with its theorems, the user's own network, and Figure 1."""

from empirics.experiments.banerjee2023 import figures
from empirics.experiments.banerjee2023.architecture import NETWORKS
from empirics.experiments.banerjee2023.observe import KEY, MEASURED
from empirics.experiments.banerjee2023.own import compare_model
from empirics.experiments.banerjee2023.run import compare
from empirics.experiments.banerjee2023.setting import Setting
from empirics.gathering import sum_up

FIGURES = {"fig1": figures}

__all__ = ["FIGURES", "KEY", "MEASURED", "NETWORKS", "Setting", "compare", "compare_model", "sum_up"]
