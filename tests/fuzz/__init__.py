"""Fuzzing with coverage as the guide; the corpus is replayed by the ordinary tests."""
