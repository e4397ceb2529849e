"""How long a very wide network needs: the unit in which a search for the least width counts its budget.

A budget of so many steps says little by itself: the smaller the kernel's eigenvalues that the targets need, the longer
every network takes, however wide. The linearised network at a large width, started at its own outputs, has the squared
error  sum_i (1 - s lambda_i/lambda_max)^(2t) c_i^2 / (n k)  after t steps at the rate s/lambda_max, with lambda_i the
eigenvalues of its tangent kernel and c the residual f_0 - y in their basis: the least t below eps follows without
training. Theorems on over-parameterisation promise this rate, up to constants, to every network that is wide enough.
"""

from __future__ import annotations

import math
from statistics import median

import torch
from torch import Tensor

from empirics.measure.forward import forward
from empirics.measure.kernel import ntk_gram
from empirics.recipe import Recipe, Search
from empirics.weights import stack

LONGEST = 10**12
"""Steps beyond which a linearised network counts as never arriving."""


def reference_steps(recipe: Recipe, X: Tensor, y: Tensor, factor: float, search: Search) -> int | None:
    """The steps that the linearised network of the largest width takes to reach eps: the median over the seeds.

    Args:
        recipe: whose network.
        X: inputs in the paper's normalisation, (n, d).
        y: targets likewise, (n,) or (n, k).
        factor: what the targets given were divided by.
        search: max_width, seeds, eps and share.

    Returns:
        The steps; None if it never arrives (an eigenvalue of zero, for example).
    """
    phi, depth = search.activation or recipe.activation, recipe.depth(search)
    nets = stack([recipe.build(search.max_width, s, X, depth, phi).to(X) for s in range(search.seeds)])
    residual = forward(nets, X, order=0).f - y.reshape(len(X), -1)
    size = residual[0].numel()
    kernels = torch.as_tensor(ntk_gram(nets, X).value).reshape(-1, size, size)
    eigenvalues, basis = torch.linalg.eigh(kernels)
    parts = (basis.mT @ residual.reshape(-1, size, 1)).squeeze(-1).cpu()
    factors = (1 - search.share * eigenvalues / eigenvalues[:, -1:]).abs().cpu()
    target = search.eps / factor**2
    times = [least_steps(q, c, target) for q, c in zip(factors, parts, strict=True)]
    middle = median(times)
    return None if math.isinf(middle) else math.ceil(middle)


def least_steps(factors: Tensor, parts: Tensor, target: float) -> float:
    """The least t with mean_i (factors_i^t parts_i)^2 <= target.

    Args:
        factors: by what each part shrinks per step, (n,), from 0 to 1.
        parts: (n,).
        target: positive.

    Returns:
        A whole number; inf if there is none up to `LONGEST`.

    >>> least_steps(torch.tensor([0.5, 0.1]), torch.tensor([2.0, 0.0]), 0.125)
    2.0
    """

    def error(t: int) -> float:
        return float(((factors**t) * parts).square().mean())

    low, high = -1, 1
    while error(high) > target:
        low, high = high, 2 * high
        if high > LONGEST:
            return math.inf
    if low < 0 and error(0) <= target:
        return 0.0
    while high - low > 1:  # the error never rises with t
        middle = (low + high) // 2
        low, high = (low, middle) if error(middle) <= target else (middle, high)
    return float(high)
