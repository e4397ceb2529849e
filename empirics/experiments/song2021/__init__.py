"""song2021 on real networks. Networks only; the comparison with the theorems is not built yet."""

from empirics.experiments.song2021.architecture import NETWORKS

__all__ = ["NETWORKS"]
