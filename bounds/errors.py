"""The errors this package raises: one base, so that a caller can catch them all.

Every message is one line that names the parameter, the value and the remedy; the command line prints it and
exits with status 2.
"""

from __future__ import annotations


class TheoryError(ValueError):
    """A request that the theory, the data or the arguments cannot answer."""


class Missing(TheoryError):
    """A value that has no default was not given; the message names it."""


class NotApplicable(TheoryError):
    """An assumption of a theorem fails at the given values; the message names it."""
