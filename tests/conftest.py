"""How the tests run: three hypothesis profiles, chosen by the environment variable HYPOTHESIS_PROFILE."""

import os

from hypothesis import settings

settings.register_profile("dev", max_examples=25, deadline=None)  # the default: quick, other examples on each run
settings.register_profile("ci", max_examples=25, deadline=None, derandomize=True)  # the same examples on each run
settings.register_profile("deep", max_examples=500, deadline=None)  # for an evening
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "dev"))
