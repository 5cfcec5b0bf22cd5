"""Inception v3. Szegedy et al., "Rethinking the Inception architecture for computer vision", CVPR 2016."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from gpunn import nn
from gpunn.errors import ArgumentError
from gpunn.tensor import Tensor
from gpunn.vision.models.basic_conv import BasicConv2d, as_then, start
from gpunn.vision.models.inception_blocks import (
    Block,
    InceptionA,
    InceptionAux,
    InceptionB,
    InceptionC,
    InceptionD,
    InceptionE,
)
from gpunn.vision.models.weights import refuse_weights


class InceptionOutputs(NamedTuple):
    """The scores, and those of the auxiliary head."""

    logits: Tensor
    aux_logits: Tensor | None


class Inception3(nn.Module):
    """Five convolutions, eleven blocks and a linear layer: (N, 3, H, W) → (N, num_classes) scores.

    H and W are at least 75, and at least 299 in training with `aux_logits`, which gives InceptionOutputs: a head in the
    middle gives scores too, for a loss that is added with weight 0.4. `transform_input` takes images normalised by
    the mean and deviation of ImageNet to what the first weights were trained with. 27,161,264 parameters with 1000
    classes and the head, 23,834,568 without it.

    Weights of convolutions and linear layers start normal with deviation 0.1, the last of the head 0.001, between -2
    and 2, unless `init_weights` is False. `inception_blocks` are the classes to take for BasicConv2d, InceptionA to
    InceptionE and InceptionAux.
    """

    def __init__(
        self,
        num_classes: int = 1000,
        aux_logits: bool = True,
        transform_input: bool = False,
        inception_blocks: Sequence[Block] | None = None,
        init_weights: bool | None = None,
        dropout: float = 0.5,
    ) -> None:
        super().__init__()
        usual = [BasicConv2d, InceptionA, InceptionB, InceptionC, InceptionD, InceptionE, InceptionAux]
        chosen = usual if inception_blocks is None else list(inception_blocks)
        if len(chosen) != 7:
            raise ArgumentError(f"Inception3: length of inception_blocks should be 7 instead of {len(chosen)}")
        conv, a, b, c, d, e, head = chosen
        self.aux_logits, self.transform_input = aux_logits, transform_input
        self.Conv2d_1a_3x3 = conv(3, 32, kernel_size=3, stride=2)  # (N, 32, 149, 149) of (N, 3, 299, 299)
        self.Conv2d_2a_3x3 = conv(32, 32, kernel_size=3)
        self.Conv2d_2b_3x3 = conv(32, 64, kernel_size=3, padding=1)
        self.maxpool1 = nn.MaxPool2d(3, stride=2)  # (N, 64, 73, 73)
        self.Conv2d_3b_1x1 = conv(64, 80, kernel_size=1)
        self.Conv2d_4a_3x3 = conv(80, 192, kernel_size=3)
        self.maxpool2 = nn.MaxPool2d(3, stride=2)  # (N, 192, 35, 35)
        self.Mixed_5b = a(192, pool_features=32)
        self.Mixed_5c = a(256, pool_features=64)
        self.Mixed_5d = a(288, pool_features=64)
        self.Mixed_6a = b(288)  # (N, 768, 17, 17)
        self.Mixed_6b = c(768, channels_7x7=128)
        self.Mixed_6c = c(768, channels_7x7=160)
        self.Mixed_6d = c(768, channels_7x7=160)
        self.Mixed_6e = c(768, channels_7x7=192)
        self.AuxLogits = head(768, num_classes) if aux_logits else None
        self.Mixed_7a = d(768)  # (N, 1280, 8, 8)
        self.Mixed_7b = e(1280)
        self.Mixed_7c = e(2048)
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.dropout = nn.Dropout(dropout)
        self.fc = nn.Linear(2048, num_classes)
        if init_weights is not False:
            for name, layer in self.named_modules():
                start(layer, 0.001 if name == "AuxLogits.fc" else 0.1)

    def forward(self, x: Tensor) -> Tensor | InceptionOutputs:
        """(N, 3, H, W) → (N, num_classes), or InceptionOutputs of two of them"""
        x = as_then(x) if self.transform_input else x
        x = self.maxpool1(self.Conv2d_2b_3x3(self.Conv2d_2a_3x3(self.Conv2d_1a_3x3(x))))
        x = self.maxpool2(self.Conv2d_4a_3x3(self.Conv2d_3b_1x1(x)))
        x = self.Mixed_6a(self.Mixed_5d(self.Mixed_5c(self.Mixed_5b(x))))
        x = self.Mixed_6e(self.Mixed_6d(self.Mixed_6c(self.Mixed_6b(x))))
        aux = self.AuxLogits(x) if self.training and self.AuxLogits is not None else None
        x = self.Mixed_7c(self.Mixed_7b(self.Mixed_7a(x)))
        scores: Tensor = self.fc(self.dropout(self.avgpool(x)).flatten(1))
        return InceptionOutputs(scores, aux) if self.training and self.aux_logits else scores


def inception_v3(weights: None = None, progress: bool = True, pretrained: bool = False, **kwargs: Any) -> Inception3:
    """Inception3(**kwargs), not trained: UnsupportedError if `weights` or `pretrained` ask for trained ones."""
    refuse_weights("inception_v3", weights, pretrained)
    return Inception3(**kwargs)
