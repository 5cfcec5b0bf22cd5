import pytest

import gpunn as gp
from gpunn import emulator
from gpunn.compat import old_names
from gpunn.compat.old_names import new
from gpunn.errors import ArgumentError, ArgumentTypeError

LongTensor, FloatTensor = old_names.TOP["LongTensor"], old_names.TOP["FloatTensor"]


@pytest.fixture
def emulated():
    with emulator.enable():
        yield


def test_a_type_of_tensors_makes_tensors_of_its_dtype():
    assert LongTensor([1, 2.5]).tolist() == [1, 2] and LongTensor([1]).dtype is gp.int64
    assert LongTensor(2, 3).shape == (2, 3) and FloatTensor().shape == (0,)
    assert [old_names.TOP[name]([1]).dtype for name in old_names.NAMES] == list(old_names.NAMES.values())


def test_values_are_not_rounded_to_the_default_type_on_the_way():
    assert LongTensor([[2**24 + 1, 2**60 + 1]]).tolist() == [[2**24 + 1, 2**60 + 1]]
    assert old_names.TOP["DoubleTensor"]((0.1,)).tolist() == [0.1]


def test_a_size_is_a_shape_and_no_values():
    assert LongTensor(gp.zeros(2, 3).size()).shape == gp.Tensor(gp.zeros(2, 3).size()).shape == (2, 3)


def test_tensors_are_instances_of_their_type():
    assert isinstance(gp.zeros(2), FloatTensor) and not isinstance(gp.zeros(2), LongTensor)
    assert not isinstance(1.0, FloatTensor) and not isinstance(gp.zeros(2), old_names.ON_GPU["FloatTensor"])


@pytest.mark.usefixtures("emulated")
def test_types_on_the_gpu():
    made = old_names.ON_GPU["HalfTensor"]([1, 2])
    assert made.device.type == "cuda" and made.dtype is gp.float16 and isinstance(made, old_names.ON_GPU["HalfTensor"])
    assert not isinstance(made, old_names.ON_CPU["HalfTensor"])


def test_the_default_type_is_that_of_new_tensors():
    try:
        old_names.set_default_tensor_type("torch.DoubleTensor")
        assert gp.zeros(2).dtype is gp.float64
        old_names.set_default_tensor_type(FloatTensor)
        assert gp.zeros(2).dtype is gp.float32
    finally:
        gp.set_default_dtype(gp.float32)


def test_wrong_default_types_are_refused():
    with pytest.raises(ArgumentError, match="invalid type 'torch"):
        old_names.set_default_tensor_type("torch.Nothing")
    with pytest.raises(ArgumentTypeError, match="expected a type of tensors"):
        old_names.set_default_tensor_type(gp.float32)


def test_threads():
    assert old_names.get_num_threads() >= 1
    old_names.set_num_threads(1)
    for bad in (0, -1, 1.5, True, "2"):
        with pytest.raises(ArgumentError, match="expected a positive number"):
            old_names.set_num_threads(bad)


@pytest.mark.parametrize("given", [LongTensor, "torch.LongTensor", "gpunn.LongTensor"])
def test_tensors_are_converted_to_a_type(given):
    made = gp.tensor([1.5, 2.0]).type(given)
    assert made.dtype is gp.int64 and made.tolist() == [1, 2]


@pytest.mark.usefixtures("emulated")
def test_tensors_are_moved_to_where_a_type_is():
    made = gp.tensor([1.5, 2.0]).type(old_names.ON_GPU["HalfTensor"])
    assert made.device.type == "cuda" and made.dtype is gp.float16 and made.type(FloatTensor).device.type == "cpu"


def test_new_tensors_of_the_kind_of_another():
    x = gp.ones(2, dtype=gp.float64)
    for made, shape in ((new(x), (0,)), (new(x, 2, 3), (2, 3)), (new(x, gp.Size([3])), (3,))):
        assert made.dtype is gp.float64 and made.shape == shape
    assert new(x, [1, 2]).tolist() == [1.0, 2.0]
