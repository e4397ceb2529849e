"""The run store: whole or not there, other people's files left alone, one writer, every failure in one line."""

from __future__ import annotations

import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from bounds.errors import TheoryError
from empirics.store import DIVERGED, DONE, FAILED, PLANNED, Store, running
from empirics.store.file import APPLICATION, lock_path

STUDY = {"name": "a test", "text": "[study]"}
WRITER = """
import sys
from empirics.store import Store
with Store.write(sys.argv[1]) as store:
    store.plan([(str(k), "{}") for k in range(3000)], code="1", study={"name": "killed"})
    left = [row.key for row in store.rows() if row.status == "planned"]
    print(len(left), flush=True)
    for key in left:
        store.commit(key, "done", seconds=1.0, value={"key": key, "rest": "x" * 20000})
        print(key, flush=True)
"""


@pytest.fixture
def path(tmp_path):
    return tmp_path / "a stüdy" / "one #1?.sqlite"


@pytest.fixture(autouse=True)
def folder(path):
    path.parent.mkdir()


def planned(path, count=3):
    store = Store.write(path)
    store.plan([(f"k{i}", f'{{"i": {i}}}') for i in range(count)], code="1", study=STUDY)
    return store


def everything(folder):
    return {p.name: p.read_bytes() for p in folder.iterdir() if not p.name.endswith(".lock")}


def test_results_come_back_as_they_were(path):
    with planned(path) as store:
        assert store.commit("k0", DONE, seconds=1.5, worker="here:1", value={"x": [1, 2.5, float("inf")]})
        assert store.commit("k1", DIVERGED, reason="at step 3", seconds=1.0, value={"x": None})
        assert store.commit("k2", FAILED, reason="no memory", seconds=0.1)
    with Store.read(path) as store:
        rows = store.rows()
        assert [(r.key, r.status, r.reason, r.config) for r in rows] == [
            ("k0", DONE, "", {"i": 0}),
            ("k1", DIVERGED, "at step 3", {"i": 1}),
            ("k2", FAILED, "no memory", {"i": 2}),
        ]
        assert (rows[0].seconds, rows[0].worker) == (1.5, "here:1")
        assert list(store.results(["k0", "k1", "k2"])) == [{"x": [1, 2.5, float("inf")]}, {"x": None}, None]
        assert store.study["name"] == "a test"


def test_a_result_is_written_once(path):
    with planned(path) as store:
        assert store.commit("k0", DONE, seconds=1.0, value=1)
        assert not store.commit("k0", DONE, seconds=2.0, value=2)
        assert not store.commit("k0", FAILED, reason="later", seconds=2.0)
        assert not store.commit("unknown", DONE, seconds=1.0, value=1)
        assert store.result("k0") == 1
        assert store.rows()[0].seconds == 1.0


def test_another_grid_keeps_what_is_there(path):
    with planned(path) as store:
        store.commit("k1", DONE, seconds=1.0, value="kept")
        store.commit("k2", FAILED, reason="it did", seconds=1.0)
        store.plan([("new", "{}"), ("k2", '{"i": 2}')], code="2", study=STUDY)
        assert [(r.key, r.status, r.code) for r in store.rows()] == [("new", PLANNED, "2"), ("k2", FAILED, "1")]
        assert [r.key for r in store.rows(everything=True)] == ["new", "k2", "k1"]
        assert store.result("k1") == "kept"
        store.retry()
        assert [r.status for r in store.rows()] == [PLANNED, PLANNED]
        assert store.commit("k2", DONE, seconds=1.0, value=2)
        store.plan([("k1", '{"i": 1}')], code="1", study=STUDY)
        assert [(r.key, r.status) for r in store.rows()] == [("k1", DONE)]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "not a study's store"),
        (b"some notes\n" * 30, "not a study's store"),
        (b"SQLite format 3\x00" + bytes(84), "of something else"),
    ],
)
def test_foreign_files_are_left_alone(path, content, says):
    path.write_bytes(content)
    for open_store in (Store.write, Store.read):
        with pytest.raises(TheoryError, match=says) as refused:
            open_store(path)
        assert "\n" not in str(refused.value)
    assert everything(path.parent) == {path.name: content}


