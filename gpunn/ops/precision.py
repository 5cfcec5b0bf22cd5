"""Which operations choose their own dtype inside `autocast`, and how: as PyTorch's do, on each kind of device.

Products and convolutions run in the lower precision of the region; what would lose digits or overflow (exponentials,
reductions, norms, losses) in float32; some that take several tensors in the widest dtype of these. All others run in
the dtype of what they get. float64 and integers stay as they are, and an explicit `dtype=` is obeyed.

`gpunn/ops/guards.py` puts the choice before the operations.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from gpunn import dtypes
from gpunn.dtypes import dtype
from gpunn.errors import ArgumentError, DtypeError
from gpunn.ops.linalg.contraction import is_of_one_element
from gpunn.ops.linalg.einsum import is_contraction

Given = Mapping[str, Any]  # the arguments of a call by their names


def _has_no_dtype(given: Given) -> bool:
    return given.get("dtype") is None


class Policy(NamedTuple):
    """The dtype in which an operation runs, of the floating tensors that it gets and the lower precision around."""

    name: str
    choose: Callable[[list[Any], dtype, Given], dtype]
    applies: Callable[[Given], bool] = _has_no_dtype  # to the arguments with these names


def _lower(tensors: list[Any], lower: dtype, given: Given) -> dtype:
    return lower


def _float32(tensors: list[Any], lower: dtype, given: Given) -> dtype:
    return dtypes.float32


def _widest(tensors: list[Any], lower: dtype, given: Given) -> dtype:
    found = {dtypes.of(x.array) for x in tensors}
    if dtypes.float32 in found:
        return dtypes.float32
    if found - {lower}:
        raise DtypeError(
            f"autocast: Unexpected floating ScalarType in at::autocast::prioritize: tensors of "
            f"{', '.join(sorted(map(str, found)))} where autocast uses {lower}; cast them to {lower} or float32"
        )
    return lower


def _lower_if_contracted(tensors: list[Any], lower: dtype, given: Given) -> dtype:
    return lower if is_contraction(*given["args"]) else _widest(tensors, lower, given)


def _of_state(tensors: list[Any], lower: dtype, given: Given) -> dtype:
    """The gates of a GRU and of single cells, rounded or not, meet the state in its own dtype."""
    cell, states = given["cell"], given.get("states")
    state = given["first"] if states is None else states.state
    is_kept = cell.splits or (cell.has_memory and states is None)
    return dtypes.float32 if is_kept and dtypes.of(state.array) is dtypes.float32 else lower


def _refused(tensors: list[Any], lower: dtype, given: Given) -> dtype:
    raise ArgumentError(
        "binary_cross_entropy: gpunn.nn.functional.binary_cross_entropy and gpunn.nn.BCELoss are unsafe to autocast. "
        "Many models use a sigmoid layer right before the binary cross entropy layer. In this case, combine the two "
        "layers using binary_cross_entropy_with_logits or BCEWithLogitsLoss, which are safe to autocast."
    )


def _repeats_edges(given: Given) -> bool:
    mode = given.get("mode", "constant")
    return mode == "replicate" or (mode == "reflect" and len(given["pad"]) < 6)


def _weighs_places(given: Given) -> bool:
    return bool(given.get("mode", "nearest") != "area")


def _is_of_images(given: Given) -> bool:
    return bool(given["input"].array.ndim > 3)


def _gives_no_places(given: Given) -> bool:
    return not given.get("return_indices")


def _has_several_results(given: Given) -> bool:
    return not is_of_one_element(given["a"], given["b"], given.get("dims", 2))


LOWER, FLOAT32, WIDEST = Policy("lower", _lower), Policy("float32", _float32), Policy("widest", _widest)
REFUSED: Final = Policy("refused", _refused)
OF_STATE: Final = Policy("lower, or of the state", _of_state)
CONTRACTED: Final = Policy("lower, or widest where nothing is summed", _lower_if_contracted)

Table = Mapping[str, str]  # modules of gpunn.ops, and the names of their functions
LOSSES: Final[Table] = {
    "loss.binary": "binary_cross_entropy_with_logits",
    "loss.cross_entropy": "cross_entropy nll_loss",
    "loss.divergence": "kl_div",
    "loss.margins": """cosine_embedding_loss hinge_embedding_loss hinge_loss margin_ranking_loss multi_margin_loss
        multilabel_margin_loss soft_margin_loss""",
    "loss.regression": "huber_loss l1_loss mse_loss poisson_nll_loss smooth_l1_loss",
    "loss.triplets": "triplet_margin_loss",
}
PRODUCTS: Final[Table] = {
    "activation.prelu": "prelu",
    "attention.dot_product": "scaled_dot_product_attention",
    "conv.convolve": "conv1d conv2d conv3d conv_relu",
    "conv.transposed": "conv_transpose1d conv_transpose2d conv_transpose3d",
    "linalg.accumulate": "addbmm addmm baddbmm",
    "linalg.linear": "linear linear_relu",
    "linalg.products": "bmm matmul mm vecdot",
}
TABLES: Final[dict[str, list[tuple[Policy, Table]]]] = {
    "cuda": [
        (LOWER, PRODUCTS),
        (
            LOWER,
            {
                "linalg.accumulate": "addmv addr",
                "linalg.chain": "multi_dot",
                "linalg.einsum": "einsum",
                "linalg.products": "mv",
                "recurrent.layers": "direction layers",
            },
        ),
        (FLOAT32, LOSSES),
        (
            FLOAT32,
            {
                "activation.exponential": "softplus",
                "arithmetic.division": "reciprocal",
                "arithmetic.exponential": "exp expm1 log log10 log1p log2",
                "arithmetic.hyperbolic": "cosh sinh",
                "arithmetic.power": "pow rsqrt square",
                "arithmetic.special_functions": "erfinv",
                "arithmetic.trigonometric": "acos asin tan",
                "distance": "cdist cosine_similarity pairwise_distance pdist",
                "gumbel": "gumbel_softmax",
                "linalg.norms": "matrix_norm norm vector_norm",
                "loss.regression": "gaussian_nll_loss",
                "norm.group": "group_norm",
                "norm.layer": "layer_norm rms_norm",
                "norm.response": "local_response_norm",
                "norm.unit": "normalize",
                "reduction.log_sum": "logsumexp",
                "reduction.norms": "dist norm vector_norm",
                "reduction.nuclear": "nuclear_norm",
                "reduction.products": "cumprod prod",
                "reduction.renorm": "renorm",
                "reduction.scans": "cumsum",
                "reduction.sums": "sum",
                "softmax": "log_softmax softmax softmin",
            },
        ),
        (FLOAT32._replace(applies=_weighs_places), {"resize.interpolate": "interpolate"}),
        (
            WIDEST,
            {
                "arithmetic.selection": "addcdiv addcmul",
                "arithmetic.trigonometric": "atan2",
                "indexing.put": "index_put",
                "indexing.scatter": "scatter_add",
                "linalg.bilinear": "bilinear",
                "linalg.contraction": "tensordot",
                "linalg.cross": "cross",
                "linalg.products": "dot vdot",
                "resize.grid_sample": "grid_sample",
            },
        ),
        (REFUSED, {"loss.binary": "binary_cross_entropy"}),
    ],
    "cpu": [
        (LOWER, PRODUCTS),
        (LOWER._replace(applies=_has_several_results), {"linalg.contraction": "tensordot"}),
        (CONTRACTED, {"linalg.einsum": "einsum"}),
        (OF_STATE, {"recurrent.layers": "direction layers"}),
        (FLOAT32, LOSSES),
        (
            FLOAT32,
            {
                "distance": "cdist",
                "indexing.diagonal": "trace",
                "linalg.cholesky": "cholesky cholesky_inverse cholesky_of cholesky_solve",
                "linalg.eigen": "eigh eigvalsh",
                "linalg.inverse": "inv inverse solve",
                "linalg.least_squares": "lstsq",
                "linalg.lu": "lu_solve",
                "linalg.qr": "qr qr_of",
                "linalg.rank": "cond matrix_rank",
                "linalg.singular": "pinv pinverse svd svd_of svdvals",
                "linalg.unchecked": "cholesky_ex inv_ex",
                "loss.binary": "binary_cross_entropy",
                "loss.ctc": "ctc_loss",
                "pool.adaptive": "adaptive_avg_pool3d adaptive_max_pool3d",
                "pool.average": "avg_pool3d",
                "pool.unpool": "max_unpool1d max_unpool2d max_unpool3d",
                "reduction.products": "prod",
                "reduction.quantiles": "nanquantile quantile",
                "resize.grid_sample": "grid_sample",
            },
        ),
        (FLOAT32._replace(applies=_gives_no_places), {"pool.maximum": "max_pool3d"}),
        (FLOAT32._replace(applies=_is_of_images), {"norm.response": "local_response_norm"}),
        (FLOAT32._replace(applies=_repeats_edges), {"resize.pad": "pad"}),
        (WIDEST, {"indexing.select": "index_copy", "shape.joining": "cat stack"}),
    ],
}
