"""연습 문제 23: 매개변수를 지니는 층. exercises/23_module.ko.md를 읽고 클래스와 함수를 쓴다.

`sizes`는 딕셔너리이다: latents, channels(두 합성곱의 것), hidden, image_shape (C, H, W). `VAE(**sizes)`가
이것을 풀어 쓴다. 검사는 배열을 준다. `@tensors`가 그것을 텐서로 바꾸고, 반환한 것을 다시 배열로 바꾼다.
그 줄은 그대로 둔다.
"""

import math
from typing import Any

import torch  # noqa: F401
import torch.nn.functional as F
from torch import Tensor, nn

from exercises.kit.tensors import tensors

DOWN: dict[str, Any] = {"kernel_size": 3, "stride": 2, "padding": 1}
UP: dict[str, Any] = {"kernel_size": 3, "stride": 2, "padding": 1, "output_padding": 1}


class _Decoder(nn.Module):
    """주어진 클래스: z (N, Z) -> 로짓 (N, C, H, W), 3단의 디코더."""

    def __init__(self, latents: int, channels: tuple[int, int], hidden: int, image_shape: tuple[int, int, int]) -> None:
        super().__init__()
        image, height, width = image_shape
        self.feature_shape = channels[1], height // 4, width // 4
        self.fc1 = nn.Linear(latents, hidden)
        self.fc2 = nn.Linear(hidden, math.prod(self.feature_shape))
        self.conv_transpose1 = nn.ConvTranspose2d(channels[1], channels[0], **UP)
        self.conv_transpose2 = nn.ConvTranspose2d(channels[0], image, **UP)

    def forward(self, z: Tensor) -> Tensor:
        """p(x|z)의 로짓."""
        h5 = F.relu(self.fc2(F.relu(self.fc1(z)))).unflatten(1, self.feature_shape)
        return self.conv_transpose2(F.relu(self.conv_transpose1(h5)))


class Encoder(nn.Module):
    """x (N, C, H, W) -> mu, logvar, 둘의 모양은 (N, Z): conv1, conv2, fc 뒤에는 저마다 ReLU, 그다음 mu와 logvar."""

    def __init__(self, latents: int, channels: tuple[int, int], hidden: int, image_shape: tuple[int, int, int]) -> None:
        raise NotImplementedError

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """q(z|x)의 평균과 로그 분산."""
        raise NotImplementedError


class VAE(nn.Module):
    """`encoder`라는 Encoder와 `decoder`라는 _Decoder."""

    def __init__(self, latents: int, channels: tuple[int, int], hidden: int, image_shape: tuple[int, int, int]) -> None:
        raise NotImplementedError


class Centre(nn.Module):
    """고정된 이미지 `mean`을 뺀다. 학습하지 않지만, 가중치와 함께 저장되고 옮겨지고 형이 바뀐다."""

    def __init__(self, mean: Tensor) -> None:
        raise NotImplementedError

    def forward(self, x: Tensor) -> Tensor:
        """이미지마다 평균을 뺀 것."""
        raise NotImplementedError


def names(sizes: dict[str, Any]) -> dict[str, tuple[int, ...]]:
    """주어진 함수: VAE의 state_dict, 이름과 모양으로.

    sizes: 위와 같다.
    반환값: {"encoder.conv1.weight": (32, 1, 3, 3), ...} 같은 딕셔너리.
    """
    return {name: tuple(value.shape) for name, value in VAE(**sizes).state_dict().items()}


@tensors()
def encode(sizes: dict[str, Any], parameters: dict[str, Tensor], x: Tensor) -> tuple[Tensor, Tensor]:
    """이 매개변수로 인코더가 낸 결과, 테이프에 있지 않다.

    sizes: 위와 같다. parameters: 1단의 state_dict 전체, float64이고 순서는 정해지지 않았다. x: (N, C, H, W) float64.
    반환값: mu와 logvar, 둘의 모양은 (N, Z), float64.
    """
    raise NotImplementedError


@tensors()
def gradients(sizes: dict[str, Any], parameters: dict[str, Tensor], x: Tensor) -> dict[str, Tensor]:
    """이미지당 내트로 나타낸 KL 발산의 기울기, 그것이 의존하는 모든 매개변수에 대해.

    sizes, parameters, x: `encode`와 같다.
    반환값: VAE의 매개변수 이름별 딕셔너리.
    """
    raise NotImplementedError


@tensors()
def centre(mean: Tensor, x: Tensor) -> dict[str, Any]:
    """주어진 함수: Centre가 지니는 것과 하는 일.

    mean: (C, H, W) float64. x: (N, C, H, W) float64.
    반환값: 딕셔너리. 매개변수의 이름, state_dict의 이름, x에 대한 결과, 그리고 모듈을 `.float()`로 바꾼 뒤 결과의
    dtype.
    """
    module = Centre(mean)
    held = {"parameters": [name for name, _ in module.named_parameters()], "state": list(module.state_dict())}
    result = module(x).detach()
    return held | {"result": result, "after float()": str(module.float()(x.float()).dtype)}
