"""Measurement: networks, data, training and the quantities the theorems bound. The only package that imports torch."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from empirics.activations import TorchActivation, torch_activation
    from empirics.adapt import from_module
    from empirics.balls import EuclideanBall, FrobeniusBall, SumFrobeniusBall
    from empirics.comparison import Comparison
    from empirics.data import Dataset, load
    from empirics.measure.certified import certified_lambda_min, kernel_eigenvalues
    from empirics.measure.curvature import hessian_norms
    from empirics.measure.gradients import gradient_norms
    from empirics.measure.kernel import kernel_change, ntk_gram
    from empirics.measure.loss_curvature import loss_hessian_extremes
    from empirics.measure.norms import layer_norms, spectral_norm, weight_norms
    from empirics.measure.spectrum import hessian_spectrum, loss_hessian_trace
    from empirics.measure.supremum import supremum
    from empirics.measurement import Measurement
    from empirics.networks import Network, network
    from empirics.observers import HessianNorm, KernelChange, KernelEigenvalues, Sharpness
    from empirics.own_model import compare
    from empirics.sampling import batches
    from empirics.setting import Setting
    from empirics.spectral import SpectralBall
    from empirics.training import TrainingInterrupted, Trajectory, train, train_many
    from empirics.weights import Weights

__all__ = [
    "Comparison",
    "Dataset",
    "EuclideanBall",
    "FrobeniusBall",
    "HessianNorm",
    "KernelChange",
    "KernelEigenvalues",
    "Measurement",
    "Network",
    "Setting",
    "Sharpness",
    "SpectralBall",
    "SumFrobeniusBall",
    "TorchActivation",
    "TrainingInterrupted",
    "Trajectory",
    "Weights",
    "batches",
    "certified_lambda_min",
    "compare",
    "from_module",
    "gradient_norms",
    "hessian_norms",
    "hessian_spectrum",
    "kernel_change",
    "kernel_eigenvalues",
    "layer_norms",
    "load",
    "loss_hessian_extremes",
    "loss_hessian_trace",
    "network",
    "ntk_gram",
    "spectral_norm",
    "supremum",
    "torch_activation",
    "train",
    "train_many",
    "weight_norms",
]

_LATER = {
    "Comparison": "empirics.comparison",
    "Dataset": "empirics.data",
    "EuclideanBall": "empirics.balls",
    "FrobeniusBall": "empirics.balls",
    "HessianNorm": "empirics.observers",
    "KernelChange": "empirics.observers",
    "KernelEigenvalues": "empirics.observers",
    "Measurement": "empirics.measurement",
    "Network": "empirics.networks",
    "Setting": "empirics.setting",
    "Sharpness": "empirics.observers",
    "SpectralBall": "empirics.spectral",
    "SumFrobeniusBall": "empirics.balls",
    "TorchActivation": "empirics.activations",
    "TrainingInterrupted": "empirics.training",
    "Trajectory": "empirics.training",
    "Weights": "empirics.weights",
    "batches": "empirics.sampling",
    "certified_lambda_min": "empirics.measure.certified",
    "compare": "empirics.own_model",
    "from_module": "empirics.adapt",
    "gradient_norms": "empirics.measure.gradients",
    "hessian_norms": "empirics.measure.curvature",
    "hessian_spectrum": "empirics.measure.spectrum",
    "kernel_change": "empirics.measure.kernel",
    "kernel_eigenvalues": "empirics.measure.certified",
    "layer_norms": "empirics.measure.norms",
    "load": "empirics.data",
    "loss_hessian_extremes": "empirics.measure.loss_curvature",
    "loss_hessian_trace": "empirics.measure.spectrum",
    "network": "empirics.networks",
    "ntk_gram": "empirics.measure.kernel",
    "spectral_norm": "empirics.measure.norms",
    "supremum": "empirics.measure.supremum",
    "torch_activation": "empirics.activations",
    "train": "empirics.training",
    "train_many": "empirics.training",
    "weight_norms": "empirics.measure.norms",
}


def __getattr__(name: str) -> Any:
    """What is asked for is imported then: the run store, its listing and idle workers need no torch."""
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = globals()[name] = getattr(importlib.import_module(_LATER[name]), name)
    return found
