"""What judges the mutants of each kernel file: small computations, the likeliest to notice first."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import gpunn as gp
from gpunn.errors import IndexRangeError
from gpunn.kernels import source
from gpunn.ops.activation.bias import bias_activation
from gpunn.ops.conv import full_precision, tiles
from gpunn.ops.loss import totals
from gpunn.ops.norm import launches
from gpunn.optim import one_launch
from tests.emulator.launching import Kernels
from tests.kernels import test_activation as activation
from tests.kernels import test_attention as attention
from tests.kernels import test_conv as conv
from tests.kernels import test_conv_pointwise as conv_pointwise
from tests.kernels import test_conv_small_weight as conv_small
from tests.kernels import test_conv_tensor as conv_tensor
from tests.kernels import test_conv_unfold as unfold
from tests.kernels import test_ctc as ctc
from tests.kernels import test_dropout as dropout
from tests.kernels import test_embedding as embedding
from tests.kernels import test_image as image
from tests.kernels import test_indexing as indexing
from tests.kernels import test_norm as norm
from tests.kernels import test_optimizer as optimizer
from tests.kernels import test_pointwise_loss as pointwise_loss
from tests.kernels import test_pool as pool
from tests.kernels import test_recurrent as recurrent
from tests.kernels import test_reduce as reduce
from tests.kernels import test_resize as resize
from tests.kernels import test_softmax as softmax
from tests.kernels import test_value_range as value_range

F = gp.nn.functional
Run = Callable[[], Any]


def _pointwise(*ops: Callable[..., Any]) -> list[Run]:
    """Forward and backward of elementwise operations: whole vectors, a rest, and slices that are not aligned."""
    shapes = [((300,), gp.float32, 0), ((37,), gp.float16, 1)]
    plain = [lambda op=op, s=s: activation.both_ways(op, activation.numbers(*s)) for op in ops for s in shapes]
    return _kinked(*ops) + plain


def _kinked(*ops: Callable[..., Any]) -> list[Run]:
    """Forward and backward of elementwise operations in float32."""
    return [lambda op=op: activation.both_ways(op, _kinks()) for op in ops]


def _kinks() -> gp.Tensor:
    """The places where piecewise functions change, numbers between them, and what is no number."""
    values = [
        *np.arange(-8.0, 8.5, 0.5),
        -0.0,
        0.1,
        -1e-3,
        1e-3,
        20,
        20.5,
        -20.5,
        90,
        -64,
        -66,
        np.inf,
        -np.inf,
        np.nan,
    ]
    return gp.tensor(np.array(values, np.float32), device="cuda").requires_grad_()


def _bias_relu() -> Any:
    """An activation behind the sum with a bias."""
    bias = gp.zeros(1, device="cuda")
    return activation.both_ways(
        lambda x: bias_activation(x, bias, "relu"), _kinks().detach().reshape(-1, 1).requires_grad_()
    )


def _not_a_number() -> Any:
    """The greatest of numbers and NaN."""
    return F.max_pool1d(gp.tensor(np.array([[[1, np.nan, 2, 3]]], np.float32), device="cuda"), 2)


def _norm(*names: str) -> list[Run]:
    """The runs of tests/kernels/test_norm.py with these names, half of them with short rows as if they were long."""

    def run(row: tuple[Any, ...]) -> Any:
        name, op, shape, dtype, last, limit = row
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(launches, "LONG", launches.LONG if limit is None else limit)
            return norm.run(name, op, shape, dtype, last)

    return [lambda row=row: run(row) for row in norm.RUNS if row[0] in names]


HOLES = ((1, 2, 7, 6), (3, 2, 1, 2), ((3, 2), 1, (1, 2), 1))  # positions of the input that nothing sees
WIDE = ((1, 9, 5, 5), (70, 9, 3, 3), (1, 1, 1, 1))  # more filters, and elements of one, than a tile takes


def _conv(name: str, *numbers: int) -> list[Run]:
    """All three products of some random convolutions, by the kernels `name`."""

    def run(shapes: Any, last: bool) -> Any:
        host, geo = conv.arrays(*shapes, "float32")
        with pytest.MonkeyPatch.context() as patch:
            for constant, value in conv.KERNELS[name].items():
                patch.setattr(full_precision, constant, value)
            return conv.all_products(host, geo, last)

    cases = conv.DEPTHWISE if name == "depthwise" else [{-1: WIDE, -2: HOLES}.get(i) or conv.CASES[i] for i in numbers]
    if name == "tiles":
        cases += conv.ONE_ELEMENT
    return [lambda s=s, last=last: run(s, last) for s in cases for last in (False, True)]


def _tensor_cores(dtype: str, tile: int) -> list[Run]:
    def run(shapes: Any) -> Any:
        host, geo = conv.arrays(*shapes, dtype)
        return conv_tensor.all_products(host, geo, True, tiles.choices()[tile])

    return [lambda s=s: run(s) for s in conv_tensor.SHAPES]


def _small_weight() -> list[Run]:
    """The weight's gradient with few channels, by three plans each."""

    def run(shapes: Any, last: bool) -> Any:
        host, geo = conv.arrays(*shapes, "float32")
        return [conv_small.gradient(host, geo, last, plan) for plan in conv_small.plans(geo, host)]

    return [lambda s=s, last=last: run(s, last) for s in conv_small.SHAPES for last in (False, True)]


