"""What every arithmetic with Python's operators shares."""

from __future__ import annotations

import functools
import operator
from typing import Any


class Operators:
    """Sums, products and quotients by ``+ * /``."""

    def add(self, *terms: Any) -> Any:
        """The sum."""
        return functools.reduce(operator.add, terms)

    def add_mixed(self, *terms: Any) -> Any:
        """The sum of terms of several signs, where an arithmetic may watch for cancellation."""
        return self.add(*terms)

    def mul(self, *factors: Any) -> Any:
        """The product."""
        return functools.reduce(operator.mul, factors)

    def div(self, a: Any, b: Any) -> Any:
        """The quotient."""
        return a / b

    def absolute(self, a: Any) -> Any:
        """The absolute value."""
        return abs(a)

    def truth(self, value: bool) -> bool:
        """A relation settled before any arithmetic."""
        return value


class Scalars(Operators):
    """For numbers whose conditions are plain booleans."""

    def where(self, condition: bool, a: Any, b: Any) -> Any:
        """``a`` if the condition holds, else ``b``."""
        return a if condition else b
