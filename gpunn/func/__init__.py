"""Derivatives as functions of functions, functions of batches, and modules as functions of their parameters:
PyTorch's torch.func.
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
from gpunn.func.vectorised import vmap as vmap
