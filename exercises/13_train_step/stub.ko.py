"""연습 문제 13: 훈련 스텝 전체. exercises/13_train_step.ko.md를 읽고 함수 네 개를 쓴다.

import는 이 연습 문제에서 쓸 수 있는 것이다: 1단의 연산과, 연산마다의 역전파 함수. 앞 연습 문제의 답을 붙여 넣어도 된다.
"""

import numpy as np

from numpy_impl.functional import (  # noqa: F401
    binary_cross_entropy_with_logits,
    binary_cross_entropy_with_logits_backward,
    conv2d,
    conv2d_backward,
    conv_transpose2d,
    conv_transpose2d_backward,
    linear,
    linear_backward,
    relu,
    relu_backward,
)

DOWN = {"stride": 2, "padding": 1}
"""인코더의 합성곱의 옵션: conv2d(..., **DOWN)."""
UP = {"stride": 2, "padding": 1, "output_padding": 1}
"""디코더의 전치 합성곱의 옵션."""


def forward(parameters: dict[str, np.ndarray], x: np.ndarray, eps: np.ndarray) -> dict[str, np.ndarray]:
    """x -> q(z|x) -> z -> p(x|z). 역전파에 필요한 활성값을 모두 반환한다.

    parameters: 모든 가중치와 편향, 이름은 페이지의 표와 같다. x: (N, 1, H, W), [0, 1]의 값인 이미지.
    eps: (N, Z), 잡음.
    반환값: h1, h2, h3, mu, logvar, z, h4, h5, h6, logits를 담은 딕셔너리, 모양은 페이지의 표와 같다.
    """
    raise NotImplementedError


def loss(logits: np.ndarray, x: np.ndarray, mu: np.ndarray, logvar: np.ndarray, beta: float) -> dict[str, float]:
    """음의 ELBO와 그 항, 단위는 이미지당 내트.

    logits, x: (N, 1, H, W). mu, logvar: (N, Z). beta: KL 발산의 가중치.
    반환값: 수 세 개를 담은 딕셔너리: reconstruction, kl(beta를 곱하지 않은 것), loss = reconstruction + beta * kl.
    첫째는 픽셀에 대해, 둘째는 잠재 변수에 대해 더하고, 둘 다 배치에 대해 평균한다.
    """
    raise NotImplementedError


def backward(
    parameters: dict[str, np.ndarray], x: np.ndarray, eps: np.ndarray, activations: dict[str, np.ndarray], beta: float
) -> dict[str, np.ndarray]:
    """모든 매개변수에 대한 손실의 기울기: `forward`와 `loss`를 거꾸로 지난다.

    parameters, x, eps: `forward`와 같다. activations: 그것으로 `forward`가 반환한 것. beta: `loss`와 같다.
    반환값: 이름과 모양이 `parameters`와 같은 딕셔너리.
    """
    raise NotImplementedError


def train_step(
    parameters: dict[str, np.ndarray],
    m: dict[str, np.ndarray],
    v: dict[str, np.ndarray],
    t: int,
    x: np.ndarray,
    eps: np.ndarray,
    beta: float,
    learning_rate: float,
) -> dict[str, dict[str, np.ndarray] | float | int]:
    """순전파, 손실, 역전파, 그리고 모든 매개변수에 대한 Adam의 한 스텝.

    인수는 바꾸지 않는다. 딕셔너리도 마찬가지이며, 결과는 새 딕셔너리이다.

    parameters, x, eps, beta: 위와 같다. m, v: 모든 매개변수에 대한 Adam의 이동 평균, 이름은 매개변수의 이름. t: 이 스텝
    전까지 한 스텝의 수. learning_rate: 수 하나. Adam의 다른 옵션은 보통의 값이다: 베타는 0.9와 0.999, eps는 1e-8.
    반환값: 딕셔너리: loss(수 하나, 스텝 전의 값), 그리고 새 parameters, m, v, t.
    """
    raise NotImplementedError
