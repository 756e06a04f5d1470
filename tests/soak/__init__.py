"""Tests that take long; `make soak` runs them.

Their modules are not called test_*, so the usual run leaves them out.
"""
