"""Methods of Tensor: x[...], and the operations of gpunn/ops/indexing."""

from __future__ import annotations

from gpunn.engine import Variable
from gpunn.ops.indexing import diagonal as diagonals
from gpunn.ops.indexing import gather as gathering
from gpunn.ops.indexing import mask as masks
from gpunn.ops.indexing import put as putting
from gpunn.ops.indexing import scatter as scattering
from gpunn.ops.indexing import select, slices, triangle
from gpunn.ops.indexing.getitem import getitem
from gpunn.ops.indexing.setitem import setitem
from gpunn.ops.inplace import in_place


class IndexingMethods(Variable):
    """Mixin of Tensor."""

    __slots__ = ()

    __getitem__ = getitem
    __setitem__ = setitem

    index_select = select.index_select
    index_add = select.index_add
    index_add_ = in_place(select.index_add)
    index_copy = select.index_copy
    index_copy_ = in_place(select.index_copy)
    index_fill = select.index_fill
    index_fill_ = in_place(select.index_fill)
    index_reduce = select.index_reduce
    index_reduce_ = in_place(select.index_reduce)
    index_put = putting.index_put
    index_put_ = in_place(putting.index_put)
    put = putting.put
    put_ = in_place(putting.put)
    take = putting.take

    gather = gathering.gather
    take_along_dim = gathering.take_along_dim
    scatter = scattering.scatter
    scatter_ = in_place(scattering.scatter)
    scatter_add = scattering.scatter_add
    scatter_add_ = in_place(scattering.scatter_add)
    scatter_reduce = scattering.scatter_reduce
    scatter_reduce_ = in_place(scattering.scatter_reduce)

    masked_select = masks.masked_select
    masked_fill = masks.masked_fill
    masked_fill_ = in_place(masks.masked_fill)
    masked_scatter = masks.masked_scatter
    masked_scatter_ = in_place(masks.masked_scatter)
    nonzero = masks.nonzero
    argwhere = masks.argwhere

    tril = triangle.tril
    tril_ = in_place(triangle.tril)
    triu = triangle.triu
    triu_ = in_place(triangle.triu)
    diagonal = diagonals.diagonal
    diag = diagonals.diag
    diag_embed = diagonals.diag_embed
    diagflat = diagonals.diagflat
    trace = diagonals.trace
    fill_diagonal_ = in_place(diagonals.fill_diagonal)
    select_scatter = slices.select_scatter
    slice_scatter = slices.slice_scatter
    diagonal_scatter = slices.diagonal_scatter
