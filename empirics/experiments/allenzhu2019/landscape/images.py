"""Images of 32 x 32 pixels in three channels from whatever data there are, stand-ins, and random crops of them."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn import functional

from bounds.errors import TheoryError
from empirics.data import Dataset

SIDE = 32
PADDING = 4


@dataclass(frozen=True, eq=False)
class Images:
    """Samples ready for a convolutional network.

    Attributes:
        X: (n, 3, 32, 32) float32, each channel shifted by its mean and divided by the mean over images of its deviation
            within an image: [58]'s constants on CIFAR10 are those.
        y: (n,) classes, from 0.
        black: (3,) what a black pixel became: the padding of the crops.
        classes: How many classes there are.
        name: What the data are, in words.
    """

    X: Tensor
    y: Tensor
    black: Tensor
    classes: int
    name: str

    def to(self, device: str | torch.device) -> Images:
        """The same on a device."""
        return replace(self, X=self.X.to(device), y=self.y.to(device), black=self.black.to(device))

    def first(self, count: int | None) -> Images:
        """The first `count` of them.

        Raises:
            TheoryError: There are fewer.
        """
        if count is None:
            return self
        if count > len(self.X):
            raise TheoryError(f"measured = {count}: there are {len(self.X)} training samples; ask for no more")
        return replace(self, X=self.X[:count], y=self.y[:count])

    @property
    def digest(self) -> str:
        """A checksum of pixels and labels, by which a checkpoint knows its data."""
        whole = hashlib.sha256(self.X.cpu().numpy().tobytes())
        whole.update(self.y.cpu().numpy().tobytes())
        return whole.hexdigest()[:16]


def prepare(data: Dataset, layout: str = "auto") -> Images:
    """Rows of pixels as images: three channels of 32 x 32, or one of any square size, enlarged and repeated.

    Args:
        data: Rows of 3072 numbers, or of a square number; with classes.
        layout: How 3072 numbers are ordered: "planes": all of red, of green, of blue, row by row, as CIFAR's own files
            and OpenML's; "pixels": red, green, blue of one pixel after the other; "auto": the order in which
            neighbouring pixels are more alike.

    Returns:
        The images.

    Raises:
        TheoryError: No classes, rows that are no images, or images without any contrast.
    """
    raw, how = _pixels(data, layout)
    return _standardised(raw, _labels(data), int(data.classes or 0), f"{data.name}{how}")


def pairs(data: Dataset, layout: str = "auto", seed: int = 0) -> Images:
    """A stand-in for CIFAR100: two images of the data side by side; of C classes each, C^2 together.

    Args:
        data: As for `prepare`.
        layout: As for `prepare`.
        seed: Of which images meet.

    Returns:
        As many images as the data have, each half the size; of classes a and b, left and right, the class C a + b.

    Raises:
        TheoryError: As `prepare`.
    """
    raw, _ = _pixels(data, layout)
    labels, C = _labels(data), int(data.classes or 0)
    generator = torch.Generator().manual_seed(seed)
    left, right = (torch.randint(len(raw), (len(raw),), generator=generator) for _ in range(2))
    half = _resized(raw, SIDE // 2)
    both = functional.pad(torch.cat([half[left], half[right]], 3), (0, 0, SIDE // 4, SIDE // 4))  # black around them
    name = f"pairs of {data.name} side by side"
    return _standardised(both, C * labels[left] + labels[right], C * C, name)


def noisy(images: Images, share: float, seed: int = 0) -> Images:
    """The same with a share of the labels replaced by another class, each of the others as likely.

    Args:
        images: With at least two classes.
        share: Between 0 and 1; the number of wrong labels is rounded.
        seed: Of the draw.

    Returns:
        The images.
    """
    generator = torch.Generator().manual_seed(seed)
    n = len(images.y)
    wrong = torch.randperm(n, generator=generator)[: round(share * n)]
    shift = torch.randint(1, images.classes, (len(wrong),), generator=generator)
    y = images.y.clone()
    y[wrong.to(y.device)] = (y[wrong.to(y.device)] + shift.to(y.device)) % images.classes
    return replace(images, y=y, name=f"{images.name}, {share:.0%} of the labels wrong")


def augmented(images: Images, rows: Tensor, how: str, generator: torch.Generator) -> Tensor:
    """Training images, cropped at random from a padding of 4 black pixels, and mirrored at random.

    Args:
        images: All.
        rows: Which, (B,).
        how: crop+flip, crop or none.
        generator: Of the offsets, on the CPU.

    Returns:
        (B, 3, 32, 32).
    """
    x = images.X[rows]
    if how == "none":
        return x
    at = torch.randint(2 * PADDING + 1, (2, len(rows)), generator=generator).to(x.device)
    mirrored = torch.rand(len(rows), generator=generator) < 0.5
    black = images.black[:, None, None]
    padded = functional.pad(x - black, (PADDING,) * 4) + black
    along = torch.arange(SIDE, device=x.device)
    row, column = at[0, :, None] + along, at[1, :, None] + along
    if how == "crop+flip":
        column = torch.where(mirrored.to(x.device)[:, None], column.flip(1), column)
    B, C, _, wide = padded.shape
    index = (row[:, :, None] * wide + column[:, None, :]).view(B, 1, -1).expand(-1, C, -1)
    return padded.flatten(2).gather(2, index).view_as(x)


def _labels(data: Dataset) -> Tensor:
    if data.classes is None or data.classes < 2 or data.y.ndim != 1:
        raise TheoryError(f"data {data.name}: the landscape needs classes, at least two; it has {data.classes}")
    return ((data.y + 1) * ((data.classes - 1) / 2)).round().long()  # undoes the index mapped to [-1, 1]


def _pixels(data: Dataset, layout: str) -> tuple[Tensor, str]:
    """(n, 3, 32, 32) as they are in the file, and what was done to them."""
    X = data.X.float()
    n, d = X.shape
    if d == 3 * SIDE * SIDE:
        planes, pixels = X.view(n, 3, SIDE, SIDE), X.view(n, SIDE, SIDE, 3).permute(0, 3, 1, 2)
        if layout == "auto":
            layout = "planes" if _roughness(planes) <= _roughness(pixels) else "pixels"
        return (planes if layout == "planes" else pixels.contiguous()), ""
    side = math.isqrt(d)
    if side * side != d:
        raise TheoryError(f"data {data.name}: rows of {d} numbers are no images; give 3 x 32 x 32 or a square")
    wide = _resized(X.view(n, 1, side, side), SIDE)
    how = f" ({side} x {side} pixels enlarged to 32 x 32)" if side < SIDE else ""
    return wide.expand(-1, 3, -1, -1).contiguous(), how


def _resized(X: Tensor, side: int) -> Tensor:
    return functional.interpolate(X, (side, side), mode="bilinear", align_corners=False, antialias=X.shape[-1] > side)


def _roughness(X: Tensor) -> float:
    """Mean square of the differences of neighbouring pixels, down and across."""
    some = X[:256]
    down, across = some[:, :, 1:] - some[:, :, :-1], some[:, :, :, 1:] - some[:, :, :, :-1]
    return float(down.square().mean() + across.square().mean())


def _standardised(raw: Tensor, y: Tensor, classes: int, name: str) -> Images:
    mean, deviation = raw.mean((0, 2, 3)), raw.std((2, 3)).mean(0)
    if not bool((deviation > 0).all()):
        raise TheoryError(f"data {name}: a channel has no contrast in any image; leave it out")
    X = (raw - mean[:, None, None]) / deviation[:, None, None]
    return Images(X, y, -mean / deviation, classes, name)
