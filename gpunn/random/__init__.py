"""Random numbers: Philox4x32-10, counter based, the same on NumPy and CuPy.

A generator is a seed and an offset. Block p of its stream is four 32-bit words, made of seed and p.
A draw of n elements takes the blocks from the offset on, and moves the offset past them:

    elements                                  words each    blocks
    float16, bfloat16, float32, bernoulli     1             ceil(n / 4)
    float64, integers, permutation            2             ceil(n / 2)

Element i is made of its own words, a normal one of those of its pair; the lower half of a 64-bit number comes
first. So it depends on seed, offset and i alone: not on the device, the shape, or how many more are drawn.

Source: J. Salmon, M. Moraes, R. Dror, D. Shaw, Parallel random numbers: as easy as 1, 2, 3, SC11 (2011).
"""

from gpunn.random.blocks import philox as philox
from gpunn.random.draws import bernoulli as bernoulli
from gpunn.random.draws import integers as integers
from gpunn.random.draws import normal as normal
from gpunn.random.draws import permutation as permutation
from gpunn.random.draws import uniform as uniform
from gpunn.random.generator import Generator as Generator
from gpunn.random.generator import Place as Place
from gpunn.random.generator import default_generator as default_generator
from gpunn.random.generator import initial_seed as initial_seed
from gpunn.random.generator import manual_seed as manual_seed
from gpunn.random.generator import seed as seed
