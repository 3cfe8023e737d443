"""연습 문제 25: 모듈에 주는 조건. exercises/25_cvae_condition.ko.md를 읽고 클래스와 함수를 쓴다.

`sizes`는 딕셔너리이다: classes K, latents Z, channels(두 합성곱의 것), hidden, image_shape (C, H, W).
`ConditionalVAE(**sizes)`가 이것을 풀어 쓴다. 검사는 배열을 준다. `@tensors`가 그것을 텐서로 바꾸고, 반환한 것을 다시
배열로 바꾼다. 그 줄은 그대로 둔다.
"""

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from exercises.kit.tensors import tensors

DOWN: dict[str, Any] = {"kernel_size": 3, "stride": 2, "padding": 1}
UP: dict[str, Any] = {"kernel_size": 3, "stride": 2, "padding": 1, "output_padding": 1}


class _Encoder(nn.Module):
    """주어진 클래스: 채널 수가 얼마든 이미지 (N, inputs, H, W) -> mu, logvar, 둘의 모양은 (N, Z)."""

    def __init__(
        self, inputs: int, latents: int, channels: tuple[int, int], hidden: int, image_shape: tuple[int, int, int]
    ) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, channels[0], **DOWN)
        self.conv2 = nn.Conv2d(channels[0], channels[1], **DOWN)
        self.fc = nn.Linear(channels[1] * (image_shape[1] // 4) * (image_shape[2] // 4), hidden)
        self.mu = nn.Linear(hidden, latents)
        self.logvar = nn.Linear(hidden, latents)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """평균과 로그 분산."""
        h3 = F.relu(self.fc(F.relu(self.conv2(F.relu(self.conv1(x)))).flatten(1)))
        return self.mu(h3), self.logvar(h3)


class _Decoder(nn.Module):
    """주어진 클래스: 길이가 얼마든 행 (N, inputs) -> 로짓 (N, C, H, W)."""

    def __init__(self, inputs: int, channels: tuple[int, int], hidden: int, image_shape: tuple[int, int, int]) -> None:
        super().__init__()
        image, height, width = image_shape
        self.feature_shape = channels[1], height // 4, width // 4
        self.fc1 = nn.Linear(inputs, hidden)
        self.fc2 = nn.Linear(hidden, math.prod(self.feature_shape))
        self.conv_transpose1 = nn.ConvTranspose2d(channels[1], channels[0], **UP)
        self.conv_transpose2 = nn.ConvTranspose2d(channels[0], image, **UP)

    def forward(self, z: Tensor) -> Tensor:
        """로짓."""
        h5 = F.relu(self.fc2(F.relu(self.fc1(z)))).unflatten(1, self.feature_shape)
        return self.conv_transpose2(F.relu(self.conv_transpose1(h5)))


class ConditionalVAE(nn.Module):
    """q(z|x, y)는 주어진 인코더인 `encoder`, p(x|z, y)는 주어진 디코더인 `decoder`.

    인코더는 이미지의 채널 뒤에 평면 K개를 받고, 디코더는 잠재 변수 뒤에 열 K개를 받는다.
    """

    def __init__(
        self,
        classes: int,
        latents: int,
        channels: tuple[int, int],
        hidden: int,
        image_shape: tuple[int, int, int],
    ) -> None:
        raise NotImplementedError

    def encode(self, x: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """q(z|x, y)의 mu와 logvar, 이미지 (N, C, H, W)와 K보다 작은 레이블 (N,)에 대해."""
        raise NotImplementedError

    def decode(self, z: Tensor, labels: Tensor) -> Tensor:
        """p(x|z, y)의 로짓, 잠재 변수 (N, Z)와 K보다 작은 레이블 (N,)에 대해."""
        raise NotImplementedError


def _loaded(sizes: dict[str, Any], parameters: dict[str, Tensor]) -> ConditionalVAE:
    """주어진 함수: 이 매개변수를 넣은 클래스, float64."""
    model = ConditionalVAE(**sizes).double()
    model.load_state_dict(parameters)
    return model


@tensors()
def planes(labels: Tensor, classes: int, height: int, width: int) -> Tensor:
    """이미지로 나타낸 레이블: 클래스마다 평면 하나, 레이블의 것은 흰색이고 나머지는 검은색이다.

    labels: (N,) 0부터 classes - 1까지의 정수. classes: K. height, width: H와 W.
    반환값: (N, K, H, W) float64, 0과 1.
    """
    raise NotImplementedError


def shapes(sizes: dict[str, Any]) -> dict[str, tuple[int, ...]]:
    """주어진 함수: 클래스의 state_dict, 이름과 모양으로.

    sizes: 위와 같다.
    반환값: {"encoder.conv1.weight": (32, 11, 3, 3), ...} 같은 딕셔너리.
    """
    return {name: tuple(value.shape) for name, value in ConditionalVAE(**sizes).state_dict().items()}


@tensors()
def encode(sizes: dict[str, Any], parameters: dict[str, Tensor], x: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """주어진 함수: 이 매개변수로 부른 클래스의 `encode`.

    sizes: 위와 같다. parameters: float64의 state_dict. x: (N, C, H, W) float64. labels: (N,) K보다 작은 정수.
    반환값: mu와 logvar, 둘의 모양은 (N, Z), float64.
    """
    with torch.no_grad():
        return _loaded(sizes, parameters).encode(x, labels)


@tensors()
def decode(sizes: dict[str, Any], parameters: dict[str, Tensor], z: Tensor, labels: Tensor) -> Tensor:
    """주어진 함수: 이 매개변수로 부른 클래스의 `decode`.

    sizes, parameters, labels: `encode`와 같다. z: (N, Z) float64.
    반환값: 로짓 (N, C, H, W) float64.
    """
    with torch.no_grad():
        return _loaded(sizes, parameters).decode(z, labels)


@tensors()
def completion(x: Tensor, mask: Tensor) -> Tensor:
    """이미지의 일부를 주고 나머지를 구할 때의 조건.

    x: (N, C, H, W) float64, [0, 1]의 값. mask: (H, W) float64, 주어진 픽셀은 1이고 없는 픽셀은 0이다.
    반환값: (N, C + 1, H, W). 없는 곳은 검은색인 이미지, 그리고 그 채널 뒤에 마스크.
    """
    raise NotImplementedError


@tensors()
def completion_loss(logits: Tensor, x: Tensor, mask: Tensor, mu: Tensor, logvar: Tensor) -> dict[str, Tensor]:
    """없는 픽셀의 log p(x|c)의 하한에 음의 부호를 붙인 것, 사전 분포는 N(0, I), 단위는 이미지당 내트.

    logits, x: (N, C, H, W). mask: (H, W), 주어진 픽셀은 1. mu, logvar: (N, Z), q(z|x, c)의 것.
    반환값: 축이 없는 텐서 세 개의 딕셔너리: loss, reconstruction, kl.
    """
    raise NotImplementedError
