"""Which branch of a block fills which channels."""

from itertools import groupby

import gpunn as gp
from gpunn.vision.models.basic_conv import BasicConv2d


def constants(block, shape):
    """(number, channels) for each run of channels of what `block` gives for zeros.

    The k-th BasicConv2d of the block, counted from 1, is made to give the number k whatever it is given.
    """
    block.eval()
    layers = [m for m in block.modules() if isinstance(m, BasicConv2d)]
    with gp.no_grad():
        for k, layer in enumerate(layers, 1):
            layer.conv.weight.zero_()
            layer.bn.bias.fill_(k)
        y = block(gp.zeros(shape))
    firsts = [round(value) for value in y[0, :, 1, 1].tolist()]
    return [(number, len(list(run))) for number, run in groupby(firsts)]
