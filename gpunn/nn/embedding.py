"""Tables of rows that are looked up by number, one by one or in bags."""

from __future__ import annotations

from gpunn.backend import DeviceLike
from gpunn.dtypes import dtype
from gpunn.engine import no_grad
from gpunn.errors import ArgumentError, ShapeError
from gpunn.nn import functional as F
from gpunn.nn import init
from gpunn.nn.module import Module
from gpunn.nn.parameter import Parameter
from gpunn.ops import empty
from gpunn.tensor import Tensor


class PaddingError(ArgumentError, AssertionError):
    """A row that is not there: PyTorch raises AssertionError for it."""


class _Table(Module):
    """A weight (num_embeddings, embedding_dim), standard normal at first; row `padding_idx` is 0 and stays so."""

    weight: Parameter

    def _build(
        self,
        shape: tuple[int, int],
        padding_idx: int | None,
        given: Tensor | None,
        device: DeviceLike,
        of: dtype | None,
        is_learned: bool = True,
    ) -> None:
        self.num_embeddings, self.embedding_dim = shape
        if padding_idx is not None and not -shape[0] <= padding_idx < shape[0]:
            raise PaddingError(
                f"{type(self).__name__}: padding_idx must be within num_embeddings, -{shape[0]} to {shape[0] - 1}, got "
                f"{padding_idx}"
            )
        self.padding_idx = None if padding_idx is None else padding_idx % shape[0]
        if given is None:
            self.weight = Parameter(empty(shape, device=device, dtype=of), is_learned)
            self.reset_parameters()
            return
        if tuple(given.shape) != shape:
            raise ShapeError(
                f"{type(self).__name__}: Shape of weight does not match num_embeddings and embedding_dim: got "
                f"{tuple(given.shape)} for {shape}"
            )
        self.weight = Parameter(given, is_learned)

    def reset_parameters(self) -> None:
        """Draw the weight anew; the row of the padding is 0."""
        init.normal_(self.weight)
        if self.padding_idx is not None:
            with no_grad():
                self.weight[self.padding_idx].fill_(0)


class Embedding(_Table):
    """The rows of a table, `weight` (num_embeddings, embedding_dim), that numbers name.

    Row `padding_idx` is 0 and gets no gradient. With `max_norm`, rows that are used and longer than that, in the norm
    of order `norm_type`, are scaled down to it in place. `scale_grad_by_freq` divides the gradient of a row by how
    often it was used. `sparse` has no effect: gradients are dense.
    """

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        padding_idx: int | None = None,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        sparse: bool = False,
        _weight: Tensor | None = None,
        _freeze: bool = False,
        device: DeviceLike = None,
        dtype: dtype | None = None,
    ) -> None:
        super().__init__()
        self.max_norm = max_norm
        self.norm_type = norm_type
        self.scale_grad_by_freq = scale_grad_by_freq
        self.sparse = sparse
        self._build((num_embeddings, embedding_dim), padding_idx, _weight, device, dtype, not _freeze)

    def forward(self, input: Tensor) -> Tensor:
        """(*) of integers → (*, embedding_dim)"""
        return F.embedding(
            input, self.weight, self.padding_idx, self.max_norm, self.norm_type, self.scale_grad_by_freq, self.sparse
        )

    def extra_repr(self) -> str:
        parts = [f"{self.num_embeddings}, {self.embedding_dim}"]
        if self.padding_idx is not None:
            parts.append(f"padding_idx={self.padding_idx}")
        if self.max_norm is not None:
            parts.append(f"max_norm={self.max_norm}")
        if self.norm_type != 2:
            parts.append(f"norm_type={self.norm_type}")
        if self.scale_grad_by_freq:
            parts.append(f"scale_grad_by_freq={self.scale_grad_by_freq}")
        if self.sparse:
            parts.append("sparse=True")
        return ", ".join(parts)

    @classmethod
    def from_pretrained(
        cls,
        embeddings: Tensor,
        freeze: bool = True,
        padding_idx: int | None = None,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        sparse: bool = False,
    ) -> Embedding:
        """A layer whose weight is `embeddings`; it is not trained unless `freeze` is False."""
        rows, columns = _matrix(embeddings)
        return cls(
            rows, columns, padding_idx, max_norm, norm_type, scale_grad_by_freq, sparse, embeddings, _freeze=freeze
        )


class EmbeddingBag(_Table):
    """Sums, means or maxima, as `mode` says, of bags of rows of a table, `weight` (num_embeddings, embedding_dim).

    Row `padding_idx` counts for nothing. With `include_last_offset` the offsets have one more number, the end of the
    last bag. The rest is as in `Embedding`.
    """

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        mode: str = "mean",
        sparse: bool = False,
        _weight: Tensor | None = None,
        include_last_offset: bool = False,
        padding_idx: int | None = None,
        device: DeviceLike = None,
        dtype: dtype | None = None,
    ) -> None:
        super().__init__()
        self.max_norm = max_norm
        self.norm_type = norm_type
        self.scale_grad_by_freq = scale_grad_by_freq
        self.mode = mode
        self.sparse = sparse
        self.include_last_offset = include_last_offset
        self._build((num_embeddings, embedding_dim), padding_idx, _weight, device, dtype)

    def forward(self, input: Tensor, offsets: Tensor | None = None, per_sample_weights: Tensor | None = None) -> Tensor:
        """(bags, k), or (n,) and offsets (bags,) → (bags, embedding_dim)"""
        return F.embedding_bag(
            input,
            self.weight,
            offsets,
            self.max_norm,
            self.norm_type,
            self.scale_grad_by_freq,
            self.mode,
            self.sparse,
            per_sample_weights,
            self.include_last_offset,
            self.padding_idx,
        )

    def extra_repr(self) -> str:
        parts = [f"{self.num_embeddings}, {self.embedding_dim}"]
        if self.max_norm is not None:
            parts.append(f"max_norm={self.max_norm}")
        if self.norm_type != 2:
            parts.append(f"norm_type={self.norm_type}")
        if self.scale_grad_by_freq:
            parts.append(f"scale_grad_by_freq={self.scale_grad_by_freq}")
        parts.append(f"mode={self.mode!r}")
        if self.padding_idx is not None:
            parts.append(f"padding_idx={self.padding_idx}")
        return ", ".join(parts)

    @classmethod
    def from_pretrained(
        cls,
        embeddings: Tensor,
        freeze: bool = True,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        mode: str = "mean",
        sparse: bool = False,
        include_last_offset: bool = False,
        padding_idx: int | None = None,
    ) -> EmbeddingBag:
        """A layer whose weight is `embeddings`; it is not trained unless `freeze` is False."""
        rows, columns = _matrix(embeddings)
        layer = cls(
            rows,
            columns,
            max_norm,
            norm_type,
            scale_grad_by_freq,
            mode,
            sparse,
            embeddings,
            include_last_offset,
            padding_idx,
        )
        layer.weight.requires_grad = not freeze
        return layer


def _matrix(embeddings: Tensor) -> tuple[int, int]:
    if embeddings.ndim != 2:
        raise ShapeError(
            f"from_pretrained: Embeddings parameter is expected to be 2-dimensional, got shape {embeddings.shape}"
        )
    return embeddings.shape[0], embeddings.shape[1]
