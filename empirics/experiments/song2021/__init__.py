"""song2021 on real networks: comparison with its theorems, and the user's own network."""

from empirics.experiments.song2021.architecture import NETWORKS
from empirics.experiments.song2021.constants import KEY
from empirics.experiments.song2021.own import compare_model
from empirics.experiments.song2021.run import MEASURED, compare
from empirics.experiments.song2021.setting import Setting

FIGURES: dict[str, object] = {}

__all__ = ["FIGURES", "KEY", "MEASURED", "NETWORKS", "Setting", "compare", "compare_model"]
