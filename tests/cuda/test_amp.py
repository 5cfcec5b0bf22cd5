"""gpunn.cuda.amp: the old names mean the same on "cuda"."""

import pytest

import gpunn as gp
from gpunn import amp
from tests.conftest import computing_on


def test_names_of_old():
    with computing_on("emulated"):
        assert not gp.cuda.amp.amp_definitely_not_available()
        x = gp.ones(2, 2, device="cuda")
        with gp.cuda.amp.autocast():
            assert (x @ x).dtype is gp.float16
            with gp.cuda.amp.autocast(False):
                assert (x @ x).dtype is gp.float32
        with gp.cuda.amp.autocast(dtype=gp.bfloat16):
            assert (x @ x).dtype is gp.bfloat16
        scaler = gp.cuda.amp.GradScaler(4.0, 3.0, 0.25, 7)
        assert isinstance(scaler, amp.GradScaler) and scaler.is_enabled()
        settings = scaler.get_scale(), scaler.get_growth_factor(), scaler.get_backoff_factor()
        assert (*settings, scaler.get_growth_interval()) == (4.0, 3.0, 0.25, 7)


def test_functions_of_the_users_own():
    seen = []

    class Double(gp.autograd.Function):
        @staticmethod
        @gp.cuda.amp.custom_fwd(cast_inputs=gp.float16)
        def forward(ctx, x):
            seen.append(x.dtype)
            return 2 * x

        @staticmethod
        @gp.cuda.amp.custom_bwd
        def backward(ctx, grad):
            seen.append(gp.is_autocast_enabled("cuda"))
            return 2 * grad

    with computing_on("emulated"):
        x = gp.ones(2, device="cuda", requires_grad=True)
        with gp.cuda.amp.autocast():
            y = Double.apply(x)
        y.sum().backward()
        assert seen == [gp.float16, False] and x.grad.tolist() == [2.0, 2.0]


def test_without_a_gpu():
    if not gp.cuda.amp.amp_definitely_not_available():
        pytest.skip("there is a GPU")
    with pytest.warns(UserWarning, match="CUDA is not available"):
        assert not gp.cuda.amp.GradScaler().is_enabled()
