"""The kernels of filters of one element on tensor cores: no faults, the same bits in any order, the digits they owe."""

import numpy as np
import pytest

from gpunn import backend, emulator
from gpunn.kernels.source import kernel_file
from gpunn.ops.conv import pointwise, tiles
from gpunn.ops.conv.geometry import is_pointwise
from tests.kernels.orders import MANY, check_kernels
from tests.kernels.test_conv import EPS, arrays, on_device
from tests.kernels.test_conv_tensor import BUILDS, check_digits

SETTINGS = (1, 0, 1, 1)
SHAPES = [  # x and weight
    ((2, 40, 4, 4), (20, 40, 1, 1)),  # planes of whole chunks, more products than one stage has
    ((3, 70, 8, 9), (136, 70, 1, 1)),  # several tiles and stages along all sides
    ((2, 5, 3, 7), (7, 5, 1, 1)),  # planes that are turned, channels that are padded
    ((3, 130, 16), (3, 130, 1)),
    ((1, 9, 2, 3, 4), (10, 9, 1, 1, 1)),
    ((0, 4, 2, 4), (4, 4, 1, 1)),
    ((0, 4, 3, 3), (4, 4, 1, 1)),
]


def all_products(host, geo, last, tile):
    """y, dx with an offset, dw."""
    x, w, bias, dy = [on_device(a, last) for a in host]
    offset = on_device(np.arange(host[0].shape[1]).astype(host[0].dtype), False)
    return (
        pointwise.output(x, w, bias, geo, tile=tile),
        pointwise.input_gradient(dy, w, offset, geo, tile),
        pointwise.weight_gradient(dy, x, geo, last, tile.BM if tile.BM == tile.BN else None),
    )


@pytest.mark.parametrize("last", [False, True])
@pytest.mark.parametrize("shapes", SHAPES, ids=str)
@pytest.mark.parametrize(("dtype", "tile"), BUILDS)
def test_digits(shapes, dtype, tile, last):
    host, geo = arrays(*shapes, SETTINGS, dtype)
    assert is_pointwise(geo)
    with emulator.enable():
        check_digits(host, geo, all_products(host, geo, last, tiles.choices()[tile]), dtype)


@pytest.mark.parametrize("last", [False, True])
@pytest.mark.parametrize("shapes", SHAPES[:3], ids=str)
@pytest.mark.parametrize(("dtype", "tile"), [BUILDS[0], BUILDS[2]])
def test_faults_and_orders(shapes, dtype, tile, last):
    host, geo = arrays(*shapes, SETTINGS, dtype)
    check_kernels(lambda: all_products(host, geo, last, tiles.choices()[tile]), orders=2)


@pytest.mark.parametrize("last", [False, True])
@pytest.mark.parametrize(("dtype", "tile"), BUILDS[:3])
@pytest.mark.parametrize("plane", [(4, 4), (3, 5)])
def test_epilogue(plane, dtype, tile, last):
    host, geo = arrays((2, 8, *plane), (11, 8, 1, 1), SETTINGS, dtype)
    residual = arrays((2, 11, *plane), (1, 11, 1, 1), SETTINGS, dtype, seed=1)[0][0]
    with emulator.enable():
        x, w, bias, more = [on_device(a, last) for a in (*host[:3], residual)]
        choice = tiles.choices()[tile]
        y = pointwise.output(x, w, bias, geo, relu=True, residual=more, tile=choice)
        plain = pointwise.output(x, w, None, geo, tile=choice).get().astype(np.float64)
        expected = np.maximum(plain + host[2].astype(np.float64)[:, None, None] + residual.astype(np.float64), 0)
        np.testing.assert_allclose(y.get().astype(np.float64), expected, rtol=3 * EPS[dtype], atol=20 * EPS[dtype])
        assert (y.get() == 0).any()


def test_relu_keeps_nan():
    host, geo = arrays((1, 4, 4, 2), (2, 4, 1, 1), SETTINGS, "float32")
    host[0][0, 0, 1, 1] = np.nan
    for last in (False, True):
        with emulator.enable():
            y = pointwise.output(*[on_device(a, last) for a in host[:2]], None, geo, relu=True).get()
        assert np.isnan(y[0, :, 1, 1]).all() and np.isnan(y).sum() == 2


@pytest.mark.parametrize(("dtype", "tile"), BUILDS[:3])
@pytest.mark.parametrize("k", [7, 140])
def test_statistics(dtype, tile, k):
    """The sums of deviations and squares of each tile's rows, of the values as they were stored."""
    host, geo = arrays((3, 8, 8, 9), (k, 8, 1, 1), SETTINGS, dtype)
    shift = np.linspace(-1, 1, k).astype(np.float32)
    choice = tiles.choices()[tile]

    def run():
        x, w, bias = [on_device(a, k == 7) for a in host[:3]]
        return pointwise.with_statistics(x, w, bias, on_device(shift, False), geo, choice)

    check_kernels(run, orders=1)
    with emulator.enable():
        y, statistics = [a.get().astype(np.float64) for a in run()]
        x, w, bias = [on_device(a, True) for a in host[:3]]
        assert np.array_equal(y, pointwise.output(x, w, bias, geo, tile=choice).get())
    rows = y.transpose(0, 2, 3, 1).reshape(-1, k) - shift
    for i, start in enumerate(range(0, len(rows), choice.BM)):
        part = rows[start : start + choice.BM]
        np.testing.assert_allclose(statistics[i, 0], part.sum(0), rtol=1e-5, atol=1e-4)
        np.testing.assert_allclose(statistics[i, 1], (part**2).sum(0), rtol=1e-5, atol=1e-4)
    assert len(statistics) == i + 1


