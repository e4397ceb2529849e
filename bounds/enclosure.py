"""Certified enclosures: an interval that provably contains the exact real value."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flint import arb


@dataclass(frozen=True)
class Enclosure:
    """A real number known to lie in ``[lo, hi]``, rounded outward.

    Attributes:
        ball: The enclosing ball of python-flint; it keeps all digits and any exponent.
    """

    ball: arb

    @property
    def lo(self) -> float:
        """The lower end as a float, rounded down (``-inf`` when below the range of floats)."""
        return _outward(self.ball.lower(), -1)

    @property
    def hi(self) -> float:
        """The upper end as a float, rounded up (``inf`` when above the range of floats)."""
        return _outward(self.ball.upper(), +1)

    @property
    def relative_width(self) -> float:
        """``(hi - lo)/|mid|``; ``inf`` when the ball contains zero and is not exact."""
        if self.ball.is_exact():
            return 0.0
        return float((2 * self.ball.rad()) / abs(self.ball.mid())) if self.ball.mid() != 0 else math.inf

    @property
    def log10(self) -> tuple[float, float]:
        """The decimal logarithms of both ends, rounded outward; needs a positive ball."""
        logs = self.ball.log() / type(self.ball)(10).log()
        return _outward(logs.lower(), -1), _outward(logs.upper(), +1)

    def __contains__(self, value: Any) -> bool:
        """Whether ``value`` (int, float, Fraction or arb) lies inside."""
        from bounds.ball import MAX_BITS, precision, to_ball

        with precision(MAX_BITS):  # a fraction is itself enclosed: far more tightly than any ball it is compared with
            return bool(self.ball.contains(to_ball(value)))

    def __float__(self) -> float:
        return float(self.ball.mid())

    def __str__(self) -> str:
        return f"[{self.lo:.17g}, {self.hi:.17g}]"

    def to_dict(self) -> dict[str, Any]:
        """``{"lo", "hi", "ball"}``: the float ends and the ball in full digits."""
        return {"lo": self.lo, "hi": self.hi, "ball": self.ball.str(25, more=True)}


def _outward(end: arb, direction: int) -> float:
    """The float nearest to an exact ``end`` on the side of ``direction``.

    ``float`` of a ball is only guaranteed near, so step away until the comparison with the exact end holds.
    """
    value = float(end)
    target = math.inf * direction
    if math.isnan(value):
        return target
    while not math.isinf(value) and not ((end >= value) if direction < 0 else (end <= value)):
        value = math.nextafter(value, target)
    return value if not (math.isinf(value) and value != target) else math.copysign(1.7976931348623157e308, value)
