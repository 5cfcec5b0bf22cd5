"""What PyTorch keeps in torch.nn.utils, and penalties and limits for weights."""

from gpunn.nn.utils import fusion as fusion
from gpunn.nn.utils import parametrizations as parametrizations
from gpunn.nn.utils import parametrize as parametrize
from gpunn.nn.utils import rnn as rnn
from gpunn.nn.utils import stateless as stateless
from gpunn.nn.utils.clip_grad import clip_grad_norm_ as clip_grad_norm_
from gpunn.nn.utils.clip_grad import clip_grad_value_ as clip_grad_value_
from gpunn.nn.utils.clip_grad import clip_grads_with_norm_ as clip_grads_with_norm_
from gpunn.nn.utils.clip_grad import get_total_norm as get_total_norm
from gpunn.nn.utils.convert_parameters import parameters_to_vector as parameters_to_vector
from gpunn.nn.utils.convert_parameters import vector_to_parameters as vector_to_parameters
from gpunn.nn.utils.fusion import fuse_conv_bn_eval as fuse_conv_bn_eval
from gpunn.nn.utils.fusion import fuse_conv_bn_weights as fuse_conv_bn_weights
from gpunn.nn.utils.fusion import fuse_linear_bn_eval as fuse_linear_bn_eval
from gpunn.nn.utils.fusion import fuse_linear_bn_weights as fuse_linear_bn_weights
from gpunn.nn.utils.init import skip_init as skip_init
from gpunn.nn.utils.regularization import l1_penalty as l1_penalty
from gpunn.nn.utils.regularization import l2_penalty as l2_penalty
from gpunn.nn.utils.regularization import max_norm_ as max_norm_
from gpunn.nn.utils.spectral_norm import remove_spectral_norm as remove_spectral_norm
from gpunn.nn.utils.spectral_norm import spectral_norm as spectral_norm
from gpunn.nn.utils.weight_norm import remove_weight_norm as remove_weight_norm
from gpunn.nn.utils.weight_norm import weight_norm as weight_norm
