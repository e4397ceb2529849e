"""What several test files share."""

from __future__ import annotations

import sys

import pytest

import cli


@pytest.fixture
def bash(monkeypatch, capsys):
    def run(*arguments):
        """(exit code, stdout, stderr) of ``bounds ARGUMENTS`` through ``cli.main``."""
        monkeypatch.setattr(sys, "argv", ["bounds", *arguments])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        seen = capsys.readouterr()
        return ended.value.code or 0, seen.out, seen.err

    return run
