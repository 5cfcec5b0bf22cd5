"""The GPU that a test is about: the emulated one, and the real one if there is one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.conftest import computing_on


@pytest.fixture(params=["emulated", pytest.param("cuda", marks=pytest.mark.gpu)])
def gpu(request: pytest.FixtureRequest) -> Iterator[str]:
    """The name of what plays "cuda"."""
    with computing_on(request.param):
        yield request.param
