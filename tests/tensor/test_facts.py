"""What tensors say of their memory, their kind and their shapes."""

import pytest

import gpunn as gp


def test_where_it_is(device):
    x = gp.zeros(2, device=device)
    assert x.is_cpu is not x.is_cuda
    assert x.get_device() == gp.get_device(x) == (-1 if x.is_cpu else 0)
    assert x.layout is gp.strided
    assert not x.is_sparse
    assert not x.is_pinned()
    if x.is_cpu:
        assert x.pin_memory() is x
    else:
        with pytest.raises(RuntimeError, match="only dense CPU tensors"):
            x.pin_memory()


def test_storage_offset(device):
    x = gp.arange(12, device=device).view(3, 4)
    offsets = [v.storage_offset() for v in (x, x[1], x[1:, 2:], x.t()[3], x.view(12)[5:][1:], x[1].clone())]
    assert offsets == [0, 4, 6, 3, 6, 0]
    assert x.unfold(0, 2, 1)[1].storage_offset() == 4


def test_kinds():
    for dtype, signed in ((gp.float32, True), (gp.int8, True), (gp.uint8, False), (gp.bool, False)):
        x = gp.zeros(1, dtype=dtype)
        assert (gp.is_signed(x), gp.is_complex(x)) == (signed, False)
    with gp.inference_mode():
        assert gp.is_inference(gp.zeros(1))
    assert not gp.is_inference(gp.zeros(1))


def test_is_nonzero(device):
    assert gp.is_nonzero(gp.tensor([[2]], device=device))
    assert not gp.tensor(-0.0, device=device).is_nonzero()
    for shape in ((2,), (0,)):
        with pytest.raises(RuntimeError, match="ambiguous"):
            gp.is_nonzero(gp.ones(shape, device=device))


def test_output_nr():
    x = gp.ones(4, requires_grad=True)
    assert [p.output_nr for p in x.split(1)] == [0, 1, 2, 3]
    assert x.output_nr == 0


def test_shapes():
    assert gp.is_same_size(gp.ones(2, 3), gp.zeros(2, 3))
    assert not gp.ones(2).is_same_size(gp.ones(2, 1))
    assert gp.broadcast_shapes((2, 1), 3, (1, 1, 1)) == (1, 2, 3)
    assert isinstance(gp.broadcast_shapes(), gp.Size)
    with pytest.raises(RuntimeError, match="non-singleton"):
        gp.broadcast_shapes((2,), (3,))


def test_result_type():
    integers = gp.tensor([1], dtype=gp.int16)
    assert gp.result_type(integers, 1) is gp.int16
    assert gp.result_type(integers, 2.5) is gp.float32
    assert gp.result_type(integers, gp.tensor(1.0, dtype=gp.float64)) is gp.float64
    with pytest.raises(TypeError, match="str"):
        gp.result_type(integers, "1")