def test_other_databases_and_later_formats_are_left_alone(path):
    for script, says in (("CREATE TABLE mine (x)", "of something else"), ("PRAGMA user_version = 9", "format 9")):
        path.unlink(missing_ok=True)
        connection = sqlite3.connect(path)
        if "version" in script:
            connection.execute(f"PRAGMA application_id = {APPLICATION}")
        connection.execute(script)
        connection.commit()
        connection.close()
        before = everything(path.parent)
        with pytest.raises(TheoryError, match=says):
            Store.write(path)
        assert everything(path.parent) == before


def test_damage_is_said_and_left_alone(path):
    with planned(path, 100) as store:
        for row in store.rows():
            store.commit(row.key, DONE, seconds=1.0, value=os.urandom(200).hex())
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(TheoryError, match="cut short"):
        Store.write(path)
    assert everything(path.parent) == {path.name: whole[: len(whole) // 2]}
    torn = whole[:4096] + random.Random(0).randbytes(len(whole) - 4096)
    path.write_bytes(torn)
    with pytest.raises(TheoryError, match="is damaged"):
        Store.write(path)
    assert everything(path.parent)[path.name] == torn


def test_a_damaged_result_is_said(path):
    with planned(path) as store:
        store.commit("k0", DONE, seconds=1.0, value="x" * 100)
    connection = sqlite3.connect(path)
    connection.execute("UPDATE result SET value = substr(value, 1, 10)")
    connection.commit()
    connection.close()
    with Store.read(path) as store, pytest.raises(TheoryError, match="result of task k0 is damaged"):
        store.result("k0")


def test_no_store_yet(path):
    with pytest.raises(TheoryError, match="nothing was run yet"):
        Store.read(path)
    assert not path.exists()


def test_folders_that_cannot_be_written(path, tmp_path):
    for bad in (tmp_path / "none" / "a.sqlite", tmp_path / "file" / "a.sqlite"):
        (tmp_path / "file").write_text("")
        with pytest.raises(TheoryError, match="cannot be written") as refused:
            Store.write(bad)
        assert str(bad) in str(refused.value)
    path.mkdir()
    with pytest.raises(TheoryError, match="cannot be read"):
        Store.write(path)


@pytest.fixture
def locked_folder():
    """A folder in which this process can read and not write, whoever runs it."""
    folder = Path(tempfile.mkdtemp(prefix="read only "))
    with planned(folder / "a.sqlite") as store:
        store.commit("k0", DONE, seconds=1.0, value=1)
    folder.chmod(0o555)
    root = os.geteuid() == 0
    if root:  # root may write anywhere
        os.seteuid(65534)
    try:
        yield folder
    finally:
        if root:
            os.seteuid(0)
        folder.chmod(0o700)
        shutil.rmtree(folder)


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="folders have other locks on this system")
def test_a_read_only_folder_can_be_read(locked_folder):
    path = locked_folder / "a.sqlite"
    with Store.read(path) as store:
        assert [r.status for r in store.rows()] == [DONE, PLANNED, PLANNED]
        assert store.result("k0") == 1
    for name in ("a.sqlite", "new.sqlite"):
        with pytest.raises(TheoryError, match="cannot be written"):
            Store.write(locked_folder / name)
    assert sorted(p.name for p in locked_folder.iterdir()) == ["a.sqlite", "a.sqlite.lock"]


def test_a_full_disk_keeps_what_was_stored(path):
    with planned(path) as store:
        store.commit("k0", DONE, seconds=1.0, value="first")
        pages = store._connection.execute("PRAGMA page_count").fetchone()[0]
        store._connection.execute(f"PRAGMA max_page_count = {pages}")  # SQLite's own way to a full disk
        with pytest.raises(OSError, match="the disk is full"):
            store.commit("k1", DONE, seconds=1.0, value=os.urandom(100_000).hex())
        assert [r.status for r in store.rows()] == [DONE, PLANNED, PLANNED]
    with Store.write(path) as store:
        assert store.result("k0") == "first"
        assert store.commit("k1", DONE, seconds=1.0, value="second")


def test_a_failing_disk_keeps_what_was_stored(path):
    resource = pytest.importorskip("resource")
    with planned(path) as store:
        store.commit("k0", DONE, seconds=1.0, value="first")
    limited = f"""
import resource
from empirics.store import Store
resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, {resource.RLIM_INFINITY}))
with Store.write({str(path)!r}) as store:
    try:
        store.commit("k1", "done", seconds=1.0, value=__import__("os").urandom(1_000_000).hex())
    except OSError as error:
        print(error)
"""
    said = subprocess.run([sys.executable, "-c", limited], capture_output=True, text=True, check=True).stdout
    assert "what was finished is kept" in said
    with Store.read(path) as store:
        assert [r.status for r in store.rows()] == [DONE, PLANNED, PLANNED]
        assert store.result("k0") == "first"


def test_a_checkpoint_that_was_cut_short_loses_nothing(path):
    """The header in the file tells of pages that only the log has: on a full disk, or after kill -9 just then."""
    resource = pytest.importorskip("resource")
    with planned(path, 20) as store:
        for k in range(10):
            store.commit(f"k{k}", DONE, seconds=1.0, value=os.urandom(200_000).hex())
    limited = f"""
import os, resource
from empirics.store import Store
resource.setrlimit(resource.RLIMIT_FSIZE, ({path.stat().st_size + 100_000}, {resource.RLIM_INFINITY}))
with Store.write({str(path)!r}) as store:
    for k in range(10, 14):
        store.commit(f"k{{k}}", "done", seconds=1.0, value=[k, os.urandom(200_000).hex()])
"""
    subprocess.run([sys.executable, "-c", limited], check=True)
    assert path.stat().st_size < 4096 * int.from_bytes(path.read_bytes()[28:32])
    without = path.with_name("without its log.sqlite")
    shutil.copy(path, without)
    with pytest.raises(TheoryError, match="cut short"):
        Store.write(without)
    with Store.read(path) as store:
        assert [store.result(f"k{k}")[0] for k in range(10, 14)] == [10, 11, 12, 13]
    with Store.write(path) as store:
        assert [r.status for r in store.rows()] == [DONE] * 14 + [PLANNED] * 6
        assert store._connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert store.result("k13")[0] == 13
    assert path.stat().st_size == 4096 * int.from_bytes(path.read_bytes()[28:32])


def test_one_runner_and_any_readers(path):
    with planned(path) as store:
        assert running(path)
        with pytest.raises(TheoryError, match=f"being run by process {os.getpid()} on "):
            Store.write(path)
        store.commit("k0", DONE, seconds=1.0, value=1)
        with Store.read(path) as reader:
            assert reader.result("k0") == 1
            store.commit("k1", DONE, seconds=1.0, value=2)
            assert reader.result("k1") == 2
    assert not running(path)
    with Store.write(path) as store:
        assert "runner" in store.study
    with Store.read(path) as store:
        assert "runner" not in store.study


def test_killed_at_any_instant(path):
    """Whatever was said to be stored is there after kill -9, once and whole, and the next process goes on with it."""
    said: set[str] = set()
    for k in range(3):
        child = subprocess.Popen([sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, text=True)
        assert child.stdout is not None
        assert int(child.stdout.readline()) <= 3000 - len(said)  # what is there is not done again
        said.add(child.stdout.readline().strip())
        time.sleep(random.Random(k).uniform(0, 0.1))
        child.send_signal(signal.SIGKILL)
        said |= {line.strip() for line in child.stdout if line.endswith("\n")}
        child.wait()
        child.stdout.close()
        with Store.read(path) as store:
            done = [row.key for row in store.rows() if row.status == DONE]
            assert said <= set(done)
            assert len(done) <= len(said) + 1 + k  # committed, and killed before it said so
            assert all(store.result(key)["key"] == key for key in done)
    assert not running(path)
    with Store.write(path) as store:
        assert store._connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_killed_while_it_is_made(path):
    draft = path.with_name(path.name + ".new")
    draft.write_bytes(b"half a file")
    draft.with_name(draft.name + "-journal").write_bytes(b"half a journal")
    path.with_name(path.name + "-wal").write_bytes(b"of a store that was deleted")
    with planned(path) as store:
        assert len(store.rows()) == 3
    assert set(everything(path.parent)) == {path.name}
    assert lock_path(path).exists()
