import json
import math
from collections import OrderedDict

import ml_dtypes
import numpy as np
import pytest

import gpunn as gp
from gpunn import backend, nn
from gpunn.errors import FileFormatError
from gpunn.io.tree import MAX_DEPTH, Decoder, Encoder
from gpunn.nn import Parameter


def there_and_back(obj):
    """`obj` through JSON text, with the arrays beside it."""
    encoder = Encoder()
    text = json.dumps(encoder.encode(obj))
    return Decoder(encoder.arrays, lambda tensor, saved: tensor.to(saved)).decode(json.loads(text))


PLAIN = [
    *(None, True, False, 0, -7, 1 << 62, -(1 << 63), 1 << 20000, 0.1, -0.0, math.inf, -math.inf, 5e-324),
    *("", "text", "ünï\ud800", b"", b"\x00\xff", gp.float16, gp.bool, gp.device("cpu"), gp.device("cuda:1")),
    *(gp.Size(()), gp.Size((2, 3)), [], (), {}, set(), frozenset({1}), {1, "a", (2, None)}),
    {1: "a", "1": "b", None: [], (1, 2): {True: 0.5}, 2.5: (), gp.float32: 1},
    OrderedDict([("b", 1), ("a", [(1, [2]), {3: {4}}])]),
]


@pytest.mark.parametrize("obj", PLAIN, ids=lambda x: type(x).__name__)
def test_plain_values(obj):
    found = there_and_back(obj)
    assert found == obj and type(found) is type(obj)
    assert not isinstance(obj, float) or math.copysign(1, found) == math.copysign(1, obj)


def test_order_and_inner_types():
    found = there_and_back(OrderedDict([("b", 1), ("a", {2: (gp.Size([1]),)})]))
    assert list(found) == ["b", "a"] and type(found["a"]) is dict and type(found["a"][2][0]) is gp.Size
    assert math.isnan(there_and_back([math.nan])[0])


def test_numpy_arrays_and_scalars():
    arrays = [np.arange(6, dtype=np.int16).reshape(2, 3).T, np.array(2.5), np.zeros((0, 2), ml_dtypes.bfloat16)]
    for array, found in zip(arrays, there_and_back(arrays), strict=True):
        assert type(found) is np.ndarray and found.dtype == array.dtype
        np.testing.assert_array_equal(found, array)
    scalars = [np.float64(0.1), np.float32(3), np.int64(-1), np.bool_(True)]
    for scalar, found in zip(scalars, there_and_back(scalars), strict=True):
        assert type(found) is type(scalar) and found == scalar


@pytest.mark.parametrize("dtype", [getattr(gp, d.name) for d in gp.dtypes.ALL], ids=str)
@pytest.mark.parametrize("shape", [(), (0,), (2, 0, 3), (3,), (2, 3)])
def test_tensors_of_every_dtype(dtype, shape, device):
    x = (gp.arange(int(np.prod(shape)), device=device).reshape(shape) % 2).to(dtype)
    found = there_and_back({"x": [x]})["x"][0]
    assert found.dtype is dtype and found.shape == shape and found.device == x.device
    np.testing.assert_array_equal(backend.asnumpy(found.array), backend.asnumpy(x.array))


def test_views_keep_their_own_elements_only(device):
    x = gp.arange(1000, device=device).reshape(10, 100)
    encoder = Encoder()
    encoder.encode([x.T[::7], x[3], x[:, :1].expand(10, 3)])
    assert [a.shape for a in encoder.arrays.values()] == [(15, 10), (100,), (10, 3)]
    assert all(a.flags.c_contiguous and a.nbytes == a.size * 8 for a in encoder.arrays.values())
    np.testing.assert_array_equal(encoder.arrays["0"], backend.asnumpy(x.array).T[::7])


def test_one_tensor_stays_one():
    shared, equal = gp.ones(2), gp.ones(2)
    found = there_and_back({"a": shared, "b": [shared], "c": equal})
    assert found["a"] is found["b"][0] and found["c"] is not found["a"]


def test_parameters_and_flags():
    frozen, plain = Parameter(gp.ones(2), requires_grad=False), gp.ones(2, requires_grad=True)
    learned, a, b, c = there_and_back([Parameter(gp.ones(2)), frozen, plain, gp.ones(2)])
    assert [type(x) for x in (learned, a, b, c)] == [Parameter, Parameter, gp.Tensor, gp.Tensor]
    assert [x.requires_grad for x in (learned, a, b, c)] == [True, False, True, False]


def test_state_dicts_keep_the_versions_of_their_layers():
    state = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2)).state_dict()
    found = there_and_back(state)
    assert found._metadata == state._metadata and found._metadata["1"]["version"] == 2
    assert type(found) is OrderedDict and list(found) == list(state)
    assert not hasattr(there_and_back(OrderedDict(a=1)), "_metadata")


def test_names():
    encoder = Encoder()
    encoder.encode({"a": {"b": gp.ones(1)}, "a.b": gp.ones(1), "__metadata__": gp.ones(1), "\ud800": np.ones(1)})
    assert list(encoder.arrays) == ["a.b", "a.b#2", "__metadata__#2", "?"]
    encoder = Encoder()
    encoder.encode(gp.ones(1))
    assert list(encoder.arrays) == ["value"]


class Own:
    pass


@pytest.mark.parametrize(
    "obj",
    [Own(), Own, len, 1j, range(3), bytearray(b"a"), np.array(["a"]), np.array([None]), np.uint16(1), np.array([1j])],
    ids=lambda x: type(x).__name__,
)
def test_other_objects_are_refused_by_their_path(obj):
    with pytest.raises(TypeError, match=r"cannot store an? .* at model\.0\.inner"):
        Encoder().encode({"model": [{"inner": obj}]})
    with pytest.raises(TypeError, match="at the top"):
        Encoder().encode(obj)


def test_depth():
    def nested(levels):
        return [] if levels == 0 else [nested(levels - 1)]

    assert there_and_back(nested(MAX_DEPTH)) == nested(MAX_DEPTH)
    with pytest.raises(ValueError, match="nested deeper"):
        Encoder().encode(nested(MAX_DEPTH + 1))
    circle = {}
    circle["me"] = circle
    with pytest.raises(ValueError, match=r"nested deeper than 100 levels, at me\.me"):
        Encoder().encode(circle)


@pytest.mark.parametrize("code", [[], [1], {"unknown": 1}, {}])
def test_code_that_is_not_known(code):
    with pytest.raises(FileFormatError):
        Decoder({}, lambda tensor, saved: tensor).decode(code)
