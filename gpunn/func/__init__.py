"""Derivatives as functions of functions, and modules as functions of their parameters: PyTorch's torch.func.

`vmap` is not here: it would have to give each operation a batch dimension that the function does not see.
"""

from gpunn.func.call import functional_call as functional_call
from gpunn.func.jacobians import hessian as hessian
from gpunn.func.jacobians import jacfwd as jacfwd
from gpunn.func.jacobians import jacrev as jacrev
from gpunn.func.products import jvp as jvp
from gpunn.func.products import linearize as linearize
from gpunn.func.products import vjp as vjp
from gpunn.func.transforms import grad as grad
from gpunn.func.transforms import grad_and_value as grad_and_value
