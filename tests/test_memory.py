from __future__ import annotations

import weakref
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from bounds.errors import TheoryError
from empirics.measure import memory
from empirics.measure.memory import budget_bytes, free_bytes, halving, in_chunks, is_out_of_memory, rows_that_fit

MIB = 2**20


def write(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def v2(group: str, limit: str, used: int, cache: int = 0) -> dict[str, str]:
    at = f"sys/fs/cgroup/{group}"
    return {
        f"{at}/memory.max": f"{limit}\n",
        f"{at}/memory.current": f"{used}\n",
        f"{at}/memory.stat": f"anon 7\ninactive_file {cache}\n",
    }


def v1(group: str, limit: int, used: int, cache: int = 0) -> dict[str, str]:
    at = f"sys/fs/cgroup/memory/{group}"
    return {
        f"{at}/memory.limit_in_bytes": f"{limit}\n",
        f"{at}/memory.usage_in_bytes": f"{used}\n",
        f"{at}/memory.stat": f"inactive_file 1\ntotal_inactive_file {cache}\n",
    }


@pytest.mark.parametrize(
    ("groups", "files", "rooms"),
    [
        ("0::/job\n", v2("job", "1000", 300, 50), [750]),
        ("0::/job/step\n", v2("job", "1000", 300) | v2("job/step", "max", 200), [700]),  # an ancestor's limit binds
        ("0::/\n", v2("", "1000", 300), [700]),
        ("0::/on/the/host\n", v2("", "1000", 300), [700]),  # a container sees its own group as the mount
        ("0::/job\n", v2("job", "max", 300), []),
        ("9:cpu,memory:/job\n0::/\n", v1("job", 900, 100, 20), [820]),
        ("9:cpu:/job\n", v1("job", 900, 100, 20), []),
        ("", {}, []),
        ("0::/job\n", v2("job", "1000", 300) | {"sys/fs/cgroup/job/memory.stat": "anon 7\n"}, [700]),  # no such count
        (
            "0::/job\n",
            v2("job", "1000", 300) | {"sys/fs/cgroup/job/memory.stat": "x\na b c\n\ninactive_file 5\n"},
            [705],
        ),
        ("0::/job\n", v2("job", "lots", 300), []),
        ("0::/job\n", v2("job", "1000", 300) | {"sys/fs/cgroup/job/memory.stat": "inactive_file some\n"}, []),
        ("odd\n\n0::/job\n", v2("job", "1000", 300), [700]),
    ],
)
def test_control_groups_leave(tmp_path, groups, files, rooms):
    write(tmp_path, {"proc/self/cgroup": groups} | files)
    assert list(memory._cgroup_room(tmp_path)) == rooms


def test_no_control_groups(tmp_path):
    assert list(memory._cgroup_room(tmp_path)) == []


@pytest.mark.parametrize(("rooms", "free"), [([], 500), ([700], 500), ([700, 40], 40), ([-3], 0)])
def test_cpu_memory_is_the_least_of_system_and_groups(monkeypatch, rooms, free):
    monkeypatch.setattr(memory.psutil, "virtual_memory", lambda: SimpleNamespace(available=500))
    monkeypatch.setattr(memory, "_cgroup_room", lambda root: iter(rooms))
    assert free_bytes("cpu") == free


def test_gpu_memory_counts_what_torch_holds_in_reserve(monkeypatch):
    for name, value in (("mem_get_info", (1000, 9000)), ("memory_reserved", 300), ("memory_allocated", 120)):
        monkeypatch.setattr(torch.cuda, name, lambda device, value=value: value)
    assert free_bytes("cuda:0") == 1000 + 300 - 120


def test_budget_is_four_fifths_of_what_is_free_or_as_given(monkeypatch):
    monkeypatch.setattr(memory, "free_bytes", lambda device: 100 * MIB)
    assert budget_bytes(None, "cpu") == 80 * MIB
    assert budget_bytes(3 * MIB, "cpu") == 3 * MIB
    assert budget_bytes(2**60, "cpu") == 100 * MIB


@pytest.mark.parametrize("budget", [True, 2e9, "1G", 0, MIB - 1, -5])
def test_bad_budgets(budget):
    with pytest.raises(TheoryError, match=r"^budget=.* must be at least 2\*\*20 bytes \(e.g. 2 \* 2\*\*30\), or None"):
        budget_bytes(budget, "cpu")


@given(
    n=st.integers(1, 10**5),
    per_row=st.integers(0, 10**7),
    fixed=st.integers(0, 10**7),
    spare=st.integers(0, 10**9),
    most=st.none() | st.integers(1, 10**5),
)
def test_chunks_stay_within_the_budget_and_are_as_few_as_it_allows(n, per_row, fixed, spare, most):
    budget = fixed + per_row + spare
    rows = rows_that_fit(n, per_row=per_row, fixed=fixed, budget=budget, device="cpu", most=most)
    assert 1 <= rows <= min(n, most or n)
    assert fixed + rows * per_row <= budget
    allowed = min(n, most or n, (budget - fixed) // per_row if per_row else n)
    chunks = -(-n // rows)
    assert chunks == -(-n // allowed)
    assert rows * chunks - n < chunks  # of equal size: no chunk could be a row shorter


def test_a_row_that_does_not_fit(monkeypatch):
    monkeypatch.setattr(memory, "free_bytes", lambda device: 5 * 2**30)
    message = "one sample needs 3.5 GiB on cuda:1, 512 MiB is allowed and 5 GiB is free: raise budget="
    with pytest.raises(TheoryError, match=message):
        rows_that_fit(9, per_row=2**30, fixed=5 * 2**29, budget=512 * MIB, device="cuda:1")
    with pytest.raises(TheoryError, match=message.replace("sample", "restart")):
        rows_that_fit(9, per_row=2**30, fixed=5 * 2**29, budget=512 * MIB, device="cuda:1", what="restart")


@pytest.mark.parametrize("wrong", [{"n": 0}, {"most": 0}])
def test_no_rows(wrong):
    with pytest.raises(TheoryError, match=f"{next(iter(wrong))}=0 must be an integer of at least 1"):
        rows_that_fit(**({"n": 3, "per_row": 1, "budget": MIB, "device": "cpu"} | wrong))


def test_chunks_halve_until_they_fit_and_keep_the_order(monkeypatch):
    sizes, left, alive = [], [], []
    x = torch.arange(11.0)

    def measure(rows):
        sizes.append(len(rows))
        scratch = torch.ones(len(rows))
        left.append(weakref.ref(scratch))
        if len(rows) > 3:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return {"square": rows.square(), "twice": 2 * rows}

    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: alive.append(left[-1]() is not None))
    found = in_chunks(measure, x, 20)
    assert sizes == [11, 5, 2, 2, 2, 2, 2, 1]
    assert alive == [False, False]  # the cache is emptied once the failed attempt's tensors are gone
    assert torch.equal(found["square"], x.square())
    assert torch.equal(found["twice"], 2 * x)


def test_other_errors_pass():
    def measure(rows):
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    with pytest.raises(RuntimeError, match="mat1 and mat2"):
        in_chunks(measure, torch.ones(4), 2)


def test_one_sample_too_many():
    def measure(rows):
        raise MemoryError

    with pytest.raises(TheoryError, match="out of memory with one sample") as error:
        in_chunks(measure, torch.ones(4), 4)
    assert isinstance(error.value.__cause__, MemoryError)


def test_real_exhaustion_is_recognised():
    with pytest.raises(RuntimeError) as error:
        torch.empty(2**60, dtype=torch.uint8)
    assert is_out_of_memory(error.value)


@pytest.mark.parametrize(
    ("error", "is_one"),
    [
        (torch.OutOfMemoryError("x"), True),
        (MemoryError(), True),
        (RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"), True),
        (RuntimeError("CUDA error: out of memory"), True),
        (RuntimeError("expected scalar type Double but found Float"), False),
        (ValueError("out of memory"), False),
    ],
)
def test_which_errors_mean_want_of_memory(error, is_one):
    assert is_out_of_memory(error) is is_one


def test_a_whole_attempt_starts_afresh_at_half_the_size():
    tried = []

    def attempt(size):
        tried.append(size)
        if size > 2:
            raise MemoryError
        return size

    assert halving(attempt, 9) == 2
    assert tried == [9, 4, 2]
    with pytest.raises(TheoryError, match="out of memory with one sample"):
        halving(lambda size: attempt(9), 1)
    with pytest.raises(RuntimeError, match="no want of memory"):
        halving(lambda size: (_ for _ in ()).throw(RuntimeError("no want of memory")), 4)