def _one_element(dtype: str, tile: int) -> list[Run]:
    """All three products of convolutions with a filter of one element, by tensor cores."""

    def run(shapes: Any, last: bool) -> Any:
        host, geo = conv.arrays(*shapes, conv_pointwise.SETTINGS, dtype)
        return conv_pointwise.all_products(host, geo, last, tiles.choices()[tile])

    return [lambda s=s, last=last: run(s, last) for s in conv_pointwise.SHAPES for last in (False, True)]


def _epilogues() -> list[Run]:
    """Bias, residual and ReLU after a product of matrices; and nothing of that."""

    def run(last: bool, is_plain: bool) -> Any:
        host, geo = conv.arrays((2, 8, 4, 6), (11, 8, 1, 1), conv_pointwise.SETTINGS, "bfloat16")
        x, w, bias = [conv.on_device(a, last) for a in host[:3]]
        if is_plain:
            return conv_pointwise.pointwise.output(x, w, None, geo, tile=tiles.choices()[0])
        more = conv.on_device(host[3][::-1].copy(), last)
        return conv_pointwise.pointwise.output(x, w, bias, geo, relu=True, residual=more, tile=tiles.choices()[0])

    return [lambda last=last, plain=plain: run(last, plain) for last in (False, True) for plain in (False, True)]


def _packed() -> list[Run]:
    """Arrays that are turned, in more squares than there are blocks, and ones that are padded."""

    def run(last: bool, c: int) -> Any:
        x = np.random.default_rng(0).standard_normal((3, c, 7, 9)).astype(gp.bfloat16.numpy)
        return conv_tensor.tensor_cores.packed(conv.on_device(x, last))

    return [lambda last=last, c=c: run(last, c) for last in (False, True) for c in (45, 5)]


