"""Runs in batches that share their kernels: networks of one architecture, as many as memory and the caches take."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from bounds.errors import TheoryError
from empirics.descent import Descent, Progress
from empirics.measure.memory import budget_bytes, is_out_of_memory, rows_that_fit
from empirics.runs import Plan
from empirics.trajectory import TrainingInterrupted, Trajectory, gather, not_begun
from empirics.weights import Weights, signature

_PASS = 2**17  # numbers per operation from which on the CPU another network in the batch gains nothing


def groups(parts: Sequence[Weights], n: int, plan: Plan, budget: int | None) -> list[list[int]]:
    """Batches of runs, trained one after the other.

    On a GPU as many networks of one architecture as fit into the budget run together. On the CPU a batch serves only to
    share the cost of issuing operations: once those take 2^17 numbers (rows times width) each, one network at a time,
    which stays in the cache with its activations, is faster than a batch that does not.

    Args:
        parts: the networks.
        n: samples.
        plan: what is run.
        budget: bytes, or None, see `budget_bytes`.

    Returns:
        Indices into `parts`, the first of each batch ascending.

    Raises:
        TheoryError: a single network does not fit.
    """
    alike: dict[object, list[int]] = {}
    for i, part in enumerate(parts):
        alike.setdefault(signature(part), []).append(i)
    found = []
    for members in alike.values():
        weights = parts[members[0]]
        device = weights.V.device
        need, allowed = bytes_per_run(weights, n, plan), budget_bytes(budget, device)
        if need > allowed:
            raise TheoryError(
                f"budget: training one network of widths {weights.widths} on {n} samples needs {need / 2**20:.3g} MiB "
                f"on {device}, {allowed / 2**20:.3g} MiB is allowed: raise budget=... (bytes), or use fewer samples"
            )
        most = max(1, _PASS // (min(n, plan.batch_size or n) * max(weights.widths))) if device.type == "cpu" else None
        size = rows_that_fit(len(members), per_row=need, budget=allowed, device=device, most=most)
        found += [members[at : at + size] for at in range(0, len(members), size)]
    return found


def bytes_per_run(weights: Weights, n: int, plan: Plan) -> int:
    """Memory that one more network in a batch takes, an upper estimate.

    Args:
        weights: the network.
        n: samples; every run sees all of them at once when its loss is recorded.
        plan: what is run.

    Returns:
        Bytes: the weights at the end; those now, their gradient and those at the start, twice where some runs leave the
        batch; four of the largest layer, for norms; of every layer its pre-activations, values and slopes, cotangents
        for one or for all outputs, and what it reads where it has windows; and the records.
    """
    rows = weights.k if {"param_grad_norm", "input_grad_norm"} & set(plan.record) else 1
    reads = sum(w.shape[-1] * at.shape[0] for w, at in zip(weights.W, weights.windows, strict=True) if at is not None)
    sample = sum(weights.widths) * (3 + rows) + 2 * rows * max(weights.widths) + reads
    sizes = [t.numel() for t in weights.tensors]
    numbers = sum(sizes) * (1 + 2 * (2 + plan.keeps_start)) + 4 * max(sizes) + n * sample
    return weights.V.element_size() * (numbers + len(plan.recorded) * (len(plan.record) + len(plan.observe)))


def keep_freed_memory() -> None:
    """Let the C library keep what is freed for the next step: page faults were a quarter of a step's time on the CPU.

    glibc returns blocks beyond a threshold to the system at once, and raises the threshold to the largest such block
    that it has seen freed, 32 MiB at most. So a single block of nearly that size, never written to, does it.
    """
    torch.empty(31 * 2**20, dtype=torch.uint8)


@dataclass(frozen=True, eq=False)
class Job:
    """What one call trains.

    Attributes:
        parts, rates, seeds: the networks, and the learning rate and the sampling seed of each.
        data: inputs and targets as each network needs them.
        plan: what is run and recorded.
        found: the runs that are over.
    """

    parts: list[Weights]
    data: list[tuple[Tensor, Tensor]]
    rates: list[float]
    seeds: list[int]
    plan: Plan
    found: dict[int, Trajectory] = field(default_factory=dict)

    def run(self, budget: int | None, progress: Progress | None) -> list[Trajectory]:
        """Batch after batch; where memory runs out, halves of it.

        Args:
            budget: bytes, or None.
            progress: as for `train_many`.

        Returns:
            One for each network, in order.

        Raises:
            TheoryError: a single network does not fit.
            TrainingInterrupted: Ctrl-C.
        """
        keep_freed_memory()
        todo = groups(self.parts, len(self.data[0][0]), self.plan, budget)[::-1]
        every = range(len(self.parts))
        try:
            while todo:
                members = todo.pop()
                if not self._batch(members, progress):
                    torch.cuda.empty_cache()  # only here is the error gone, and with it the tensors it kept alive
                    half = len(members) // 2
                    todo += [members[half:], members[:half]]
        except KeyboardInterrupt:
            missing = {i: not_begun(self.parts[i], self.plan, self.rates[i], self.seeds[i]) for i in every}
            raise TrainingInterrupted([self.found.get(i, missing[i]) for i in every]) from None
        return [self.found[i] for i in every]

    def _batch(self, members: list[int], progress: Progress | None) -> bool:
        """Run one batch; False where memory ran out."""
        started, descent = time.perf_counter(), None
        seeds, rates = [self.seeds[i] for i in members], [self.rates[i] for i in members]
        try:
            descent = Descent([self.parts[i] for i in members], *self.data[members[0]], rates, seeds, self.plan)
            descent.run(progress)
        except KeyboardInterrupt:
            if descent is not None:
                runs = gather(descent, rates, seeds, time.perf_counter() - started, interrupted=True)
                self.found.update(zip(members, runs, strict=True))
            raise
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            if len(members) == 1:
                raise TheoryError("out of memory with one network: use fewer samples, or float32") from error
            return False
        self.found.update(zip(members, gather(descent, rates, seeds, time.perf_counter() - started), strict=True))
        return True
