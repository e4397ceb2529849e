"""A comparison as one self-contained HTML page, and that page as a PDF."""

from __future__ import annotations

from empirics.report.browser import find_chromium, need_chromium, print_pdf
from empirics.report.loading import from_dict, load
from empirics.report.page import report, write
from empirics.report.parts import Part

__all__ = ["Part", "find_chromium", "from_dict", "load", "need_chromium", "print_pdf", "report", "write"]
