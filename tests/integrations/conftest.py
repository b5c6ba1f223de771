"""No framework reports from the tests."""

import os

os.environ["HAYSTACK_TELEMETRY_ENABLED"] = "False"
os.environ["ANONYMIZED_TELEMETRY"] = "False"
os.environ["POSTHOG_DISABLED"] = "1"

import pytest


@pytest.fixture(scope="session")
def run(served_run):
    """A run with prompts whose queries alone were tuned, evaluated in fp32."""
    return served_run("query-lora", prompts=True, evaluated=True)
