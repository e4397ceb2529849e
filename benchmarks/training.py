"""Gradient descent over several seeds, six quantities recorded every step: `train_many` against separate torch loops.

    python benchmarks/training.py [--m 256] [--L 3] [--n 512] [--seeds 16] [--steps 20] [--threads 2]

Recorded at every point, the start included: the loss, ||grad loss||, ||gbar|| with gbar = (1/n) sum_i grad f_i, the
largest ||grad_theta f_i|| and ||grad_x f_i|| over the samples, and the Frobenius distance from the start. The package
trains all seeds in one batch. The peers are one torch loop per seed, by autograd:

    vmap_grad           per-sample parameter gradients by torch.func.vmap(grad), in chunks of the quickest size
    pre_activations     ||grad_theta f_i||^2 = sum_l |a_l,i|^2 |df_i/dz_l|^2 by autograd on the pre-activations
    loss_and_gradient   records only the loss and its gradient's norm: what recording costs

A loop is timed on one seed and `--peer-steps` steps per round, after one point that is not counted; its seconds for all
seeds and steps are the median per recorded point times seeds times (steps + 1). The methods run in turn.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch
from _common import in_turn, pin, predict
from torch import Tensor
from torch.func import grad, vmap

import empirics

RECORDS = ("loss", "grad_norm", "gbar_norm", "param_grad_norm", "input_grad_norm", "distance_fro")
RATE = 1.0
Row = dict[str, float]


class Loop:
    """One seed's loop: what a competent user of torch would write."""

    def __init__(self, net: empirics.Network, X: Tensor, y: Tensor, chunk: int) -> None:
        self.start = [*(w.T.clone() for w in net.weights.W), net.weights.V.clone()]
        self.params = [w.clone().requires_grad_() for w in self.start]
        self.scales, self.y, self.chunk = net.weights.scales, y, chunk
        self.x = X.clone().requires_grad_()

    def run(self, record: Callable[[Loop], Row], steps: int) -> dict[str, list[float]]:
        """Descend, recording every point with `record`, which leaves the loss's gradient in `.grad`."""
        optimiser, rows = torch.optim.SGD(self.params, lr=RATE), []
        for t in range(steps + 1):
            optimiser.zero_grad()
            rows.append(record(self))
            if t < steps:
                optimiser.step()
        return {name: [row[name] for row in rows] for name in rows[0]}

    def backward(self, f: Tensor, retain: bool) -> Row:
        """The loss and its gradient's norm."""
        loss = (f - self.y).square().mean()
        loss.backward(retain_graph=retain, inputs=self.params)
        return {"loss": loss.item(), "grad_norm": norm([p.grad for p in self.params])}

    def from_sum(self, f: Tensor, others: list[Tensor]) -> tuple[Row, tuple[Tensor, ...]]:
        """Gradients of sum_i f_i: in the parameters n gbar, in the inputs each sample's own, and in `others`."""
        with torch.no_grad():
            moved = norm([p - w for p, w in zip(self.params, self.start, strict=True)])
        found = torch.autograd.grad(f.sum(), [*self.params, self.x, *others])
        count = len(self.params)
        largest = found[count].norm(dim=1).max().item()
        row = {"gbar_norm": norm(found[:count]) / len(f), "input_grad_norm": largest, "distance_fro": moved}
        return row, found[count + 1 :]


def norm(tensors: Any) -> float:
    """Frobenius norm of several tensors together."""
    return math.sqrt(sum(t.square().sum().item() for t in tensors))


def vmap_grad(loop: Loop) -> Row:
    """Everything, per-sample gradients formed."""
    f = predict(loop.params, loop.x, loop.scales, torch.tanh)[:, 0]
    row = loop.backward(f, retain=True) | loop.from_sum(f, [])[0]
    single = vmap(grad(lambda params, x: predict(params, x, loop.scales, torch.tanh)[0]), (None, 0))
    params, largest = tuple(p.detach() for p in loop.params), 0.0
    for x in loop.x.detach().split(loop.chunk):
        squares = torch.stack([g.flatten(1).square().sum(1) for g in single(params, x)]).sum(0)
        largest = max(largest, squares.max().item())
    return row | {"param_grad_norm": math.sqrt(largest)}


def pre_activations(loop: Loop) -> Row:
    """Everything, per-sample norms from the factors of each layer's gradient."""
    *W, V = loop.params
    x, inputs, outputs = loop.x, [], []
    for w, scale in zip(W, loop.scales, strict=False):
        inputs.append(x * scale)
        outputs.append(inputs[-1] @ w)
        x = torch.tanh(outputs[-1])
    inputs.append(x * loop.scales[-1])
    f = (inputs[-1] @ V)[:, 0]
    row = loop.backward(f, retain=True)
    more, slopes = loop.from_sum(f, outputs)
    squares = inputs[-1].detach().square().sum(1)
    for a, c in zip(inputs, slopes, strict=False):
        squares = squares + a.detach().square().sum(1) * c.square().sum(1)
    return row | more | {"param_grad_norm": math.sqrt(squares.max().item())}


def loss_and_gradient(loop: Loop) -> Row:
    """Two records only."""
    return loop.backward(predict(loop.params, loop.x.detach(), loop.scales, torch.tanh)[:, 0], retain=False)


