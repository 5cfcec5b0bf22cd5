import pytest

from gpunn import emulator
from gpunn.compat import accelerator
from gpunn.errors import DeviceError


@pytest.fixture
def emulated():
    with emulator.enable():
        yield


def test_on_a_machine_without_a_gpu():
    if accelerator.is_available():
        pytest.skip("there is a GPU")
    assert accelerator.device_count() == 0 and accelerator.current_accelerator() is None
    for call in (accelerator.synchronize, accelerator.current_device_index):
        with pytest.raises(DeviceError, match="no accelerator is available"):
            call()


@pytest.mark.usefixtures("emulated")
def test_on_the_emulated_gpu():
    assert accelerator.is_available() and accelerator.device_count() == 1
    assert str(accelerator.current_accelerator()) == "cuda" and accelerator.current_device_index() == 0
    accelerator.synchronize()
