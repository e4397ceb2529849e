from __future__ import annotations

from pathlib import Path

import pytest
import torch

from empirics import memory_use
from empirics.measurement import Measurement, Stopwatch
from empirics.memory_use import PeakMemory

MIB = 2**20


def status(path: Path, resident: int, mark: int) -> None:
    path.write_text(f"Name:\tpython\nVmPeak:\t 999 kB\nVmHWM:\t {mark} kB\nVmRSS:\t {resident} kB\nThreads:\t1\n")


@pytest.mark.parametrize(
    ("before", "after", "used", "exact"),
    [
        ((100, 100), (180, 250), 150 * 1024, True),  # the block raised the mark
        ((100, 400), (120, 400), 300 * 1024, False),  # an earlier block had set it: only a bound
        ((100, 90), (80, 90), 0, False),  # the kernel's counts may lag
    ],
)
def test_cpu_peak_from_the_high_water_mark(monkeypatch, tmp_path, before, after, used, exact):
    monkeypatch.setattr(memory_use, "_STATUS", tmp_path / "status")
    status(tmp_path / "status", *before)
    with PeakMemory("cpu") as peak:
        status(tmp_path / "status", *after)
    assert (peak.bytes, peak.exact) == (used, exact)


@pytest.mark.parametrize("text", [None, "Name:\tpython\n"])
def test_no_peak_where_the_system_keeps_none(monkeypatch, tmp_path, text):
    monkeypatch.setattr(memory_use, "_STATUS", tmp_path / "status")
    if text is not None:
        (tmp_path / "status").write_text(text)
    with PeakMemory("cpu") as peak:
        pass
    assert (peak.bytes, peak.exact) == (None, False)


class FakeGPU:
    """The allocator's counters of one device."""

    def __init__(self, monkeypatch):
        self.now = self.peak = 0
        for name, call in (
            ("memory_allocated", lambda device: self.now),
            ("max_memory_allocated", lambda device: self.peak),
            ("reset_peak_memory_stats", lambda device: setattr(self, "peak", self.now)),
            ("current_device", lambda: 0),
        ):
            monkeypatch.setattr(torch.cuda, name, call)

    def spike(self, size):
        self.peak = max(self.peak, self.now + size)


def test_gpu_peak_survives_a_block_within(monkeypatch):
    gpu = FakeGPU(monkeypatch)
    gpu.now = 1000
    gpu.spike(5000)  # before the blocks: counts for neither
    with PeakMemory("cuda") as outer:
        gpu.spike(700)
        gpu.now += 50
        with PeakMemory("cuda:0") as inner:
            gpu.spike(20)
        gpu.spike(10)
    assert (inner.bytes, inner.exact) == (20, True)
    assert (outer.bytes, outer.exact) == (700, True)
    assert PeakMemory._open == []


def test_a_failed_block_leaves_no_trace(monkeypatch):
    gpu = FakeGPU(monkeypatch)
    peak = PeakMemory("cuda")

    def fail():
        with peak:
            gpu.spike(30)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert peak.bytes == 30
    assert PeakMemory._open == []


def test_measurements_record_their_peak():
    size = 64 * MIB
    with Stopwatch(torch.empty(0, dtype=torch.float64)) as watch:
        torch.ones(size // 8, dtype=torch.float64)
    found = Measurement("x", 1.0, **watch.origin)
    if Path("/proc/self/status").exists():
        assert found.peak_bytes >= 0.95 * size  # the kernel counts pages in batches
    else:
        assert found.peak_bytes is None
    assert found.to_dict()["peak_bytes"] == found.peak_bytes
    assert Measurement("x", 1.0).to_dict()["peak_bytes"] is None
