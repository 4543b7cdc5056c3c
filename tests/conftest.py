"""Settings for the whole suite."""

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# Nothing here reaches the network: what would try fails at once instead of waiting.
os.environ.setdefault("HF_HUB_OFFLINE", "1")

# Numbers are those of the CPU, also where there is a GPU.
os.environ["CUDA_VISIBLE_DEVICES"] = ""

# Machines differ in speed: a slow example is no failure.
settings.register_profile("suite", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("suite")


@pytest.fixture(scope="session")
def clone() -> Path:
    """Give the root of the repository."""
    return Path(__file__).parent.parent
