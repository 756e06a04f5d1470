"""Tests of the command `dynamicrypt`."""
