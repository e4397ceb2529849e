"""allenzhu2019 on real networks. Networks only; the comparison with the theorems is not built yet."""

from empirics.experiments.allenzhu2019.architecture import NETWORKS

__all__ = ["NETWORKS"]
