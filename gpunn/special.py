"""Special functions under PyTorch's names: `gpunn.special.expit` and its like, most of them under two names."""

from gpunn.ops.arithmetic.bessel import i0 as i0
from gpunn.ops.arithmetic.bessel import i1 as i1
from gpunn.ops.arithmetic.exponential import exp2 as exp2
from gpunn.ops.arithmetic.exponential import expm1 as expm1
from gpunn.ops.arithmetic.exponential import log1p as log1p
from gpunn.ops.arithmetic.exponential import sigmoid as expit  # noqa: F401
from gpunn.ops.arithmetic.exponential import xlogy as xlogy
from gpunn.ops.arithmetic.logit import logit as logit
from gpunn.ops.arithmetic.probabilities import entr as entr
from gpunn.ops.arithmetic.probabilities import mvlgamma as multigammaln  # noqa: F401
from gpunn.ops.arithmetic.probabilities import ndtr as ndtr
from gpunn.ops.arithmetic.rounding import round as round
from gpunn.ops.arithmetic.scaled_bessel import i0e as i0e
from gpunn.ops.arithmetic.scaled_bessel import i1e as i1e
from gpunn.ops.arithmetic.special_functions import digamma as digamma
from gpunn.ops.arithmetic.special_functions import digamma as psi  # noqa: F401
from gpunn.ops.arithmetic.special_functions import erf as erf
from gpunn.ops.arithmetic.special_functions import erfc as erfc
from gpunn.ops.arithmetic.special_functions import erfinv as erfinv
from gpunn.ops.arithmetic.special_functions import lgamma as gammaln  # noqa: F401
from gpunn.ops.arithmetic.special_functions import polygamma as polygamma
from gpunn.ops.arithmetic.trigonometric import sinc as sinc
