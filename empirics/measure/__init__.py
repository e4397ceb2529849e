"""One file per measured thing; each fast measure stands beside a naive reference in the tests."""
