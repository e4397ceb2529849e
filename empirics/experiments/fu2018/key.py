"""The paper's key."""

KEY = "fu2018"
