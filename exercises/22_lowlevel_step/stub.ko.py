"""연습 문제 22: 텐서로 쓰는 훈련 한 단계. exercises/22_lowlevel_step.ko.md를 읽고 함수 세 개를 쓴다.

`parameters`는 2단과 같은 텐서의 딕셔너리이고("encoder.conv1.weight" 등), 텐서마다 requires_grad=True이다.
검사는 배열을 준다. `@tensors`와 `@differentiated`가 그것을 텐서로 바꾸고, 반환한 것을 다시 배열로 바꾼다.
그 두 줄은 그대로 둔다. 자신의 함수가 다른 함수를 부를 때처럼 텐서를 주면 아무 일도 하지 않는다.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from exercises.kit.tensors import differentiated, tensors

DOWN: dict[str, Any] = {"stride": 2, "padding": 1}
UP: dict[str, Any] = {"stride": 2, "padding": 1, "output_padding": 1}


def _layer(parameters: dict[str, Tensor], name: str) -> tuple[Tensor, Tensor]:
    """주어진 함수: 층의 가중치와 편향."""
    return parameters[f"{name}.weight"], parameters[f"{name}.bias"]


def _forward(parameters: dict[str, Tensor], x: Tensor, eps: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """주어진 함수: x -> q(z|x) -> z -> p(x|z), 2단의 코드. 반환값: x와 모양이 같은 로짓, 그리고 mu와 logvar (N, Z)."""
    height, width = x.shape[2:]
    h1 = F.relu(F.conv2d(x, *_layer(parameters, "encoder.conv1"), **DOWN))
    h2 = F.relu(F.conv2d(h1, *_layer(parameters, "encoder.conv2"), **DOWN))
    h3 = F.relu(F.linear(h2.reshape(len(x), -1), *_layer(parameters, "encoder.fc")))
    mu = F.linear(h3, *_layer(parameters, "encoder.mu"))
    logvar = F.linear(h3, *_layer(parameters, "encoder.logvar"))
    z = mu + torch.exp(logvar / 2) * eps
    h4 = F.relu(F.linear(z, *_layer(parameters, "decoder.fc1")))
    h5 = F.relu(F.linear(h4, *_layer(parameters, "decoder.fc2"))).reshape(len(x), -1, height // 4, width // 4)
    h6 = F.relu(F.conv_transpose2d(h5, *_layer(parameters, "decoder.conv_transpose1"), **UP))
    return F.conv_transpose2d(h6, *_layer(parameters, "decoder.conv_transpose2"), **UP), mu, logvar


@differentiated("logits", "mu", "logvar")
def loss(logits: Tensor, x: Tensor, mu: Tensor, logvar: Tensor, beta: float) -> dict[str, Tensor]:
    """음의 ELBO와 그 두 항, 단위는 이미지당 내트, 테이프 위에 있다.

    logits, x: (N, 1, H, W). mu, logvar: (N, Z). beta: KL 발산의 가중치.
    반환값: 축이 없는 텐서 세 개의 딕셔너리. 처음이 loss = reconstruction + beta * kl, 그다음 reconstruction, kl.
    """
    raise NotImplementedError


@tensors("parameters")
def gradients(parameters: dict[str, Tensor], x: Tensor, eps: Tensor, beta: float) -> dict[str, Tensor]:
    """매개변수마다 손실의 기울기를 autograd로 구한다.

    parameters: 모든 가중치와 편향, 이름별로. x: (N, 1, H, W), [0, 1]의 이미지. eps: (N, Z), 잡음. beta: KL 발산의
    가중치.
    반환값: `parameters`와 이름과 모양이 같은 딕셔너리.
    """
    raise NotImplementedError


@tensors("parameters")
def train(
    parameters: dict[str, Tensor], x: Tensor, eps: Tensor, beta: float, learning_rate: float
) -> dict[str, dict[str, Tensor] | list[float]]:
    """배치마다 차례로 Adam의 훈련 한 단계, 옵티마이저는 하나이다.

    parameters: 위와 같다. 제자리에서 바꾸어도 된다. x: (S, N, 1, H, W), 배치 S개. eps: (S, N, Z), 그 잡음.
    beta: 위와 같다. learning_rate: Adam의 학습률. 나머지 옵션은 보통의 값이다: betas 0.9와 0.999, eps 1e-8.
    반환값: 딕셔너리. losses는 수 S개의 리스트로, 각각 그 단계 앞의 손실이다. parameters는 마지막 단계 뒤의 것이다.
    """
    raise NotImplementedError
