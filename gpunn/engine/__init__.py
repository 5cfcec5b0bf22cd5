"""The autograd engine: the graph, differentiable functions, the backward walk. Knows no operation and no layer."""

from gpunn.engine.anomaly import detect_anomaly as detect_anomaly
from gpunn.engine.anomaly import is_anomaly_enabled as is_anomaly_enabled
from gpunn.engine.anomaly import set_detect_anomaly as set_detect_anomaly
from gpunn.engine.function import Function as Function
from gpunn.engine.graph import AccumulateGrad as AccumulateGrad
from gpunn.engine.graph import Node as Node
from gpunn.engine.graph import sequence_now as sequence_now
from gpunn.engine.hooks import Hooks as Hooks
from gpunn.engine.hooks import RemovableHandle as RemovableHandle
from gpunn.engine.inplace import bump as bump
from gpunn.engine.inplace import check_history as check_history
from gpunn.engine.inplace import check_in_place as check_in_place
from gpunn.engine.inplace import keep_original as keep_original
from gpunn.engine.inplace import take_history as take_history
from gpunn.engine.inplace import take_view as take_view
from gpunn.engine.inplace import write as write
from gpunn.engine.modes import enable_grad as enable_grad
from gpunn.engine.modes import inference_mode as inference_mode
from gpunn.engine.modes import is_grad_enabled as is_grad_enabled
from gpunn.engine.modes import is_inference_mode_enabled as is_inference_mode_enabled
from gpunn.engine.modes import no_grad as no_grad
from gpunn.engine.modes import set_grad_enabled as set_grad_enabled
from gpunn.engine.variable import Variable as Variable
from gpunn.engine.variable import share_memory_of as share_memory_of
from gpunn.engine.walk import backward as backward
from gpunn.engine.walk import grad_of as grad_of
