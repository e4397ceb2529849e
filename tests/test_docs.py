"""The generated pages are the model's, and the README's library code runs."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

from click.testing import CliRunner

import bounds
import cli

ROOT = Path(__file__).parent.parent


def test_pages_are_up_to_date():
    spec = importlib.util.spec_from_file_location("build_docs", ROOT / "docs" / "build.py")
    build = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(build)
    for paper in bounds.papers().values():
        written = (ROOT / "docs" / f"{paper.key}.md").read_text(encoding="utf-8")
        assert written == build.page(paper), f"docs/{paper.key}.md is out of date: python docs/build.py"


def test_the_readme_counts_the_errata():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert f"**{len(bounds.errata())} errata**" in text


def test_the_readmes_table_is_what_the_command_prints():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    blocks = re.findall(r"<!-- output: (.*?) -->\n```text\n(.*?)```", text, re.S)
    assert blocks
    for arguments, block in blocks:
        printed = CliRunner().invoke(cli.app, [*arguments.split(), "--markdown"]).stdout
        rows = {tuple(cell.strip() for cell in line.strip("|").split(" | ")[:4]) for line in printed.splitlines()}
        shown = [tuple(re.split(r"\s{2,}", line.strip())) for line in block.splitlines()[2:]]
        assert shown
        assert all(row in rows for row in shown), [row for row in shown if row not in rows]


def test_the_readmes_python_runs(capsys):
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.S)
    assert len(blocks) == 3
    names: dict[str, object] = {}
    for block in blocks:  # the third goes on with the second's network
        small = block.replace("samples=256", "samples=8").replace("512", "16").replace("steps=50", "steps=3")
        exec(compile(small, "README.md", "exec"), names)
    assert "hessian_norm" in capsys.readouterr().out


def test_the_python_of_the_page_on_measuring_runs():
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "measurement.md").read_text(encoding="utf-8"), re.S)
    assert len(blocks) == 2
    names: dict[str, object] = {}
    for block in blocks:
        exec(
            compile(block.replace("samples=64", "samples=6").replace("m=1024", "m=64"), "measurement.md", "exec"), names
        )
    assert names["run"].reason == "steps"
