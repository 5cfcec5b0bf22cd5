"""gpunn.autograd: gradients as functions, operations of the user's own, checks of derivatives."""

from gpunn.autograd import functional as functional
from gpunn.autograd.custom import Function as Function
from gpunn.autograd.custom import once_differentiable as once_differentiable
from gpunn.autograd.gradcheck import GradcheckError as GradcheckError
from gpunn.autograd.gradcheck import gradcheck as gradcheck
from gpunn.autograd.gradcheck import gradgradcheck as gradgradcheck
from gpunn.autograd.gradients import backward as backward
from gpunn.autograd.gradients import grad as grad
from gpunn.autograd.variable import Variable as Variable
from gpunn.engine import detect_anomaly as detect_anomaly
from gpunn.engine import enable_grad as enable_grad
from gpunn.engine import inference_mode as inference_mode
from gpunn.engine import is_anomaly_enabled as is_anomaly_enabled
from gpunn.engine import no_grad as no_grad
from gpunn.engine import set_detect_anomaly as set_detect_anomaly
from gpunn.engine import set_grad_enabled as set_grad_enabled
