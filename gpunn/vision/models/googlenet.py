"""GoogLeNet. Szegedy et al., "Going deeper with convolutions", CVPR 2015, with BatchNorm2d after each convolution."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from gpunn import nn
from gpunn.errors import ArgumentError
from gpunn.nn import functional as F
from gpunn.ops import cat
from gpunn.tensor import Tensor
from gpunn.vision.models.basic_conv import BasicConv2d, as_then, start
from gpunn.vision.models.weights import refuse_weights

Block = Callable[..., nn.Module]


class GoogLeNetOutputs(NamedTuple):
    """The scores, and those of the two auxiliary heads, the later one first."""

    logits: Tensor
    aux_logits2: Tensor | None
    aux_logits1: Tensor | None


class Inception(nn.Module):
    """Four branches side by side: 1×1; 1×1 and 3×3; 1×1 and 3×3; max pooling and 1×1.

    The third has 3×3 where the paper has 5×5, as the weights that are around do.
    """

    def __init__(
        self,
        in_channels: int,
        ch1x1: int,
        ch3x3red: int,
        ch3x3: int,
        ch5x5red: int,
        ch5x5: int,
        pool_proj: int,
        conv_block: Block | None = None,
    ) -> None:
        super().__init__()
        conv = conv_block or BasicConv2d
        self.branch1 = conv(in_channels, ch1x1, kernel_size=1)
        self.branch2 = nn.Sequential(
            conv(in_channels, ch3x3red, kernel_size=1), conv(ch3x3red, ch3x3, kernel_size=3, padding=1)
        )
        self.branch3 = nn.Sequential(
            conv(in_channels, ch5x5red, kernel_size=1), conv(ch5x5red, ch5x5, kernel_size=3, padding=1)
        )
        self.branch4 = nn.Sequential(
            nn.MaxPool2d(3, stride=1, padding=1, ceil_mode=True), conv(in_channels, pool_proj, kernel_size=1)
        )

    def forward(self, x: Tensor) -> Tensor:
        """(N, in_channels, H, W) → (N, ch1x1 + ch3x3 + ch5x5 + pool_proj, H, W)"""
        return cat([self.branch1(x), self.branch2(x), self.branch3(x), self.branch4(x)], 1)


class InceptionAux(nn.Module):
    """Scores from the middle of the network: (N, in_channels, H, W) → (N, num_classes)."""

    def __init__(
        self, in_channels: int, num_classes: int, conv_block: Block | None = None, dropout: float = 0.7
    ) -> None:
        super().__init__()
        self.conv = (conv_block or BasicConv2d)(in_channels, 128, kernel_size=1)
        self.fc1 = nn.Linear(2048, 1024)
        self.fc2 = nn.Linear(1024, num_classes)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        """(N, in_channels, H, W) → (N, num_classes)"""
        x = self.conv(F.adaptive_avg_pool2d(x, (4, 4))).flatten(1)  # (N, 2048)
        scores: Tensor = self.fc2(self.dropout(F.relu(self.fc1(x), inplace=True)))
        return scores


class GoogLeNet(nn.Module):
    """Three convolutions, nine Inception blocks and a linear layer: (N, 3, H, W) → (N, num_classes) scores.

    In training with `aux_logits`, GoogLeNetOutputs: two heads give scores too, for losses that are added with weight
    0.3. `transform_input` takes images normalised by the mean and deviation of ImageNet to what the first weights were
    trained with. 13,004,888 parameters with 1000 classes, 6,624,904 without the heads.

    Weights of convolutions and linear layers start normal with deviation 0.01, between -2 and 2, unless `init_weights`
    is False. `blocks` are the classes to take for BasicConv2d, Inception and InceptionAux.
    """

    def __init__(
        self,
        num_classes: int = 1000,
        aux_logits: bool = True,
        transform_input: bool = False,
        init_weights: bool | None = None,
        blocks: Sequence[Block] | None = None,
        dropout: float = 0.2,
        dropout_aux: float = 0.7,
    ) -> None:
        super().__init__()
        chosen = [BasicConv2d, Inception, InceptionAux] if blocks is None else list(blocks)
        if len(chosen) != 3:
            raise ArgumentError(f"GoogLeNet: blocks length should be 3 instead of {len(chosen)}")
        conv, block, head = chosen
        self.aux_logits, self.transform_input = aux_logits, transform_input
        self.conv1 = conv(3, 64, kernel_size=7, stride=2, padding=3)  # (N, 64, 112, 112) of (N, 3, 224, 224)
        self.maxpool1 = nn.MaxPool2d(3, stride=2, ceil_mode=True)
        self.conv2 = conv(64, 64, kernel_size=1)
        self.conv3 = conv(64, 192, kernel_size=3, padding=1)
        self.maxpool2 = nn.MaxPool2d(3, stride=2, ceil_mode=True)
        self.inception3a = block(192, 64, 96, 128, 16, 32, 32)  # (N, 256, 28, 28)
        self.inception3b = block(256, 128, 128, 192, 32, 96, 64)
        self.maxpool3 = nn.MaxPool2d(3, stride=2, ceil_mode=True)
        self.inception4a = block(480, 192, 96, 208, 16, 48, 64)  # (N, 512, 14, 14)
        self.inception4b = block(512, 160, 112, 224, 24, 64, 64)
        self.inception4c = block(512, 128, 128, 256, 24, 64, 64)
        self.inception4d = block(512, 112, 144, 288, 32, 64, 64)
        self.inception4e = block(528, 256, 160, 320, 32, 128, 128)
        self.maxpool4 = nn.MaxPool2d(2, stride=2, ceil_mode=True)
        self.inception5a = block(832, 256, 160, 320, 32, 128, 128)  # (N, 832, 7, 7)
        self.inception5b = block(832, 384, 192, 384, 48, 128, 128)
        self.aux1 = head(512, num_classes, dropout=dropout_aux) if aux_logits else None
        self.aux2 = head(528, num_classes, dropout=dropout_aux) if aux_logits else None
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.dropout = nn.Dropout(dropout)
        self.fc = nn.Linear(1024, num_classes)
        if init_weights is not False:
            for layer in self.modules():
                start(layer, 0.01)

    def forward(self, x: Tensor) -> Tensor | GoogLeNetOutputs:
        """(N, 3, H, W) → (N, num_classes), or GoogLeNetOutputs of three of them"""
        x = as_then(x) if self.transform_input else x
        x = self.maxpool2(self.conv3(self.conv2(self.maxpool1(self.conv1(x)))))
        x = self.inception4a(self.maxpool3(self.inception3b(self.inception3a(x))))
        scores1 = self.aux1(x) if self.training and self.aux1 is not None else None
        x = self.inception4d(self.inception4c(self.inception4b(x)))
        scores2 = self.aux2(x) if self.training and self.aux2 is not None else None
        x = self.inception5b(self.inception5a(self.maxpool4(self.inception4e(x))))
        scores: Tensor = self.fc(self.dropout(self.avgpool(x).flatten(1)))
        return GoogLeNetOutputs(scores, scores2, scores1) if self.training and self.aux_logits else scores


def googlenet(weights: None = None, progress: bool = True, pretrained: bool = False, **kwargs: Any) -> GoogLeNet:
    """GoogLeNet(**kwargs), not trained: UnsupportedError if `weights` or `pretrained` ask for trained ones."""
    refuse_weights("googlenet", weights, pretrained)
    return GoogLeNet(**kwargs)
