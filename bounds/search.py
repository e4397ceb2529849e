"""Branch and bound for the supremum of a smooth function over the real line, in ball arithmetic."""

from __future__ import annotations

import heapq
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import sympy

from bounds.arb_eval import compiled
from bounds.errors import TheoryError

if TYPE_CHECKING:
    from flint import arb

TOLERANCE_BITS = 96
MAX_BOXES = 6_000
_STARTS = (64, 256, 2**12, 2**16, 2**24, 2**64, 2**128)


class UnboundedError(TheoryError):
    """The supremum is infinite, and that is proved."""


@dataclass
class Search:
    """The state of one branch and bound for ``sup |f|``.

    Attributes:
        f: The function on balls and tails.
        f1: Its first derivative.
        f2: Its second derivative.
        lower: The best value proved to be reached, or approached.
        ceiling: The greatest upper bound of everything settled so far.
        boxes: The heap of open boxes, the most promising first.
    """

    f: Any
    f1: Any
    f2: Any
    lower: Any = None
    ceiling: Any = None
    boxes: list[Any] = field(default_factory=list)
    _count: int = 0

    def cover_line(self) -> None:
        """Put both tails and the boxes between them on the books."""
        from flint import arb

        self._reach(arb(0))
        for exponent in range(-12, 14):
            for sign in (-1, 1):
                self._reach(sign * arb(2) ** (arb(exponent) / 2))
        ends = [self._tail(sign) for sign in (-1, 1)]
        for sign, end in zip((-1, 1), ends, strict=True):
            self._open(arb(0).union(arb(sign)))
            for exponent in range(end.bit_length() - 1):
                self._open((sign * arb(2) ** exponent).union(sign * arb(2) ** (exponent + 1)))

    def cover_period(self, period: sympy.Expr) -> None:
        """Put one period on the books."""
        from flint import arb

        length = abs(compiled(period)(None)).upper()
        for i in range(16):
            self._open((length * i / 16).union(length * (i + 1) / 16))
            self._reach(arb(length * i / 16))

    def result(self) -> arb:
        """Work until no box is open, and return the ball from ``lower`` to ``ceiling``.

        Raises:
            TheoryError: When the budget of boxes ends first or the ends stay apart.
        """
        from flint import arb

        while self.boxes:
            if self._count > MAX_BOXES:
                place = float(self.boxes[0][2].mid()) + 0.0
                raise TheoryError(f"the search stalls near z = {place:.6g} after {MAX_BOXES} boxes")
            self._settle(heapq.heappop(self.boxes)[2])
        ball = arb(self.lower).union(self.ceiling if self.ceiling > self.lower else self.lower)
        if not (ball.is_finite() and ball.rad() * 2**86 < abs(ball.mid())):
            raise TheoryError("it is zero, or approached too slowly in the tails")
        return ball

    def _reach(self, x: arb) -> arb:
        """Evaluate at a point and raise the lower bound."""
        value = abs(self.f(x))
        low = value.lower()
        if value.is_finite() and (self.lower is None or low > self.lower):
            self.lower = low
        return value

    def _raise_ceiling(self, upper: arb) -> None:
        if self.ceiling is None or not upper <= self.ceiling:
            self.ceiling = upper

    def _negligible(self, upper: arb) -> bool:
        """Whether ``upper`` is no more than the value reached, up to the tolerance."""
        from flint import arb

        return self.lower is not None and bool(upper <= self.lower * (1 + arb(2) ** -TOLERANCE_BITS))

    def _tail(self, sign: int) -> int:
        """The start of a half-line on which ``|f|`` stays below what is reached elsewhere or in the limit."""
        from flint import arb

        from bounds.tails import variable

        failure = ""
        for start in _STARTS:
            try:
                tail = self.f(variable(start, sign))
                if tail.degree > 0 and tail.decays(tail.degree) and not arb(tail.poly[-1]).contains(0):
                    raise UnboundedError(f"it grows like z**{tail.degree}")
                upper = tail.bound()
            except UnboundedError:
                raise
            except TheoryError as error:
                failure = str(error)
                continue
            limit = abs(tail.limit()).lower()
            if tail.degree <= 0 and tail.decays() and (self.lower is None or limit > self.lower):
                self.lower = limit
            if self._negligible(upper) or start == _STARTS[-1]:
                self._raise_ceiling(upper)
                return start
        raise TheoryError(f"no bound in the tails, because {failure}")

    def _open(self, box: arb) -> None:
        self._count += 1
        upper = self._upper(box)
        if self._negligible(upper):
            self._raise_ceiling(upper)
        else:
            key = -float(upper) if upper.is_finite() else -math.inf
            heapq.heappush(self.boxes, (key, self._count, box))

    def _upper(self, box: arb) -> arb:
        """The least upper bound of ``|f|`` on ``box`` among the direct and the Taylor enclosure."""
        centre, offset = box.mid(), box - box.mid()
        direct = abs(self.f(box)).upper()
        taylor = abs(self.f(centre) + offset * (self.f1(centre) + offset * self.f2(box) / 2)).upper()
        return taylor if taylor < direct or not direct.is_finite() else direct

    def _settle(self, box: arb) -> None:
        upper = self._upper(box)
        if self._negligible(upper):
            self._raise_ceiling(upper)
            return
        self._reach(box.mid())
        slope, bend = self.f1(box), self.f2(box)
        if slope.is_finite() and not slope.contains(0):
            self._finish(box)
        elif bend.is_finite() and not bend.contains(0):
            self._newton(box)
        else:
            self._open(box.lower().union(box.mid()))
            self._open(box.mid().union(box.upper()))

    def _finish(self, box: arb, critical: arb | None = None) -> None:
        """Settle a box whose maximum is at an end, or on the enclosure of its one critical point."""
        for end in (box.lower(), box.upper()):
            self._raise_ceiling(self._reach(end).upper())
        if critical is not None:
            self._reach(critical.mid())
            self._raise_ceiling(self._upper(critical))

    def _newton(self, box: arb) -> None:
        """Interval Newton: ``f1`` is monotone here, so it vanishes at most once, inside every iterate."""
        inner = box
        for _ in range(64):
            step = inner.mid() - self.f1(inner.mid()) / self.f2(inner)
            if step.is_finite() and not step.overlaps(inner):
                self._finish(box)
                return
            narrowed = step.intersection(inner)
            if not narrowed.rad() < inner.rad() / 2:
                break
            inner = narrowed
        if self._negligible(self._upper(inner)) or inner.rad() < box.rad() / 2**40:
            self._finish(box, inner)
        else:
            self._open(box.lower().union(box.mid()))
            self._open(box.mid().union(box.upper()))
