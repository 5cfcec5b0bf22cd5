import pytest

import gpunn as gp
from gpunn.optim.parameters import are_alike, check_params, fitted, listed


def test_entries():
    p, q = gp.ones(1, requires_grad=True), gp.ones(1)
    assert listed(p) == [p] and listed(x for x in [p, q]) == [p, q]
    with pytest.raises(TypeError, match="ordered collections"):
        listed({p, q})
    check_params([p, q], set())
    for entries, known, text in [
        ([p, p], set(), "twice in one"),
        ([p], {id(p)}, "more than one parameter group"),
        ([p * 2], set(), "non-leaf"),
        ([p, 1.0], set(), "one of the params is <class 'float'>"),
    ]:
        with pytest.raises(ValueError, match=text):
            check_params(entries, known)


def test_alike(device):
    a = gp.zeros(2, 3, device=device).array
    assert are_alike(a, gp.ones(2, 3, device=device).array)
    assert not are_alike(a, gp.zeros(3, 2, device=device).array)
    assert not are_alike(a, gp.zeros(2, 3, dtype=gp.float64, device=device).array)
    assert are_alike(a, gp.zeros(2, 3).array) == (device == "cpu")


def test_loaded_state_goes_where_the_parameter_is(device):
    """Also in lists, as LBFGS has them."""
    p = gp.ones(2, dtype=gp.float64, device=device)
    state = {
        "step": gp.tensor(3.0),
        "exp_avg": gp.ones(2),
        "old_dirs": [gp.ones(2), gp.zeros(2)],
        "al": [None, 2.0],
        "mask": gp.ones(2, dtype=gp.int64),
        "n_iter": 4,
    }
    found = fitted(state, p, ("step",))
    assert found["step"].device.type == "cpu" and found["step"].dtype is gp.float32
    for t in (found["exp_avg"], *found["old_dirs"]):
        assert t.device == p.device and t.dtype is gp.float64
    assert found["al"] == [None, 2.0] and found["n_iter"] == 4 and found["mask"].device == p.device
    whole = gp.ones(2, dtype=gp.int64, device=device)
    assert fitted(state, whole, ())["exp_avg"].dtype is gp.float32
    state["exp_avg"].zero_()
    assert found["exp_avg"].tolist() == [1.0, 1.0]
