"""Job specifications that the tests of the config store share."""

from __future__ import annotations

from typing import Any

from core.job_spec import JobSpec
from tests.sample_request import SAMPLE


def sample(**changes: Any) -> JobSpec:
    """DESIGN's sample request, with changes."""
    return JobSpec.model_validate({**SAMPLE, **changes})
