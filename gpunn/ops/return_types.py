"""Results of several tensors under the names that PyTorch has for them; tuples that show a field a line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from gpunn.dtypes import public_name

if TYPE_CHECKING:
    from gpunn.tensor import Tensor


class Shown:
    """Mixin of named tuples: "gpunn.return_types.max(", then each field in a line of its own."""

    __slots__ = ()

    def __repr__(self: Any) -> str:
        fields = ",\n".join(f"{name}={value!r}" for name, value in zip(self._fields, self, strict=True))
        return f"{public_name('return_types')}.{type(self).__name__}(\n{fields})"


class Selected(NamedTuple):
    """Elements of a tensor, and where along the dimension they were."""

    values: Tensor
    indices: Tensor


class MinMax(NamedTuple):
    """The smallest and the largest element."""

    min: Tensor
    max: Tensor


class SignAndLog(NamedTuple):
    """The sign of a determinant, and the logarithm of its size."""

    sign: Tensor
    logabsdet: Tensor


class Eigen(NamedTuple):
    """The eigenvalues of a symmetric matrix in ascending order, and an eigenvector of each, in the columns."""

    eigenvalues: Tensor
    eigenvectors: Tensor


class QAndR(NamedTuple):
    """An orthogonal matrix and an upper triangular one."""

    Q: Tensor
    R: Tensor


class Packed(NamedTuple):
    """L and U of a matrix in one, and which rows were exchanged."""

    LU: Tensor
    pivots: Tensor


class PackedInfo(NamedTuple):
    """As Packed, with the place of the first 0 on the diagonal of U."""

    LU: Tensor
    pivots: Tensor
    info: Tensor


class Unpacked(NamedTuple):
    """A permutation, a lower and an upper triangular matrix."""

    P: Tensor
    L: Tensor
    U: Tensor


class InverseInfo(NamedTuple):
    """Inverses, and what kept each from being one."""

    inverse: Tensor
    info: Tensor


class LowerInfo(NamedTuple):
    """Cholesky factors, and what kept each from being one."""

    L: Tensor
    info: Tensor


class Singular(NamedTuple):
    """Left singular vectors in the columns, singular values in descending order, right vectors in the rows."""

    U: Tensor
    S: Tensor
    Vh: Tensor


class SingularV(NamedTuple):
    """As Singular, with the right vectors in the columns."""

    U: Tensor
    S: Tensor
    V: Tensor


class Fitted(NamedTuple):
    """What minimises |A X - B|, the squares that are left, the ranks and the singular values of A."""

    solution: Tensor
    residuals: Tensor
    rank: Tensor
    singular_values: Tensor


class max(Shown, Selected):  # noqa: N801 - PyTorch's name
    """The largest elements, and where they were."""

    __slots__ = ()


class min(Shown, Selected):  # noqa: N801 - PyTorch's name
    """The smallest elements, and where they were."""

    __slots__ = ()


class median(Shown, Selected):  # noqa: N801 - PyTorch's name
    """The middle elements, and where they were."""

    __slots__ = ()


class nanmedian(Shown, Selected):  # noqa: N801 - PyTorch's name
    """The middle elements that are not NaN, and where they were."""

    __slots__ = ()


class mode(Shown, Selected):  # noqa: N801 - PyTorch's name
    """The most frequent elements, and where they were."""

    __slots__ = ()


class kthvalue(Shown, Selected):  # noqa: N801 - PyTorch's name
    """The k-th smallest elements, and where they were."""

    __slots__ = ()


class sort(Shown, Selected):  # noqa: N801 - PyTorch's name
    """The elements in order, and where they were."""

    __slots__ = ()


class topk(Shown, Selected):  # noqa: N801 - PyTorch's name
    """The k largest or smallest elements, and where they were."""

    __slots__ = ()


class cummax(Shown, Selected):  # noqa: N801 - PyTorch's name
    """The largest elements so far, and where they were."""

    __slots__ = ()


class cummin(Shown, Selected):  # noqa: N801 - PyTorch's name
    """The smallest elements so far, and where they were."""

    __slots__ = ()


class aminmax(Shown, MinMax):  # noqa: N801 - PyTorch's name
    """The smallest and the largest elements."""

    __slots__ = ()


class linalg_inv_ex(Shown, InverseInfo):  # noqa: N801 - PyTorch's name
    """Of `linalg.inv_ex`."""

    __slots__ = ()


class linalg_cholesky_ex(Shown, LowerInfo):  # noqa: N801 - PyTorch's name
    """Of `linalg.cholesky_ex`."""

    __slots__ = ()


class linalg_slogdet(Shown, SignAndLog):  # noqa: N801 - PyTorch's name
    """Of `linalg.slogdet`."""

    __slots__ = ()


class slogdet(Shown, SignAndLog):  # noqa: N801 - PyTorch's name
    """Of `slogdet`."""

    __slots__ = ()


class linalg_eigh(Shown, Eigen):  # noqa: N801 - PyTorch's name
    """Of `linalg.eigh`."""

    __slots__ = ()


class linalg_lstsq(Shown, Fitted):  # noqa: N801 - PyTorch's name
    """Of `linalg.lstsq`."""

    __slots__ = ()


class linalg_qr(Shown, QAndR):  # noqa: N801 - PyTorch's name
    """Of `linalg.qr`."""

    __slots__ = ()


class qr(Shown, QAndR):  # noqa: N801 - PyTorch's name
    """Of `qr`."""

    __slots__ = ()


class linalg_svd(Shown, Singular):  # noqa: N801 - PyTorch's name
    """Of `linalg.svd`."""

    __slots__ = ()


class svd(Shown, SingularV):  # noqa: N801 - PyTorch's name
    """Of `svd`."""

    __slots__ = ()


class linalg_lu(Shown, Unpacked):  # noqa: N801 - PyTorch's name
    """Of `linalg.lu`."""

    __slots__ = ()


class linalg_lu_factor(Shown, Packed):  # noqa: N801 - PyTorch's name
    """Of `linalg.lu_factor`."""

    __slots__ = ()


class linalg_lu_factor_ex(Shown, PackedInfo):  # noqa: N801 - PyTorch's name
    """Of `linalg.lu_factor_ex`."""

    __slots__ = ()


class lu_unpack(Shown, Unpacked):  # noqa: N801 - PyTorch's name
    """Of `lu_unpack`."""

    __slots__ = ()
