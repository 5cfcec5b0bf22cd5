import pytest

import gpunn as gp
from gpunn import errors


@pytest.mark.parametrize(
    ("mine", "torchs"),
    [
        (errors.ShapeError, (RuntimeError, ValueError)),
        (errors.DtypeError, (RuntimeError, TypeError)),
        (errors.DeviceError, (RuntimeError, AssertionError)),
        (errors.IndexRangeError, (IndexError, RuntimeError, ValueError)),
        (errors.ArgumentError, (ValueError, RuntimeError)),
        (errors.ArgumentTypeError, (TypeError, ValueError)),
        (errors.GraphError, (RuntimeError,)),
        (errors.UnsupportedError, (NotImplementedError,)),
        (errors.FileFormatError, (RuntimeError, ValueError)),
    ],
)
def test_each_error_is_caught_as_pytorchs(mine, torchs):
    for kind in (*torchs, errors.GpunnError):
        with pytest.raises(kind, match="what"):
            raise mine("what")


def test_the_layer_comes_first():
    error = errors.ShapeError("linear: wrong")
    error.layer = "Net.fc (Linear)"
    assert str(error) == "Net.fc (Linear): linear: wrong"


def test_shapes():
    assert errors.shapes(gp.ones(2, 3), 4.0, None) == "(2, 3) and 4.0 and None"
