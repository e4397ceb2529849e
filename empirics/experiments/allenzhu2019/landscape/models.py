"""VGG with batch normalisation and residual networks for images of 32 x 32 pixels, at any width and depth.

Source: allenzhu2019, Figures 1 to 7, whose networks are those of its reference [58], bearpaw/pytorch-classification:
VGG19 with batch normalisation and a single linear layer at its end (20.04 M parameters for 10 classes), and the
residual networks of depth 6n+2 of He et al. (2016). [58] joins stages by a 1 x 1 convolution ("projection"), He et al.
by padding with zeros ("identity", their option A: 464154 parameters at depth 32, 1727962 at depth 110).
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

from bounds.errors import TheoryError

SHORTCUTS = ("projection", "identity")
STAGES = {11: (1, 1, 2, 2, 2), 13: (2, 2, 2, 2, 2), 16: (2, 2, 3, 3, 3), 19: (2, 2, 4, 4, 4)}
"""Depth of a VGG -> convolutions before each of its five poolings."""
_VGG_CHANNELS = (64, 128, 256, 512, 512)
_RESNET_CHANNELS = (16, 32, 64)

Build = Callable[[int, float, int, str], nn.Module]


def vgg_bn(depth: int, width: float, classes: int, shortcuts: str = "") -> nn.Module:
    """VGG: 3 x 3 convolutions with batch normalisation and ReLU, five poolings, one linear layer.

    Args:
        depth: 11, 13, 16 or 19: convolutions and the three linear layers of the original, of which one is kept.
        width: Channels as a multiple of 64, 128, 256, 512, 512; each at least one.
        classes: Outputs.
        shortcuts: Of residual networks; not used.

    Returns:
        The network, on images (B, 3, 32, 32); initialised as in [58] from torch's global generator.

    Raises:
        TheoryError: Another depth.

    >>> sum(p.numel() for p in vgg_bn(19, 1.0, 10).parameters())
    20040522
    """
    if depth not in STAGES:
        raise TheoryError(f"depth = {depth}: a VGG has {', '.join(map(str, STAGES))}")
    layers: list[nn.Module] = []
    below = 3
    for count, full in zip(STAGES[depth], _VGG_CHANNELS, strict=True):
        channels = _scaled(full, width)
        for _ in range(count):
            layers += [nn.Conv2d(below, channels, 3, padding=1), nn.BatchNorm2d(channels), nn.ReLU()]
            below = channels
        layers.append(nn.MaxPool2d(2))
    last = nn.Linear(below, classes)
    nn.init.normal_(last.weight, std=0.01)
    nn.init.zeros_(last.bias)
    return _initialised(nn.Sequential(*layers, nn.Flatten(), last))


def resnet(depth: int, width: float, classes: int, shortcuts: str = "projection") -> nn.Module:
    """The residual network of depth 6n+2: a convolution, three stages of n blocks, a mean over pixels, a linear layer.

    Args:
        depth: 8, 14, 20, 32, 110, ...
        width: Channels as a multiple of 16, 32, 64; each at least one.
        classes: Outputs.
        shortcuts: Between stages: "projection" or "identity".

    Returns:
        The network, on images (B, 3, 32, 32); initialised as in [58] from torch's global generator.

    Raises:
        TheoryError: A depth or a kind of shortcut that there is not.
    """
    if depth < 8 or (depth - 2) % 6:
        raise TheoryError(f"depth = {depth}: a residual network has 6n+2: 8, 14, 20, 26, 32, ..., 110, ...")
    if shortcuts not in SHORTCUTS:
        raise TheoryError(f"shortcuts = {shortcuts}: must be {' or '.join(SHORTCUTS)}")
    below = _scaled(_RESNET_CHANNELS[0], width)
    layers: list[nn.Module] = [nn.Conv2d(3, below, 3, padding=1, bias=False), nn.BatchNorm2d(below), nn.ReLU()]
    for stage, full in enumerate(_RESNET_CHANNELS):
        channels = _scaled(full, width)
        for block in range((depth - 2) // 6):
            layers.append(Block(below, channels, 2 if stage and not block else 1, shortcuts))
            below = channels
    return _initialised(nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(below, classes)))


class Block(nn.Module):
    """phi(x + BN(conv(phi(BN(conv(x)))))), x brought to the shape of the sum where a stage begins."""

    def __init__(self, below: int, channels: int, stride: int, shortcuts: str) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(below, channels, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.stride, self.added = stride, channels - below
        self.join: nn.Module | None = None
        if shortcuts == "projection" and (stride != 1 or self.added):
            self.join = nn.Sequential(nn.Conv2d(below, channels, 1, bias=False), nn.BatchNorm2d(channels))

    def forward(self, x: Tensor) -> Tensor:
        """(B, below, H, H) -> (B, channels, H/stride, H/stride)."""
        h = self.bn2(self.conv2(functional.relu(self.bn1(self.conv1(x)))))
        return functional.relu(h + self._shortcut(x))

    def _shortcut(self, x: Tensor) -> Tensor:
        if self.join is not None:
            # the stride by slicing: oneDNN's backward pass of a strided 1x1 convolution of few channels, channels last,
            # overruns its memory on some processors (torch 2.13, AVX2)
            return self.join(x[:, :, :: self.stride, :: self.stride])
        if self.stride == 1 and not self.added:
            return x
        before = self.added // 2  # option A: every second pixel, the new channels zero
        return functional.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, before, self.added - before))


def _scaled(channels: int, width: float) -> int:
    return max(1, round(channels * width))


def _initialised(net: nn.Module) -> nn.Module:
    """[58]: convolutions from N(0, 2/(k^2 channels out)) without bias; batch normalisation starts as the identity."""
    for module in net.modules():
        if isinstance(module, nn.Conv2d):
            fan_out = module.kernel_size[0] * module.kernel_size[1] * module.out_channels
            nn.init.normal_(module.weight, std=math.sqrt(2 / fan_out))
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    return net


ARCHITECTURES: dict[str, Build] = {"VGG": vgg_bn, "ResNet": resnet}


def build(kind: str, depth: int, width: float, classes: int, shortcuts: str, seed: int) -> nn.Module:
    """A network drawn with a seed; torch's global generator is left as it was.

    Args:
        kind: VGG or ResNet.
        depth: As for these.
        width: As for these.
        classes: As for these.
        shortcuts: As for these.
        seed: Of its weights.

    Returns:
        The network, on the CPU in float32.
    """
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        return ARCHITECTURES[kind](depth, width, classes, shortcuts)
