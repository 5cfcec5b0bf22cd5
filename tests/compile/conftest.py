"""Devices for captured steps."""

import pytest

from tests.conftest import computing_on


@pytest.fixture(params=["emulated", pytest.param("cuda", marks=pytest.mark.gpu)])
def gpu(request):
    """The emulated device, and a real one where there is one."""
    with computing_on(request.param):
        yield


@pytest.fixture
def emulated():
    """The emulated device, for what only it tells."""
    with computing_on("emulated"):
        yield