PEERS = {"vmap_grad": vmap_grad, "pre_activations": pre_activations, "loss_and_gradient": loss_and_gradient}


class Runs:
    """The methods' calls, each returning seconds per call and per recorded point, and seed by seed what it recorded."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        sizes = {"L": options.L, "m": options.m, "d": 64}
        self.nets = [empirics.network(**sizes, activation="tanh", seed=s) for s in range(options.seeds)]
        data = empirics.load("digits", samples=options.n)
        self.X, self.y = data.X, data.y
        self.round = dict.fromkeys(PEERS, 0)
        self.tried = {chunk: self.try_chunk(chunk) for chunk in map(int, options.chunks.split(","))}
        self.chunk = min(self.tried, key=self.tried.__getitem__)

    def try_chunk(self, chunk: int) -> float:
        """Least seconds per point of vmap(grad) with this chunk, out of two."""
        loop, times = Loop(self.nets[0], self.X, self.y, chunk), []
        for _ in range(3):
            started = time.perf_counter()
            vmap_grad(loop)
            times.append(time.perf_counter() - started)
        return min(times[1:])

    def package(self, steps: int) -> dict[str, Any]:
        """All seeds at once."""
        started = time.perf_counter()
        runs = empirics.train_many(
            self.nets, self.X, self.y, learning_rate=RATE, steps=steps, tolerance=0, record=RECORDS
        )
        seconds = time.perf_counter() - started
        rows = [{name: column(name, getattr(run, name)) for name in RECORDS} for run in runs]
        return {"seconds": seconds, "rows": dict(enumerate(rows))}

    def peer(self, name: str) -> dict[str, Any]:
        """One seed, another one every round."""
        seed = self.round[name] % len(self.nets)
        self.round[name] += 1
        Loop(self.nets[seed], self.X, self.y, self.chunk).run(PEERS[name], 0)
        loop = Loop(self.nets[seed], self.X, self.y, self.chunk)
        started = time.perf_counter()
        rows = loop.run(PEERS[name], self.options.peer_steps)
        seconds = time.perf_counter() - started
        return {"seconds": seconds, "rows": {seed: rows}}


def column(name: str, values: Any) -> np.ndarray:
    """A recorded quantity as one number per point: the largest over samples, or layers' distances together."""
    array = np.asarray(values, dtype=float)
    if array.ndim == 1:
        return array
    return np.sqrt((array**2).sum(1)) if name == "distance_fro" else array.max(1)


def difference(rounds: list[dict[str, Any]], ours: dict[int, dict[str, np.ndarray]]) -> dict[str, float]:
    """Largest difference of each recorded quantity from the package's, relative to its largest value."""
    found: dict[str, float] = {}
    for one in rounds:
        for seed, rows in one["rows"].items():
            for name, values in rows.items():
                mine = ours[seed][name][: len(values)]
                gap = float(np.abs(mine - np.array(values)).max() / np.abs(values).max())
                found[name] = max(found.get(name, 0.0), gap)
    return found


def report(options: argparse.Namespace) -> dict[str, Any]:
    """Run the rounds; the table."""
    torch.set_num_threads(options.threads)
    runs = Runs(options)
    runs.package(1)
    methods: dict[str, Callable[[], dict[str, Any]]] = {"package": lambda: runs.package(options.steps)}
    methods |= {name: partial(runs.peer, name) for name in PEERS}
    found = in_turn(methods, options.rounds)
    points = options.steps + 1
    each = {"package": [r["seconds"] / points / options.seeds for r in found["package"]]}
    each |= {name: [r["seconds"] / (options.peer_steps + 1) for r in found[name]] for name in PEERS}
    rows: dict[str, dict[str, Any]] = {}
    for name, seconds in each.items():
        ratios = [a / b for a, b in zip(seconds, each["package"], strict=True)]
        rows[name] = {
            "seconds": statistics.median(seconds) * points * options.seeds,
            "scaled": name != "package",
            "s_per_seed_and_point": statistics.median(seconds),
            "min_max": [min(seconds), max(seconds)],
            "times_slower": {"median": statistics.median(ratios), "min_max": [min(ratios), max(ratios)]},
        }
        if name != "package":
            rows[name]["differences"] = difference(found[name], found["package"][0]["rows"])
    rows["vmap_grad"] |= {"chunk": runs.chunk, "tried_s": runs.tried}
    return rows


def main() -> None:
    """Print JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    sizes = {"m": 256, "L": 3, "n": 512, "seeds": 16, "steps": 20, "peer-steps": 5, "rounds": 5, "threads": 2}
    for name, value in sizes.items():
        parser.add_argument(f"--{name}", type=int, default=value)
    chunks = "samples whose gradients vmap forms together: sizes to try"
    parser.add_argument("--chunks", default="4,8,16,32,64,128,512", help=chunks)
    options = parser.parse_args()
    if options.peer_steps > options.steps:
        parser.error("--peer-steps must be at most --steps: their records are compared")
    how = pin(options.threads)
    settings = {**vars(options), "d": 64, "dtype": "float64", "threads_by": how, "torch": torch.__version__}
    print(json.dumps({**settings, "records": RECORDS, "methods": report(options)}, indent=2))


if __name__ == "__main__":
    main()
