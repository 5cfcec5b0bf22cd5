"""Linear algebra under PyTorch's names: `gpunn.linalg.solve` and its like.

LAPACK does the work through NumPy, cuSOLVER through CuPy. All take batches of matrices of float32 and float64, in the
last two dimensions, and all have first and second derivatives.
"""

from gpunn.errors import LinAlgError as LinAlgError
from gpunn.ops.indexing.diagonal import linalg_diagonal as diagonal  # noqa: F401
from gpunn.ops.linalg.chain import multi_dot as multi_dot
from gpunn.ops.linalg.cholesky import cholesky as cholesky
from gpunn.ops.linalg.cross import linalg_cross as cross  # noqa: F401
from gpunn.ops.linalg.determinant import det as det
from gpunn.ops.linalg.determinant import slogdet as slogdet
from gpunn.ops.linalg.eigen import eigh as eigh
from gpunn.ops.linalg.eigen import eigvalsh as eigvalsh
from gpunn.ops.linalg.exponential import matrix_exp as matrix_exp
from gpunn.ops.linalg.inverse import inv as inv
from gpunn.ops.linalg.inverse import matrix_power as matrix_power
from gpunn.ops.linalg.inverse import solve as solve
from gpunn.ops.linalg.least_squares import lstsq as lstsq
from gpunn.ops.linalg.lu import lu as lu
from gpunn.ops.linalg.lu import lu_factor as lu_factor
from gpunn.ops.linalg.lu import lu_factor_ex as lu_factor_ex
from gpunn.ops.linalg.lu import lu_solve as lu_solve
from gpunn.ops.linalg.norms import matrix_norm as matrix_norm
from gpunn.ops.linalg.norms import norm as norm
from gpunn.ops.linalg.norms import vector_norm as vector_norm
from gpunn.ops.linalg.products import matmul as matmul
from gpunn.ops.linalg.products import vecdot as vecdot
from gpunn.ops.linalg.qr import qr as qr
from gpunn.ops.linalg.rank import cond as cond
from gpunn.ops.linalg.rank import matrix_rank as matrix_rank
from gpunn.ops.linalg.singular import pinv as pinv
from gpunn.ops.linalg.singular import svd as svd
from gpunn.ops.linalg.singular import svdvals as svdvals
from gpunn.ops.linalg.triangular import solve_triangular as solve_triangular
from gpunn.ops.linalg.unchecked import cholesky_ex as cholesky_ex
from gpunn.ops.linalg.unchecked import inv_ex as inv_ex
from gpunn.ops.linalg.vandermonde import linalg_vander as vander  # noqa: F401
