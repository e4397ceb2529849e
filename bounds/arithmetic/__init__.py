"""Four arithmetics with one set of operations: float64 arrays, logarithmic domain, exact fractions, balls.

A tape (``bounds.compile``) runs in any of them. Each offers ``convert(value)`` for inputs and the operations
``const add add_mixed mul div sqrt power exp log log1p maximum minimum absolute ceiling where gt ge lt le geometric``
and ``bits(n)``, the binary digits of an integer, for recursions by doubling.
"""
