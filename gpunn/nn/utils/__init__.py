"""What PyTorch keeps in torch.nn.utils."""

from gpunn.nn.utils import rnn as rnn
from gpunn.nn.utils.clip_grad import clip_grad_norm_ as clip_grad_norm_
from gpunn.nn.utils.clip_grad import clip_grad_value_ as clip_grad_value_
from gpunn.nn.utils.clip_grad import clip_grads_with_norm_ as clip_grads_with_norm_
from gpunn.nn.utils.clip_grad import get_total_norm as get_total_norm