def test_planes_that_are_not_aligned_are_turned():
    """A slice of memory, whose first plane does not begin at a whole chunk, gives what its copy gives."""
    host, geo = arrays((2, 6, 4, 4), (5, 6, 1, 1), SETTINGS, "float32")
    with emulator.enable():
        memory = backend.cuda_module().empty(1 + host[0].size, "float32")
        x = memory[1:].reshape(host[0].shape)
        x[...] = on_device(host[0], False)
        w, bias, dy = [on_device(a, False) for a in host[1:]]
        found = (
            pointwise.output(x, w, bias, geo),
            pointwise.input_gradient(dy, w, None, geo),
            pointwise.weight_gradient(dy, x, geo, False),
        )
        assert found[0].flags.c_contiguous
        wanted = (
            pointwise.output(x.copy(), w, bias, geo),
            found[1],
            pointwise.weight_gradient(dy, x.copy(), geo, False),
        )
        for mine, other in zip(found, wanted, strict=True):
            np.testing.assert_allclose(mine.get(), other.get(), rtol=1e-5, atol=1e-5)


def test_long_sums_are_cut_into_slices_and_keep_their_digits():
    for last in (False, True):
        host, geo = arrays((3, 20, 1300), (17, 20, 1), SETTINGS, "float16")
        with emulator.enable():
            x, dy = on_device(host[0], last), on_device(host[3], last)
            dw = pointwise.weight_gradient(dy, x, geo, last).get().astype(np.float64)
        a, b = host[3].astype(np.float64), host[0].astype(np.float64)
        exact, absolute = np.einsum("nkl,ncl->kc", a, b), np.einsum("nkl,ncl->kc", abs(a), abs(b))
        assert (abs(dw[..., 0] - exact) <= 16 * 2.0**-24 * absolute + 1.001 * EPS["float16"] * abs(exact)).all()


def test_more_positions_than_a_kernel_counts_stay_in_their_images(monkeypatch):
    monkeypatch.setattr(pointwise, "LARGEST", 10)
    host, geo = arrays(*SHAPES[1], SETTINGS, "bfloat16")
    check_kernels(lambda: all_products(host, geo, True, tiles.choices()[0]), orders=1)
    with emulator.enable():
        check_digits(host, geo, all_products(host, geo, True, tiles.choices()[0]), "bfloat16")


def test_the_tiles_are_those_of_the_model():
    """Forward as conv/tensor, so that one model and one tuner serve both; the weight's are among them."""
    choices = {stem: kernel_file(stem).choices for stem in (tiles.FILE, tiles.POINTWISE, pointwise.WEIGHT_FILE)}
    (general, *_), (mine, *_), (weight, *_) = [
        [words for names, words in lines if "BM" in names] for lines in choices.values()
    ]
    assert mine == general and set(weight) <= set(general)
    assert [tuple(map(str, words)) for words in pointwise.SIDES.values()] == list(weight)


@pytest.mark.parametrize(
    ("plane", "last", "blocks"),
    [
        ((4, 8), False, 3 * 2 * 1),  # images, tiles of channels, tiles of positions of each
        ((4, 8), True, 2 * 3),  # tiles of positions of all images, tiles of channels
        ((3, 7), False, 1 * 3),  # the same, since its planes are turned
    ],
)
def test_the_model_counts_the_blocks_that_are_launched(plane, last, blocks, monkeypatch):
    launched, launch = {}, pointwise.kernels.launch

    def note(file, kernel, threads, *rest):
        launched[kernel] = threads
        launch(file, kernel, threads, *rest)

    monkeypatch.setattr(pointwise.kernels, "launch", note)
    tile = tiles.choices()[1] if not last and plane == (4, 8) else tiles.choices()[0]  # 128 by 64, or 64 by 64
    host, geo = arrays((3, 8, *plane), (136, 8, 1, 1), SETTINGS, "float16")
    with emulator.enable():
        pointwise.output(*[on_device(a, last) for a in host[:3]], geo, tile=tile)
    assert launched["pointwise_tensor"] == blocks * tile.BLOCK


@pytest.mark.sweep
@pytest.mark.parametrize("last", [False, True])
@pytest.mark.parametrize("shapes", SHAPES, ids=str)
@pytest.mark.parametrize("tile", range(4))
@pytest.mark.parametrize("dtype", ["bfloat16", "float16", "float32"])
def test_every_case(dtype, tile, shapes, last):
    host, geo = arrays(*shapes, SETTINGS, dtype)
    check_kernels(lambda: all_products(host, geo, last, tiles.choices()[tile]), orders=3)
    with emulator.enable():
        check_digits(host, geo, all_products(host, geo, last, tiles.choices()[tile]), dtype)


@pytest.mark.sweep
@pytest.mark.parametrize("last", [False, True])
@pytest.mark.parametrize("dtype", ["bfloat16", "float32"])
def test_many_orders(dtype, last):
    host, geo = arrays((1, 5, 2, 8), (5, 5, 1, 1), SETTINGS, dtype)
    check_kernels(lambda: all_products(host, geo, last, tiles.choices()[0]), orders=MANY)
