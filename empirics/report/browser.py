"""A Chromium on this machine, and the page printed through it."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from bounds.errors import TheoryError

VARIABLE = "BOUNDS_CHROMIUM"
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "msedge")
PLACES = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    r"C:\Program Files\Google\Chrome\Application\chrome.exe",
    r"C:\Program Files (x86)\Microsoft\Edge\Application\msedge.exe",
)
FLAGS = (
    "--headless",
    "--disable-gpu",
    "--disable-extensions",
    "--disable-background-networking",
    "--disable-dev-shm-usage",  # containers give it 64 MB
    "--no-first-run",
    "--no-default-browser-check",
    "--hide-scrollbars",
)
SECONDS = 120


def find_chromium() -> str | None:
    """The browser: what ``BOUNDS_CHROMIUM`` names, else the first that is installed; None where there is none.

    Raises:
        TheoryError: The variable names no program.
    """
    if named := os.environ.get(VARIABLE):
        found = shutil.which(named)
        if found is None:
            raise TheoryError(f"{VARIABLE} = {named}: no such program")
        return found
    return next((found for n in (*NAMES, *PLACES) if (found := shutil.which(n))), None)


def need_chromium(pdf: str | Path) -> str:
    """The browser that prints ``pdf``.

    Raises:
        TheoryError: There is none; one line says how to get one.
    """
    browser = find_chromium()
    if browser is None:
        raise TheoryError(
            f"--pdf {pdf}: no Chromium or Chrome is found; install one (Debian: apt install chromium) "
            f"or name it in {VARIABLE}"
        )
    return browser


def flags(profile: str | Path) -> list[str]:
    """The switches of every call; ``profile`` is a folder of its own."""
    # root has no user namespace of its own to build the sandbox from; the page holds no script and may fetch nothing
    root = ["--no-sandbox"] if getattr(os, "geteuid", lambda: 1)() == 0 else []
    return [*FLAGS, *root, f"--user-data-dir={profile}"]


def print_pdf(page: str | Path, pdf: str | Path) -> Path:
    """Print a page of this machine to a PDF file.

    Args:
        page: The HTML file.
        pdf: Where to write; what stands there is replaced once the new file is complete.

    Returns:
        The path of the PDF.

    Raises:
        TheoryError: No Chromium is found, or it does not print.
    """
    browser, pdf = need_chromium(pdf), Path(pdf)
    with tempfile.TemporaryDirectory(prefix="bounds-print-") as folder:
        printed = Path(folder) / "page.pdf"
        command = [browser, *flags(Path(folder) / "profile"), "--no-pdf-header-footer", f"--print-to-pdf={printed}"]
        said = _run([*command, Path(page).resolve().as_uri()], pdf)
        if not printed.is_file() or printed.stat().st_size == 0:
            raise TheoryError(f"--pdf {pdf}: {browser} printed nothing ({_last(said)})")
        try:
            pdf.write_bytes(printed.read_bytes())
        except OSError as error:
            raise TheoryError(f"--pdf {pdf}: cannot be written ({error.strerror}); choose another place") from None
    return pdf


def _run(command: list[str], pdf: Path) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=SECONDS, check=False)
    except subprocess.TimeoutExpired:
        raise TheoryError(f"--pdf {pdf}: {command[0]} did not print within {SECONDS} seconds") from None
    except OSError as error:
        raise TheoryError(f"--pdf {pdf}: {command[0]} cannot be run ({error.strerror})") from None
    return done.stderr


def _last(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[-1][:200] if lines else "no message"
