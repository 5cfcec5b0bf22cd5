"""The operations of networks as functions, under PyTorch's names: activations, layers, losses."""

from gpunn.ops.activation import relu as relu
from gpunn.ops.activation import relu_ as relu_
from gpunn.ops.arithmetic.exponential import sigmoid as sigmoid
from gpunn.ops.arithmetic.hyperbolic import tanh as tanh
from gpunn.ops.conv.convolve import conv1d as conv1d
from gpunn.ops.conv.convolve import conv2d as conv2d
from gpunn.ops.conv.convolve import conv3d as conv3d
from gpunn.ops.conv.transposed import conv_transpose1d as conv_transpose1d
from gpunn.ops.conv.transposed import conv_transpose2d as conv_transpose2d
from gpunn.ops.conv.transposed import conv_transpose3d as conv_transpose3d
from gpunn.ops.dropout import dropout as dropout
from gpunn.ops.indexing.one_hot import one_hot as one_hot
from gpunn.ops.linalg.linear import linear as linear
from gpunn.ops.loss.binary import binary_cross_entropy as binary_cross_entropy
from gpunn.ops.loss.binary import binary_cross_entropy_with_logits as binary_cross_entropy_with_logits
from gpunn.ops.loss.cross_entropy import cross_entropy as cross_entropy
from gpunn.ops.loss.cross_entropy import nll_loss as nll_loss
from gpunn.ops.loss.regression import l1_loss as l1_loss
from gpunn.ops.loss.regression import mse_loss as mse_loss
from gpunn.ops.norm.batch import batch_norm as batch_norm
from gpunn.ops.pool.average import avg_pool2d as avg_pool2d
from gpunn.ops.pool.maximum import max_pool2d as max_pool2d
from gpunn.ops.softmax import log_softmax as log_softmax
from gpunn.ops.softmax import softmax as softmax
from gpunn.ops.softmax import softmin as softmin
