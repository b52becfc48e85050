"""Convolutional blocks of EfficientViT (Cai et al. 2023); module names equal the published keys."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn

EPS = 1e-6  # EfficientViT-SAM sets it in every normalization


class ConvLayer(nn.Module):
    """Convolution that keeps the size (up to its stride), normalization, tanh-GELU.

    Args:
        inputs: channels read.
        outputs: channels written.
        kernel: side of the kernel.
        stride: 2 halves the resolution.
        groups: `inputs` for a depth-wise convolution.
        norm: batch normalization; without it the convolution usually has a bias.
        bias: None for "where there is no normalization".
        act: activate the output.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: int = 1,
        *,
        stride: int = 1,
        groups: int = 1,
        norm: bool = True,
        bias: bool | None = None,
        act: bool = True,
    ) -> None:
        super().__init__()
        has_bias = not norm if bias is None else bias
        self.conv = nn.Conv2d(
            inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=has_bias
        )
        self.norm: nn.Module | None = nn.BatchNorm2d(outputs, EPS) if norm else None
        self.act: nn.Module | None = nn.GELU(approximate="tanh") if act else None

    def forward(self, maps: Tensor) -> Tensor:
        """(B, outputs, H / stride, W / stride)."""
        maps = self.conv(maps)
        if self.norm is not None:
            maps = self.norm(maps)
        return maps if self.act is None else self.act(maps)


class Sequence(nn.Module):
    """Layers in a row, under the key the published files give such rows."""

    def __init__(self, layers: list[nn.Module]) -> None:
        super().__init__()
        self.op_list = nn.ModuleList(layers)

    def forward(self, maps: Tensor) -> Tensor:
        """What the last layer answers."""
        for layer in self.op_list:
            maps = layer(maps)
        return maps


class Branch(nn.Module):
    """A block, with or without its input added."""

    def __init__(self, main: nn.Module, skip: bool = True) -> None:
        super().__init__()
        self.main = main
        self.skip = skip

    def forward(self, maps: Tensor) -> Tensor:
        """The block's answer, plus `maps` where there is a skip."""
        answer: Tensor = self.main(maps)
        return maps + answer if self.skip else answer


class SkipBlock(nn.Module):
    """Two 3x3 convolutions."""

    def __init__(
        self, inputs: int, outputs: int, stride: int, expansion: float, sparse_norm: bool
    ) -> None:
        super().__init__()
        hidden = round(inputs * expansion)
        self.conv1 = ConvLayer(inputs, hidden, 3, stride=stride, norm=not sparse_norm)
        self.conv2 = ConvLayer(hidden, outputs, 3, act=False)

    def forward(self, maps: Tensor) -> Tensor:
        """(B, outputs, H / stride, W / stride)."""
        answer: Tensor = self.conv2(self.conv1(maps))
        return answer


class FusedBottleneck(nn.Module):
    """A full 3x3 convolution to more channels, then a 1x1 projection (FusedMBConv)."""

    def __init__(
        self, inputs: int, outputs: int, stride: int, expansion: float, sparse_norm: bool
    ) -> None:
        super().__init__()
        hidden = round(inputs * expansion)
        self.spatial_conv = ConvLayer(inputs, hidden, 3, stride=stride, norm=not sparse_norm)
        self.point_conv = ConvLayer(hidden, outputs, act=False)

    def forward(self, maps: Tensor) -> Tensor:
        """(B, outputs, H / stride, W / stride)."""
        answer: Tensor = self.point_conv(self.spatial_conv(maps))
        return answer


class Bottleneck(nn.Module):
    """1x1 to more channels, 3x3 depth-wise, 1x1 projection (MBConv)."""

    def __init__(
        self, inputs: int, outputs: int, stride: int, expansion: float, sparse_norm: bool
    ) -> None:
        super().__init__()
        hidden, norm = round(inputs * expansion), not sparse_norm
        self.inverted_conv = ConvLayer(inputs, hidden, norm=norm)
        self.depth_conv = ConvLayer(hidden, hidden, 3, stride=stride, groups=hidden, norm=norm)
        self.point_conv = ConvLayer(hidden, outputs, act=False)

    def forward(self, maps: Tensor) -> Tensor:
        """(B, outputs, H / stride, W / stride)."""
        answer: Tensor = self.point_conv(self.depth_conv(self.inverted_conv(maps)))
        return answer


BLOCKS: dict[str, Callable[[int, int, int, float, bool], nn.Module]] = {
    "residual": SkipBlock,
    "fused": FusedBottleneck,
    "bottleneck": Bottleneck,
}
