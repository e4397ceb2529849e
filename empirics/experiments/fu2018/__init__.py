"""fu2018 on real networks: comparison with its theorems on data of its own model, own networks, and figures."""

from empirics.experiments.fu2018 import fig3, fig4, recover
from empirics.experiments.fu2018.architecture import NETWORKS
from empirics.experiments.fu2018.key import KEY
from empirics.experiments.fu2018.own import compare_model
from empirics.experiments.fu2018.run import MEASURED, compare
from empirics.experiments.fu2018.setting import Setting
from empirics.gathering import sum_up

FIGURES = {"fig3": fig3, "fig4": fig4, "recovery": recover}
NEEDS_DATA = False
"""The theorems are about data that this experiment draws itself."""

__all__ = ["FIGURES", "KEY", "MEASURED", "NEEDS_DATA", "NETWORKS", "Setting", "compare", "compare_model", "sum_up"]