def _statistics(family: Any, side: int) -> list[Run]:
    """The sums of channels that a convolution by tensor cores makes beside its result, of several tiles."""

    def run(k: int) -> Any:
        host, geo = conv.arrays((3, 8, 7, 7), (k, 8, side, side), (1, side // 2, 1, 1), "bfloat16")
        x, w, bias = [conv.on_device(a, True) for a in host[:3]]
        shift = conv.on_device(np.linspace(-1, 1, k).astype(np.float32), False)
        return family.with_statistics(x, w, bias, shift, geo, tiles.choices()[0])

    return [lambda k=k: run(k) for k in (7, 200)]


def _drawn(draw: Run) -> Run:
    def run() -> Any:
        gp.manual_seed(1)
        gp.rand(7)  # the draw begins at block 2
        return draw()

    return run


def _draws(draw: Callable[..., Any], *dtypes: Any) -> list[Run]:
    """More numbers than a few blocks take at once, and a rest."""
    return [_drawn(lambda dtype=dtype: draw(2**12 + 37, dtype=dtype, device="cuda")) for dtype in dtypes]


def _limits() -> Any:
    return optimizer.limits((gp.float32,))


def _softmax() -> list[Run]:
    lines = [lambda s=s, d=d: softmax.softmax(F.log_softmax, s, d) for s, d in softmax.LINES]
    return [*lines, *[lambda s=s, d=d: softmax.softmax(F.softmax, s, d, gp.bfloat16) for s, d in softmax.LINES]]


def _cross_entropy() -> list[Run]:
    plain = [lambda s=s: softmax.cross_entropy(F.cross_entropy, s) for s, _ in softmax.LINES]
    smooth = [lambda s=s: softmax.cross_entropy(F.cross_entropy, s, label_smoothing=0.1) for s, _ in softmax.LINES]
    return [*plain, *smooth, *[lambda s=s: softmax.cross_entropy(F.nll_loss, s) for s, _ in softmax.LINES]]


def _totals() -> list[Run]:
    """Sums of rows with weights: by one block, and by several as if there were many rows."""

    def run(direct: int) -> Any:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(totals, "DIRECT", direct)
            patch.setattr(totals, "EACH", 1)
            return softmax.cross_entropy(F.nll_loss, (400, 3))

    return [lambda: run(1000), lambda: run(0), lambda: softmax.cross_entropy(F.nll_loss, (1, 3))]


def _soft_targets() -> list[Run]:
    return [lambda s=s, w=w: softmax.soft_targets(s, w) for s, _ in softmax.LINES for w in (True, False)]


def _pool(*words: str, but: tuple[str, ...] = ()) -> list[Run]:
    names = [
        name for name in pool.RUNS if any(word in name for word in words) and not any(word in name for word in but)
    ]
    return [pool.RUNS[name] for name in names]


def _indexing(*names: str) -> list[Run]:
    return [run for name, run in indexing.RUNS.items() if not names or name in names]


def _out_of_bounds() -> Any:
    """What the device notes of indices that are too small or too large, and what the kernels write then."""
    found: list[Any] = []
    for values in ([0, 1, 4, 2**40 + 5, 9], [3, -1, 2], [0, -(2**50), 7]):
        table = gp.tensor(np.arange(12.0).reshape(4, 3), dtype=gp.float32, device="cuda", requires_grad=True)
        F.embedding(gp.tensor([1, 2], device="cuda"), table)  # takes the first slot
        y = F.embedding(gp.tensor(values, device="cuda"), table)
        y.backward(gp.ones_like(y))
        text = ""
        try:
            gp.cuda.synchronize()
        except IndexRangeError as error:
            text = str(error)
        found += [y, table.grad, np.frombuffer(text.encode(), np.uint8)]
    return tuple(found)


def _steps(*kinds: str, **options: Any) -> list[Run]:
    one = {"dtypes": (gp.float32,), "lr": 0.1, **options}
    return [optimizer.stepped(getattr(gp.optim, kind), **one) for kind in kinds]


def _replayed(kind: str, **options: Any) -> Run:
    """Steps whose records come from the step before, as in a captured graph; the host sends the first ones only."""
    sent: set[int] = set()

    def send(self: Any, *args: Any) -> None:
        if id(self) not in sent:
            sent.add(id(self))
            first(self, *args)

    first = one_launch.OneLaunch._send_records

    def run() -> Any:
        sent.clear()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(one_launch.OneLaunch, "_send_records", send)
            return _steps(kind, steps=3, **options)[0]()

    return run


def _attention(dtype: str, *numbers: int) -> list[Run]:
    def run(row: tuple[Any, ...]) -> Any:
        shape, keys, heads, options = row
        return attention.results(shape, keys, heads, dtype, **options)

    return [lambda row=attention.RUNS[i]: run(row) for i in numbers]


def _recurrent() -> list[Run]:
    return [lambda row=row: recurrent.results(*row) for row in recurrent.RUNS if row[-1] == "float32"]


def _layers() -> list[Run]:
    layers = [("gru", (2, 2), 32, False, 8, "float32"), ("lstm", (9, 9, 4), 8, True, 4, "float32"), *recurrent.LAYERS]
    layers.append(("tanh", (40, 3), 5, False, 4, "float32"))
    return [lambda row=row: recurrent.layer(*row) for row in layers if row[-1] == "float32"]


def _images(*names: str) -> list[Run]:
    return [image.RUNS[name] for name in names]


def _border() -> Any:
    """Places on the border itself, and beyond."""
    x = gp.tensor(np.arange(6, dtype=np.float32).reshape(1, 1, 2, 3) ** 2, device="cuda")
    grid = gp.tensor(np.array([-1, -1, 1, 1, 0.1, -1, 1.5, 0], np.float32).reshape(1, 1, 4, 2), device="cuda")
    y = F.grid_sample(x, grid.requires_grad_(), "bilinear", "border", True)
    y.backward(gp.ones_like(y))
    return y.detach(), grid.grad


def _normalised() -> Any:
    x = gp.tensor(np.random.default_rng(0).integers(0, 256, (2, 3, 13, 11)).astype(np.uint8), device="cuda")
    return gp.vision.transforms.functional.normalize(x, [0.5, 0.4, 0.3], [0.25, 0.5, 1.0])


def _resize(*words: str) -> list[Run]:
    return [run for name, run in resize.RUNS.items() if name.startswith(words)]


def _reductions() -> Any:
    """All of reduce.cuh over some threads, several warps and what is no number."""
    launch = Kernels(reduce.TEXT, options=[f"-I{source.KERNEL_DIR}"])
    rng, block, lengths = np.random.default_rng(3), 96, np.array([1, 33, 700, 1025, 300], np.int32)
    x, whole = reduce.numbers("float"), rng.integers(-9, 9, block).astype(np.int32)
    found: list[Any] = []
    for values in (x, np.where(np.arange(len(x)) % 290 == 289, np.float32(np.nan), x), np.where(x == 4, np.inf, x)):
        out = np.zeros((len(lengths), 8)), np.zeros(1, np.int32)
        found += launch("reduce_float", *out, values, lengths, threads=block, blocks=len(lengths))[:2]
    found.append(launch("scans", np.zeros((3, block, 3), np.int64), whole, np.int32(3), threads=block)[0])
    pairs = rng.integers(-2, 3, (block, 2)).astype(np.int32)
    found.append(launch("compositions", np.zeros((block, 4), np.int32), pairs, threads=block)[0])
    return tuple(found)


READ = ("rows", "pairs", "vectors", "misaligned", "apart", "gather", "take")

# For each kernel file what judges its mutants.
RUNS: dict[str, list[Run]] = {
    "activation/bias.cu": [activation.channels],
    "activation/channels.cu": [activation.channels],
    "activation/channels.cuh": [activation.channels],
    "activation/exponential.cu": _pointwise(lambda x: F.elu(x, 0.5), lambda x: F.softplus(x, 1.0, 2.0), F.logsigmoid)
    + _pointwise(F.softsign, F.tanhshrink),
    "activation/formulas.cuh": [*_kinked(F.silu, F.gelu, F.mish, lambda x: F.gelu(x, "tanh"), F.sigmoid), _bias_relu],
    "activation/gated.cu": _pointwise(F.silu, F.mish, F.gelu, lambda x: F.gelu(x, "tanh")),
    "activation/glu.cu": [activation.channels],
    "activation/noisy.cu": [activation.noise],
    "activation/piecewise.cu": _pointwise(
        F.relu, F.hardswish, lambda x: F.leaky_relu(x, -0.5), F.relu6, F.hardsigmoid, F.hardshrink
    )
    + _pointwise(F.softshrink, lambda x: F.threshold(x, 0.1, 2.0)),
    "activation/prelu.cu": [activation.channels],
    "activation/sigmoid.cu": _kinked(F.sigmoid, F.tanh),
    "attention/backward.cu": _attention("float32", 1, 2, 3, 4),
    "attention/delta.cu": _attention("float32", 3, 2),
    "attention/forward.cu": _attention("float32", 1, 2, 3, 4),
    "attention/rule.cuh": _attention("float32", 1, 2, 3, 4),
    "attention/tensor_backward.cu": _attention("bfloat16", 5, 2, 3, 1),
    "attention/tensor_forward.cu": _attention("bfloat16", 5, 2, 3),
    "attention/tensor_tiles.cuh": _attention("bfloat16", 5, 1, 4) + _attention("tf32", 5),
    "attention/tiles.cuh": _attention("float32", 1, 2, 3, 4),
    "bounds.cuh": [_out_of_bounds],
    "bytes.cuh": [*_images("bilinear", "contrast"), *_resize("bilinear")],
    "common.cuh": [*_pointwise(F.relu, F.silu), _not_a_number],
    "conv/correlate.cu": _conv("tiles", 0, 2, 5) + _conv("high tiles", 9, 12),
    "conv/depthwise.cu": _conv("depthwise"),
    "conv/fold.cu": list(unfold.RUNS.values()),
    "conv/matrix.cuh": _one_element("bfloat16", 0) + _one_element("float32", 1),
    "conv/pack.cu": [*_packed(), *_tensor_cores("bfloat16", 0)],
    "conv/pointwise.cu": [
        *_one_element("bfloat16", 0),
        *_epilogues(),
        *_statistics(conv_pointwise.pointwise, 1),
        *_one_element("float32", 1),
    ],
    "conv/pointwise_weight.cu": _one_element("bfloat16", 0) + _one_element("float32", 3),
    "conv/products.cuh": _conv("tiles", 0, 2, 5, -1),
    "conv/small.cu": _conv("small", 0, 2, 5, 9),
    "conv/small_weight.cu": _small_weight(),
    "conv/tensor.cu": [
        *_tensor_cores("bfloat16", 0),
        *_statistics(conv_tensor.tensor_cores, 3),
        *_tensor_cores("float32", 1),
    ],
    "conv/tensor_core.cuh": [
        *_tensor_cores("bfloat16", 0),
        *_tensor_cores("float32", 1),
        *_statistics(conv_tensor.tensor_cores, 3),
        *_epilogues(),
    ],
    "conv/tensor_weight.cu": _tensor_cores("bfloat16", 0) + _tensor_cores("float32", 1),
    "conv/unfold.cu": list(unfold.RUNS.values()),
    "conv/weight.cu": _conv("tiles", 0, 2, 5, -1) + _conv("high tiles", 9, 12),
    "conv/windows.cuh": _conv("small", 0, 2, 5, 9, -2) + _conv("tiles", 0, -1) + _conv("depthwise"),
    "dropout.cu": [lambda: dropout.dropout((gp.float32,))],
    "embedding.cu": list(embedding.RUNS.values()),
    "image/colour.cu": _images("contrast", "saturation", "hue", "normalize"),
    "image/exact.cuh": _images("contrast", "hue", "saturation", "blur"),
    "image/filter.cu": [*_images("blur"), _normalised],
    "image/geometry.cu": _images("crop", "bilinear", "erase", "nearest"),
    "indexing/choose.cu": _indexing("masked_fill", "masked_fill, a tensor", "triangles", "one_hot"),
    "indexing/keys.cu": _indexing(*READ, "assign", "sum"),
    "indexing/order.cu": _indexing("order of few", "order of many"),
    "indexing/places.cuh": [_out_of_bounds, *_indexing(*READ, "assign")],
    "indexing/read.cu": [*_indexing(*READ), _out_of_bounds],
    "indexing/reduce.cu": _indexing("rows", "a long segment first", "long segments", "sum", "prod", "mean", "amin"),
    "indexing/segments.cuh": _indexing("a long segment first", "long segments", "sum", "prod", "amin", "amax"),
    "indexing/write.cu": _indexing("planes", "assign", "vectors", "apart", "gather of a vector"),
    "lines.cuh": _softmax(),
    "loss/cross_entropy.cu": _cross_entropy(),
    "loss/ctc.cu": [ctc.run],
    "loss/pointwise.cu": pointwise_loss.mutation_runs(),
    "loss/soft_targets.cu": _soft_targets(),
    "loss/total.cu": _totals(),
    "norm/apply.cu": _norm("batch", "eval", "relu", "group", "instance"),
    "norm/merge.cu": _norm("batch", "relu", "group", "instance", "layer", "eval, many"),
    "norm/moments.cu": _norm("batch, misaligned", "batch", "group", "instance", "layer"),
    "norm/parts.cuh": _norm("layer", "unit", "relu"),
    "norm/response.cu": _norm("response"),
    "norm/rows.cu": _norm("layer", "rms", "group", "instance", "unit"),
    "norm/sums.cu": _norm("batch, misaligned", "batch", "relu", "group", "instance", "layer", "rms"),
    "optimizer/adam.cu": _steps("Adam", "NAdam", "Adamax", weight_decay=0.1)
    + _steps("RAdam", steps=7)
    + [_replayed("NAdam")],
    "optimizer/adaptive.cu": [
        *_steps("Adagrad", lr_decay=0.1),
        *_steps("Adadelta", weight_decay=0.1),
        *_steps("RMSprop", centered=True, momentum=0.5),
    ],
    "optimizer/descent.cu": _steps("SGD", momentum=0.9, nesterov=True)
    + _steps("SGD", momentum=0.9, dampening=0.3)
    + _steps("ASGD", t0=1, lambd=0.1)
    + [_replayed("ASGD", t0=1, lambd=0.1)]
    + _steps("Rprop"),
    "optimizer/gradients.cu": [_limits],
    "optimizer/pieces.cuh": [*_steps("SGD", momentum=0.9, nesterov=True), _limits],
    "optimizer/step.cuh": _steps("SGD", momentum=0.9, nesterov=True),
    "pool/average.cu": _pool("av"),
    "pool/maximum.cu": _pool("max", "gather, many", "indices", but=("300", "halves")),
    "pool/median.cu": _pool("median"),
    "pool/power.cu": _pool("lp", "power"),
    "pool/sums.cuh": _pool("av", "power"),
    "pool/unpool.cu": _pool("unpool"),
    "pool/windows.cuh": _pool("median", "average", "power", "adaptive", "max", but=("300", "halves", "indices")),
    "random.cuh": [*_draws(gp.rand, gp.float32, gp.float64), *_draws(gp.randn, gp.float32, gp.float64)],
    "random/bernoulli.cu": [_drawn(lambda n=n: gp.empty(n, device="cuda").bernoulli_(0.3)) for n in (5001, 5000)],
    "random/chances.cu": [_drawn(lambda n=n: gp.bernoulli(gp.linspace(0, 1, n, device="cuda"))) for n in (5001, 5000)],
    "random/integers.cu": [
        _drawn(lambda: gp.randint(-3, 9, (1101,), device="cuda")),
        _drawn(lambda: gp.randint(-3, 9, (1100,), device="cuda")),
        _drawn(lambda: gp.randint(-(2**63), 2**63 - 1, (37,), device="cuda")),
    ],
    "random/keys.cu": [_drawn(lambda n=n: gp.randperm(n, device="cuda")) for n in (5001, 5000, 7)],
    "random/real.cu": _draws(gp.rand, gp.float32, gp.float64, gp.float16) + _draws(gp.randn, gp.float32),
    "recurrent/cells.cuh": _recurrent(),
    "recurrent/persistent.cu": _layers(),
    "recurrent/persistent_back.cu": _layers(),
    "recurrent/resident.cuh": _layers(),
    "recurrent/steps.cu": _recurrent(),
    "reduce.cuh": [_reductions],
    "resize/axes.cuh": _resize("pad", "reflect", "replicate", "circular"),
    "resize/grid.cuh": [_border, *_resize("grid")],
    "resize/pad.cu": _resize("pad", "reflect", "replicate", "circular"),
    "resize/unpad.cu": _resize("pad", "reflect", "replicate", "circular"),
    "resize/resample.cu": _resize("nearest", "bilinear", "bicubic", "trilinear"),
    "resize/sample.cu": _resize("grid"),
    "softmax.cu": _softmax(),
    "value_range.cu": [value_range.noted],
}

# Files whose mutants would say nothing.
WITHOUT: dict[str, str] = {
    "ptx.cuh": "the emulator has its own functions in its place; tests/gpu/instructions.py compares both on a GPU",
}
