import pytest

import gpunn as gp
from gpunn.ops.inplace import in_place


def test_in_place_form():
    x = gp.ones(2)
    assert in_place(gp.add)(x, 2, alpha=3) is x and x.tolist() == [7.0, 7.0]
    assert in_place(gp.add).__name__ == "add_" and in_place(gp.add).__qualname__ == "add_"


@pytest.mark.parametrize(
    ("x", "y", "text"),
    [
        (gp.ones(2), gp.ones(3, 2), r"add_: output with shape \(2,\).*\(3, 2\)"),
        (
            gp.ones(2, dtype=gp.int32),
            gp.ones(2),
            "add_: result type gpunn.float32 can't be cast .* gpunn.int32",
        ),
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


def test_backward_gets_what_was_overwritten(device):
    """x.mul_(w) needs the old x, x.sin_() too: they keep a copy. What others saved of x is still noticed."""
    x, w = (gp.tensor(v, device=device, requires_grad=True) for v in ([1.0, 2.0], [3.0, 5.0]))
    y = x * 1
    y.mul_(w).mul_(y.detach().clone())
    (g,) = gp.autograd.grad(y.sum(), [w], create_graph=True)
    assert g.tolist() == [3, 20]
    g.sum().backward()
    assert x.grad.tolist() == [3, 10]
    z = x * 1
    late = z * w
    z.mul_(2)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        late.sum().backward()
