import pytest

import gpunn as gp
from gpunn import backends
from gpunn.kernels.settings import Settings, settings


@pytest.fixture(autouse=True)
def restored():
    before = dict(vars(settings))
    yield
    vars(settings).update(before)


def test_switches_have_pytorchs_values_at_the_start():
    assert backends.cudnn.allow_tf32 is True and backends.cuda.matmul.allow_tf32 is False
    assert backends.cudnn.benchmark is False and backends.cudnn.tuning == "off"
    assert vars(settings) == vars(Settings())
    assert gp.backends is backends


def test_they_set_what_kernels_read():
    backends.cudnn.allow_tf32, backends.cuda.matmul.allow_tf32 = False, True
    assert not settings.tf32_in_convolutions and settings.tf32_in_products
    backends.cudnn.benchmark = True
    assert settings.tuning == backends.cudnn.tuning == "tune"
    backends.cudnn.tuning = "read"
    assert not backends.cudnn.benchmark


def test_wrong_values():
    with pytest.raises(TypeError, match=r"cudnn.allow_tf32: expected a bool, got int"):
        backends.cudnn.allow_tf32 = 1
    with pytest.raises(TypeError, match=r"cuda.matmul.allow_tf32: expected a bool, got str"):
        backends.cuda.matmul.allow_tf32 = "no"
    with pytest.raises(TypeError, match=r"cudnn.benchmark: expected a bool, got NoneType"):
        backends.cudnn.benchmark = None
    with pytest.raises(ValueError, match=r"cudnn.tuning: expected one of .*'tune'.*, got 'always'"):
        backends.cudnn.tuning = "always"
    assert vars(settings) == vars(Settings())
