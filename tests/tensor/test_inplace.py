import pytest

import gpunn as gp
from gpunn.tensor.inplace import in_place


def test_in_place_form():
    x = gp.ones(2)
    assert in_place(gp.add)(x, 2, alpha=3) is x and x.tolist() == [7.0, 7.0]
    assert in_place(gp.add).__name__ == "add_" and in_place(gp.add).__qualname__ == "Tensor.add_"


@pytest.mark.parametrize(
    ("x", "y", "text"),
    [
        (gp.ones(2), gp.ones(3, 2), r"add_: output with shape \(2,\).*\(3, 2\)"),
        (gp.ones(2, dtype=gp.int32), gp.ones(2), "add_: result type gpunn.float32 can't be cast .* gpunn.int32"),
    ],
)
def test_what_does_not_fit_changes_nothing(x, y, text):
    before = x.tolist()
    with pytest.raises(RuntimeError, match=text):
        x.add_(y)
    assert x.tolist() == before


def test_result_on_the_other_device_is_refused(device):
    if device == "cpu":
        pytest.skip("needs a second device")
    with pytest.raises(RuntimeError, match="same device"):
        gp.ones(2, device=device).add_(gp.ones(2))
