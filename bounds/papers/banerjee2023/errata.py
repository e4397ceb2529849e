"""Errata (to be filled in)."""
ERRATA = ()
