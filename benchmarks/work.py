"""What a forward pass of a network has to do, counted by layer: arithmetic, numbers that are read and written."""

from __future__ import annotations

import itertools
from dataclasses import dataclass


@dataclass
class Work:
    """Of one sample: multiplications and additions; `touched` activations, read or written; of all: parameters.

    Each layer reads its input and its parameters once, and writes its output, as if it were a kernel of its own.
    `tables` are parameters of which only rows are read.
    """

    flops: int = 0
    touched: int = 0
    parameters: int = 0
    tables: int = 0

    def elementwise(self, n: int, inputs: int = 1) -> None:
        """`inputs` arrays of n numbers give one."""
        self.touched += (inputs + 1) * n

    def convolution(self, c: int, k: int, size: int, side: int, stride: int = 1, bias: bool = False) -> int:
        """From c to k channels, padded to keep the side of the image but for the stride; the side that comes out."""
        out = -(-side // stride)
        self.product(c * size * size, k, out * out, c * side * side, bias)
        return out

    def linear(self, n: int, m: int, rows: int = 1, bias: bool = True) -> None:
        """From n to m features, for so many rows."""
        self.product(n, m, rows, rows * n, bias)

    def product(self, n: int, m: int, rows: int, read: int, bias: bool) -> None:
        """Of so many rows of n numbers, made from `read` numbers of the input, with a matrix of n times m."""
        self.flops += 2 * rows * n * m
        self.touched += read + rows * m
        self.parameters += n * m + (m if bias else 0)

    def norm(self, c: int, each: int) -> None:
        """Of c channels with so many numbers each, with scale and shift."""
        self.elementwise(c * each)
        self.parameters += 2 * c

    def pool(self, c: int, side: int, out: int) -> int:
        """From one side of the image to another."""
        self.touched += c * (side * side + out * out)
        return out

    def embedding(self, words: int, width: int, length: int) -> None:
        """Rows of a table, one for each word of a text."""
        self.elementwise(length * width)
        self.tables += words * width

    def moved(self, batch: int) -> int:
        """Bytes in float32 of a forward pass."""
        return 4 * (self.parameters + batch * self.touched)

    def updated(self) -> int:
        """Bytes in float32 of an update by SGD with momentum: parameter, gradient, momentum; two are written too."""
        return 5 * 4 * (self.parameters + self.tables)


def perceptron(*widths: int, work: Work | None = None) -> Work:
    """Linear layers with ReLU between them."""
    work = work or Work()
    for i, (n, m) in enumerate(itertools.pairwise(widths)):
        work.linear(n, m)
        if i < len(widths) - 2:
            work.elementwise(m)
    return work


def lenet5() -> Work:
    """LeNet-5, whose second convolution has no padding."""
    work = Work()
    work.convolution(1, 6, 5, 28, bias=True)
    work.elementwise(6 * 28 * 28)
    work.pool(6, 28, 14)
    work.product(6 * 25, 16, 100, 6 * 14 * 14, bias=True)
    work.elementwise(16 * 100)
    work.pool(16, 10, 5)
    return perceptron(400, 120, 84, 10, work=work)


def resnet(
    side: int, first: int, width: int, widths: tuple[int, ...], depths: tuple[int, ...], classes: int, is_deep: bool
) -> Work:
    """A ResNet of blocks with two convolutions, or of deep ones with three."""
    work = Work()

    def layer(c: int, k: int, size: int, side: int, stride: int = 1, relu: bool = True) -> int:
        out = work.convolution(c, k, size, side, stride)
        work.norm(k, out * out)
        if relu:
            work.elementwise(k * out * out)
        return out

    side = layer(3, width, first, side, 2 if first == 7 else 1)
    side = work.pool(width, side, side // 2) if first == 7 else side
    c = width
    for stage, (k, depth) in enumerate(zip(widths, depths, strict=True)):
        for i in range(depth):
            out, stride = 4 * k if is_deep else k, 2 if stage and not i else 1
            if is_deep:
                after = layer(k, k, 3, layer(c, k, 1, side), stride)
                layer(k, out, 1, after, relu=False)
            else:
                after = layer(c, k, 3, side, stride)
                layer(k, k, 3, after, relu=False)
            if stride != 1 or c != out:
                layer(c, out, 1, side, stride, relu=False)
            work.elementwise(out * after * after, inputs=2)  # the sum
            work.elementwise(out * after * after)
            c, side = out, after
    work.pool(c, side, 1)
    work.linear(c, classes)
    return work


def vgg16(blocks: tuple[tuple[int, int], ...]) -> Work:
    """Blocks of (channels, convolutions) with a pooling each, then three linear layers with dropout."""
    work, c, side = Work(), 3, 224
    for k, depth in blocks:
        for _ in range(depth):
            work.convolution(c, k, 3, side, bias=True)
            work.elementwise(k * side * side)
            c = k
        side = work.pool(k, side, side // 2)
    perceptron(c * side * side, 4096, 4096, 1000, work=work)
    work.elementwise(2 * 4096)  # dropout, twice
    return work


def lstm(length: int, width: int, layers: int, words: int) -> Work:
    """An embedding, layers of LSTM, a linear layer."""
    work = Work()
    work.embedding(words, width, length)
    for _ in range(layers):
        work.flops += 2 * length * 4 * width * 2 * width
        work.elementwise(length * width)
        work.parameters += 4 * width * (2 * width + 2)
    work.linear(width, words, length)
    return work


def gpt(length: int, width: int, layers: int, words: int) -> Work:
    """Blocks of causal attention, of whose matrix half is masked, and an MLP of four times the width."""
    work, n = Work(), length * width
    work.embedding(words, width, length)
    work.elementwise(n, inputs=2)  # places are added
    for _ in range(layers):
        for m, after in ((3 * width, width), (4 * width, 4 * width)):
            work.norm(width, length)
            work.linear(width, m, length)
            if m == 3 * width:
                work.flops += 2 * length * n  # two products of length x length x width, half of each
                work.elementwise(n, inputs=3)
            else:
                work.elementwise(length * m)
            work.linear(after, width, length)
            work.elementwise(n, inputs=2)
    work.norm(width, length)
    work.linear(width, words, length)
    work.parameters += length * width
    return work
