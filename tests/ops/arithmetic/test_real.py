import pytest

import gpunn as gp


def test_real_numbers_are_their_own_parts(device):
    x = gp.tensor([1.0, -2.0], device=device, requires_grad=True)
    for same in (x.real, gp.real(x), x.conj(), gp.conj_physical(x), x.resolve_conj(), gp.resolve_neg(x)):
        assert same is x
    assert gp.isreal(x).tolist() == [True, True] and not x.is_conj() and not gp.is_neg(x)
    for no_part in (lambda: x.imag, lambda: gp.imag(x)):
        with pytest.raises(RuntimeError, match="non-complex"):
            no_part()
    for function in (gp.real, gp.conj, gp.isreal, gp.is_neg):
        with pytest.raises(TypeError, match=f"{function.__name__}: expected a Tensor"):
            function(1.0)
