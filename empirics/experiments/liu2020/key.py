"""The paper's key."""

KEY = "liu2020"
