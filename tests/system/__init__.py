"""Tests that need root, Debian packages or the network; `make test-system` runs them.

Their modules are not called test_*, so the usual run leaves them out.
"""
