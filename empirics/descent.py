"""The loop of gradient descent, full-batch or stochastic, for a batch of runs that advance together.

One forward and one backward sweep, the update in place, the records on the device: between two looks at the runs'
states the host only issues work.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from bounds.errors import TheoryError
from empirics.records import REGISTRY, Point
from empirics.runs import DIVERGED, NAN, RUNNING, TOLERANCE, End, Fate, Following, Live, Plan
from empirics.sampling import Sampler
from empirics.weights import Weights, stack

Progress = Callable[[int, list[float]], None]
_BLOW_UP = 1e8  # times the initial loss: far beyond any transient that gradient descent recovers from


class Descent:
    """S runs of one architecture.

    Attributes:
        live: the runs that go on.
        t: the number of points visited.
        ends: how each run ended, None while it goes on.
        rows: recorded values by name, (recorded steps, S), or (recorded steps, S, ...) for observed ones.
        filled: how many of the recorded steps have been taken.
        distances: (checkpoints, S, L+1).
    """

    def __init__(
        self, parts: list[Weights], x: Tensor, y: Tensor, rates: list[float], seeds: list[int], plan: Plan
    ) -> None:
        self.x, self.y, self.plan, self.t, self.filled = x, y, plan, 0, 0
        S, L = len(parts), parts[0].L
        whole = stack([p.with_tensors(t.detach() for t in p.tensors) for p in parts])
        point = whole.select(0) if S == 1 else whole
        none = torch.zeros(S, dtype=torch.int64, device=x.device)
        fate = Fate(none, none, x.new_full((S,), torch.nan))
        start = point.clone() if plan.keeps_start else None
        self.live = Live(list(range(S)), point, start, rates, fate, x.new_zeros(S))
        self.ends: list[End | None] = [None] * S
        self._names = [name for name in plan.record if name != "distance"]
        self.rows = {name: self._empty(len(plan.recorded), S) for name in self._names}
        self.distances = self._empty(len(plan.checkpoints), S, L + 1)
        self._row = {t: row for row, t in enumerate(plan.recorded)}
        observers: list[object] = list(plan.observe.values())
        self._following = [observer for observer in observers if isinstance(observer, Following)]
        for observer in self._following:
            observer.begin(self.live.stacked())
        self._sampler = None
        if plan.batch_size is not None:
            device = x.device
            self._sampler = Sampler(len(x), plan.batch_size, plan.sampling, seeds, steps=plan.steps, device=device)

    def run(self, progress: Progress | None = None) -> None:
        """Go on until every run has ended, looking every `sync_every` steps at which have."""
        looked = True
        for t in range(self.plan.steps + 1):
            looked = not self.step() and looked
            if looked or (t % self.plan.sync_every and t < self.plan.steps):
                continue
            looked = True
            codes = self.live.fate.code.tolist()
            if progress is not None:
                progress(t, self.losses())
            self._end([p for p, code in enumerate(codes) if code != RUNNING])
            if not self.live.ids:
                return

    def losses(self) -> list[float]:
        """The loss of each run where it was last judged."""
        now = dict(zip(self.live.ids, self.live.fate.loss.tolist(), strict=False))
        return [now[i] if end is None else end.loss for i, end in enumerate(self.ends)]

    def close(self) -> list[End]:
        """How the runs ended, those that still go on as they are."""
        self._end(list(range(len(self.live.ids))))
        return [end for end in self.ends if end is not None]

    def step(self) -> bool:
        """Judge and record the current point where that is due, then move the runs that go on.

        Returns:
            Whether the runs were judged.
        """
        row, last = self._row.get(self.t), self.t == self.plan.steps
        due = self._sampler is None or row is not None or last or self.t == 0
        if due:
            names = () if row is None else self._names
            point = self._point(self.x, self.y, names=names, moves=self._sampler is None and not last)
            self._judge(point.loss.reshape(-1))
            if row is not None:
                self._record(row, point)
        if self.t in self.plan.checkpoints:
            self._put(self.distances[self.t // (self.plan.checkpoint_every or 1)], self.live.distances(self._all()))
        if not last:
            self._move(*((point, 1.0) if self._sampler is None else self._batch(self._sampler)))
        self.t += 1
        return due

    def _point(self, x: Tensor, y: Tensor, **options: object) -> Point:
        where = self.live
        known = {"start": where.start, "room": where.room, **options}
        return Point(where.weights, x, y, self.plan.loss, **known)  # type: ignore[arg-type]

    def _judge(self, loss: Tensor) -> None:
        live, (code, stop, before) = self.live, self.live.fate
        if self.t == 0:
            nothing = self.plan.loss.value(torch.zeros_like(self.y), self.y)  # outputs of zero may be far better
            most = torch.finfo(loss.dtype).max
            live.limit = (_BLOW_UP * torch.maximum(loss, nothing)).clamp(max=most)
        new = torch.where(loss < self.plan.tolerance, TOLERANCE, RUNNING)
        new = torch.where(loss > live.limit, DIVERGED, new)
        new = torch.where(loss.isnan(), NAN, new)
        on = code == RUNNING
        live.fate = Fate(torch.where(on, new, code), torch.where(on, self.t, stop), torch.where(on, loss, before))

    def _record(self, row: int, point: Point) -> None:
        for name in self._names:
            self._put(self.rows[name][row], REGISTRY[name].value(point).reshape(-1))
        for name, observer in self.plan.observe.items():
            weights, sound = self._sound()
            value = torch.as_tensor(observer(weights), device=self.x.device).detach()
            S = len(self.live.ids)
            if not value.ndim or value.shape[0] != S:
                raise TheoryError(
                    f"observe: {name!r} gave shape {tuple(value.shape)} for {S} networks: return one row per network"
                )
            if name not in self.rows:
                dtype = value.dtype if value.is_floating_point() else self.x.dtype
                self.rows[name] = self._empty(len(self.plan.recorded), len(self.ends), *value.shape[1:]).to(dtype)
            self._put(self.rows[name][row], torch.where(sound.view(-1, *[1] * (value.ndim - 1)), value, torch.nan))
        self.filled = row + 1

    def _sound(self) -> tuple[Weights, Tensor]:
        """The stacked networks for observers, zero where a run has blown up: it must not spoil the others' values."""
        weights, code = self.live.stacked(), self.live.fate.code
        sound = (code != DIVERGED) & (code != NAN)
        if not sound.is_cuda and bool(sound.all()):
            return weights, sound
        tensors = (torch.where(sound.view(-1, *[1] * (t.ndim - 1)), t, 0.0) for t in weights.tensors)
        return weights.with_tensors(tensors), sound

    def _batch(self, sampler: Sampler) -> tuple[Point, float]:
        """The next mini-batch, and what its gradient is multiplied with: n/b where the loss is a sum."""
        index = sampler.next() if self.live.weights.batch else sampler.next()[0]
        factor = len(self.x) / index.shape[-1] if not self.plan.loss.mean else 1.0
        return self._point(self.x[index], self.y[index]), factor

    def _move(self, point: Point, factor: float) -> None:
        live, ended = self.live, self.live.fate.code != RUNNING
        frozen = ended.is_cuda or bool(ended.any())  # on the CPU looking costs less than a pass over the gradients
        for w, gradient in zip(live.weights.tensors, point.gradients, strict=True):
            if gradient is None:
                continue
            each = (-1, *[1] * (w.ndim - 1)) if live.weights.batch else ()
            if frozen:
                gradient.masked_fill_(ended.view(each), 0)
            if live.weights.batch:
                w.addcmul_(gradient, live.minus.view(each), value=factor)
            else:
                w.add_(gradient, alpha=-live.rates[0] * factor)

    def _end(self, positions: list[int]) -> None:
        """These of the live runs have ended: keep what became of them and go on with the others."""
        if not positions:
            return
        live, distances = self.live, self.live.distances(positions) if self.plan.distance else None
        rows = None if distances is None else distances.cpu().numpy()
        codes, stops, losses = (t.tolist() for t in live.fate)
        for j, p in enumerate(positions):
            own = None if rows is None else rows[j]
            self.ends[live.ids[p]] = End(codes[p], stops[p], losses[p], live.one(p), own)
        rest = [p for p in self._all() if p not in set(positions)]
        if not rest:
            live.ids = []
            return
        self.live = live.keep(rest)
        for observer in self._following:
            observer.keep(rest)
        if self._sampler is not None:
            self._sampler.keep(rest)

    def _all(self) -> list[int]:
        return list(range(len(self.live.ids)))

    def _put(self, row: Tensor, value: Tensor | None) -> None:
        """The live runs' values into their places of a row for all runs."""
        if value is not None:
            row.index_copy_(0, self.live.index, value.to(row.dtype))

    def _empty(self, *shape: int) -> Tensor:
        return self.x.new_full(shape, torch.nan)
