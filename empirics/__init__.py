"""Measurement: networks, data, training and the quantities the theorems bound. The only package that imports torch."""

from empirics.activations import TorchActivation, torch_activation
from empirics.adapt import from_module
from empirics.balls import EuclideanBall, FrobeniusBall, SumFrobeniusBall
from empirics.compare import compare
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
