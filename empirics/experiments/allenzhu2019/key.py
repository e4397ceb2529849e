"""The paper's key, and the kinds of network it covers."""

KEY = "allenzhu2019"
KINDS = ("mlp", "cnn", "resnet")
"""Sections 2, B and C."""
