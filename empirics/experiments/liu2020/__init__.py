"""liu2020 on real networks. Networks only; the comparison with the theorems is not built yet."""

from empirics.experiments.liu2020.architecture import NETWORKS

__all__ = ["NETWORKS"]
