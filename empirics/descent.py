"""The loop body of gradient descent: one forward sweep, one backward sweep, update in place, records on the device."""

from __future__ import annotations

import torch
from torch import Tensor

from empirics.measure.forward import Pass, backward, forward, outer_norm_squared
from empirics.measure.gradients import total_norm
from empirics.measure.norms import spectral_norm
from empirics.networks import Weights

RUNNING, TOLERANCE, DIVERGED, NAN = range(4)
_BLOW_UP = 1e8  # times the initial loss: far beyond any transient that gradient descent recovers from


class Descent:
    """S runs advancing together; every attribute about runs is (S,) and stays on the device.

    Attributes:
        weights: the current point, updated in place; finished runs no longer move.
        t: the number of points visited.
        code: RUNNING or why the run has finished.
        stop, final_loss: the last point judged while running, and the loss there.
        rows: recorded values by name, (recorded steps, S).
        checkpoints, distances: steps and their (S, L+1) distances.
    """

    def __init__(
        self,
        weights: Weights,
        x: Tensor,
        y: Tensor,
        rates: list[float],
        *,
        steps: int,
        tolerance: float,
        record_every: int,
        record: tuple[str, ...],
        checkpoint_every: int | None,
    ) -> None:
        self.weights, self.x, self.y, self.n = weights, x, y, x.shape[0]
        self.steps, self.tolerance, self.every, self.checkpoint_every = steps, tolerance, record_every, checkpoint_every
        S, self.t = len(rates), 0
        self.initial = weights.clone() if "distance" in record else None
        self.rates = x.new_tensor(rates)
        self.code = torch.zeros(S, dtype=torch.int64, device=x.device)
        self.stop, self.final_loss = torch.zeros_like(self.code), x.new_full((S,), torch.nan)
        self.limit = x.new_zeros(S)
        self.rows = {
            name: x.new_full((steps // record_every + 1, S), torch.nan) for name in record if name != "distance"
        }
        self.checkpoints: list[int] = []
        self.distances: list[Tensor] = []
        self._buffers = {t.shape: torch.empty_like(t) for t in weights.tensors}

    def step(self) -> None:
        """Judge and record the current point, then move the runs that go on."""
        cache = forward(self.weights, self.x)
        error = cache.f - self.y
        loss = error.square().sum((-2, -1)).reshape(-1) / self.n
        self._judge(loss)
        self._record("loss", loss)
        if self.initial is not None and self.checkpoint_every and self.t % self.checkpoint_every == 0:
            self.checkpoints.append(self.t)
            self.distances.append(self.distance())
        self._descend(cache, error)
        self.t += 1

    def _judge(self, loss: Tensor) -> None:
        if self.t == 0:
            self.limit = _BLOW_UP * torch.maximum(loss, self.y.square().sum() / self.n)
        code = torch.where(loss < self.tolerance, TOLERANCE, RUNNING)
        code = torch.where((loss > self.limit) | loss.isinf(), DIVERGED, code)
        code = torch.where(loss.isnan(), NAN, code)
        running = self.code == RUNNING
        self.stop = torch.where(running, self.t, self.stop)
        self.final_loss = torch.where(running, loss, self.final_loss)
        self.code = torch.where(running, code, self.code)

    def _record(self, name: str, value: Tensor) -> None:
        if self._wants(name):
            self.rows[name][self.t // self.every] = value.reshape(-1)

    def _wants(self, name: str) -> bool:
        return name in self.rows and self.t % self.every == 0

    def _descend(self, cache: Pass, error: Tensor) -> None:
        if self.t == self.steps and not (self._wants("gbar_norm") or self._wants("grad_norm")):
            return
        cotangent = error * (2 / self.n)
        if error.shape[-1] == 1:
            # one output: the loss's cotangents are the output's times the residual, so one sweep serves loss and gbar
            _, unit = backward(self.weights, cache, torch.ones_like(error))
            c = [c_l * cotangent for c_l in unit]
            if self._wants("gbar_norm"):
                pairs = zip([*unit, torch.ones_like(error)], cache.a, strict=True)
                squared = torch.stack([outer_norm_squared(c_l, a_l) for c_l, a_l in pairs]).sum(0)
                self._record("gbar_norm", squared.sqrt() / self.n)
        else:
            _, c = backward(self.weights, cache, cotangent)
            if self._wants("gbar_norm"):
                mean = torch.full_like(error, 1 / (self.n * error.shape[-1]))
                self._record("gbar_norm", total_norm(self.weights, cache, mean))
        self._update([*zip(c, cache.a, strict=False), (cache.a[-1], cotangent)])

    def _update(self, factors: list[tuple[Tensor, Tensor]]) -> None:
        """Gradient c^T a of each layer in a reused buffer: its norm, then the update in one pass."""
        if self.t == self.steps and not self._wants("grad_norm"):
            return
        squared = torch.zeros_like(self.rates)
        rate = torch.where(self.code == RUNNING, -self.rates, 0.0)
        rate = rate[:, None, None] if self.weights.V.ndim == 3 else rate[:, None]
        for (c, a), w in zip(factors, self.weights.tensors, strict=True):
            gradient = torch.matmul(c.mT, a, out=self._buffers[w.shape])
            if self._wants("grad_norm"):
                squared += torch.linalg.vector_norm(gradient, dim=(-2, -1)).square()
            if self.t < self.steps:
                w.addcmul_(gradient, rate)
        self._record("grad_norm", squared.sqrt())

    def distance(self) -> Tensor:
        """||W_t^(l) - W_0^(l)||_2 per layer and the largest ||v_t - v_0||_2, (S, L+1); NaN where not finite."""
        if self.initial is None:
            raise RuntimeError("distances were not asked for")
        *moved, readout = (w - w0 for w, w0 in zip(self.weights.tensors, self.initial.tensors, strict=True))
        columns = [*(spectral_norm(difference) for difference in moved), readout.norm(dim=-2).amax(-1)]
        return torch.stack(columns, -1).reshape(len(self.rates), -1)
