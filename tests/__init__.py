"""Tests of DynamiCrypt, run by trial; `python -m tests` is the whole run."""

import os

from hypothesis import settings

# A red run must be red again tomorrow, so examples are derived from the test itself;
# HYPOTHESIS_PROFILE=explore looks for new ones.
settings.register_profile("steady", deadline=None, derandomize=True, database=None)
settings.register_profile("explore", deadline=None, max_examples=2000, database=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "steady"))
