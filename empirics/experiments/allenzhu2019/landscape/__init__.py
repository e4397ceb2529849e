"""Figures 1 to 7 of allenzhu2019: F around the iterates of SGD, along its gradient and its worst curvature."""

from empirics.experiments.allenzhu2019.landscape.catalogue import FIGURES

__all__ = ["FIGURES"]
