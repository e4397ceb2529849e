"""fu2018 on real networks. Networks only; the comparison with the theorems is not built yet."""

from empirics.experiments.fu2018.architecture import NETWORKS

__all__ = ["NETWORKS"]
