"""Figures 1 to 7: loss landscapes along SGD with momentum 0.9, seen at epochs 5, 40, 90, 120, 130 and 160.

The networks have batch normalisation or other residual blocks, and a cross-entropy loss: the theorems do not cover
them.
"""

from __future__ import annotations

import sympy

from bounds.model import Given, Scenario

_NETWORKS = {"VGG19": 19, "ResNet-32": 32, "ResNet-110": 110}
_FIGURES = (
    ("fig1", "VGG19", 10, ""),
    ("fig2", "ResNet-32", 100, " (beside CIFAR-10)"),
    ("fig3", "ResNet-110", 100, " (beside CIFAR-10)"),
    ("fig4", "VGG19", 100, " (beside CIFAR-10)"),
    ("fig5", "ResNet-32", 10, ", 20% of the labels perturbed"),
    ("fig6", "ResNet-110", 10, ", 20% of the labels perturbed"),
    ("fig7", "VGG19", 10, ", 20% of the labels perturbed"),
)


def _figure(name: str, network: str, classes: int, labels: str) -> Scenario:
    layers, number = _NETWORKS[network], name.removeprefix("fig")
    return Scenario(
        name,
        f"Figure {number}: {network} on CIFAR-{classes}{labels}",
        (
            Given("samples", 50_000, f"training set of CIFAR-{classes}"),
            Given("outputs", classes, f"classes of CIFAR-{classes}"),
            Given("L", layers - 2, f"{network}: {layers} weight layers by its name, without the first and the last"),
            Given(
                "eta", sympy.Rational(1, 10), "Figure 1, Remark 4: 0.1, from epoch 81 on 0.01, from epoch 122 on 0.001"
            ),
        ),
    )


SCENARIOS = tuple(_figure(*row) for row in _FIGURES)
