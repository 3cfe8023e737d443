"""연습 문제 16: 클래스를 입력으로 받는 VAE. exercises/16_conditional.ko.md를 읽고 함수 다섯 개를 쓴다.

크기: 픽셀 D개인 이미지 N장, 잠재 변수 Z개, 클래스 K개. `parameters`에는 아래의 층마다 가중치 (outputs, inputs)와 편향이
있고, 그 이름은 "encoder.fc.weight"와 "encoder.fc.bias" 같은 것이다.

    encoder.fc   D + K -> hidden        decoder.fc   Z + K -> hidden
    encoder.mu   hidden -> Z            decoder.out  hidden -> D
    encoder.logvar  hidden -> Z

D개(또는 Z개)의 열 뒤에 있는 K개의 열은 레이블의 것이다.
"""

import numpy as np

# `loss`에 쓸 주어진 함수: 발산과 교차 엔트로피는 모두 전체에 대한 합이고 단위는 내트이다.
from numpy_impl.functional import binary_cross_entropy_with_logits, linear, relu, sigmoid  # noqa: F401
from numpy_impl.vae_numpy import kl_divergence, layer, reparameterize  # noqa: F401

CLASSES = 3


def _encoder(parameters: dict[str, np.ndarray], inputs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """주어진 함수: 인코더의 신경망. inputs: (N, D + K). 반환값: mu와 logvar, 둘의 모양은 (N, Z)."""
    hidden = relu(linear(inputs, *layer(parameters, "encoder.fc")))
    return linear(hidden, *layer(parameters, "encoder.mu")), linear(hidden, *layer(parameters, "encoder.logvar"))


def _decoder(parameters: dict[str, np.ndarray], inputs: np.ndarray) -> np.ndarray:
    """주어진 함수: 디코더의 신경망. inputs: (N, Z + K). 반환값: 로짓 (N, D)."""
    hidden = relu(linear(inputs, *layer(parameters, "decoder.fc")))
    return linear(hidden, *layer(parameters, "decoder.out"))


def one_hot(labels: np.ndarray, classes: int) -> np.ndarray:
    """레이블마다 한 행: 레이블의 열에서 1, 다른 열에서 0.

    labels: (N,) 0부터 classes - 1까지의 정수. classes: K, 열의 수.
    반환값: (N, K) float64.
    """
    raise NotImplementedError


def encode(parameters: dict[str, np.ndarray], x: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """q(z|x, y): 인코더는 이미지와 그 레이블을 받는다.

    parameters: 가중치와 편향. x: (N, D) float64. labels: (N,) CLASSES보다 작은 정수.
    반환값: mu와 logvar, 둘의 모양은 (N, Z).
    """
    raise NotImplementedError


def decode(parameters: dict[str, np.ndarray], z: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """p(x|z, y): 디코더는 잠재 변수와 레이블을 받는다.

    parameters: 가중치와 편향. z: (N, Z) float64. labels: (N,) CLASSES보다 작은 정수.
    반환값: 로짓 (N, D).
    """
    raise NotImplementedError


def loss(parameters: dict[str, np.ndarray], x: np.ndarray, labels: np.ndarray, eps: np.ndarray) -> dict[str, float]:
    """log p(x|y)의 하한에 음의 부호를 붙인 것, 단위는 이미지당 내트. 사전 분포는 모든 클래스에서 N(0, I)이다.

    parameters: 가중치와 편향. x: (N, D) float64, [0, 1]의 값. labels: (N,) CLASSES보다 작은 정수.
    eps: (N, Z) float64, z = mu + σ eps의 잡음.
    반환값: {"loss": ..., "reconstruction": ..., "kl": ...}.
    """
    raise NotImplementedError


def generate(parameters: dict[str, np.ndarray], label: int, z: np.ndarray) -> np.ndarray:
    """고른 클래스 하나의 이미지: 픽셀의 기댓값.

    parameters: 가중치와 편향. label: 클래스. z: (N, Z) float64, 사전 분포에서 뽑은 표본.
    반환값: (N, D), 0과 1 사이의 값.
    """
    raise NotImplementedError
