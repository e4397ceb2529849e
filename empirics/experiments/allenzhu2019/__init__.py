"""allenzhu2019 on real networks: comparison with its theorems, the user's own network, and Figures 1 to 7."""

from empirics.experiments.allenzhu2019.architecture import NETWORKS
from empirics.experiments.allenzhu2019.judging import sum_up
from empirics.experiments.allenzhu2019.key import KEY
from empirics.experiments.allenzhu2019.landscape import FIGURES
from empirics.experiments.allenzhu2019.own import compare_model
from empirics.experiments.allenzhu2019.run import MEASURED, compare
from empirics.experiments.allenzhu2019.setting import Setting

__all__ = ["FIGURES", "KEY", "MEASURED", "NETWORKS", "Setting", "compare", "compare_model", "sum_up"]
