"""연습 문제 05: 디코더는 x를 얼마나 잘 예측하는가? exercises/05_bernoulli.ko.md를 읽고 함수를 쓴다."""

import numpy as np


def sigmoid(x: np.ndarray) -> np.ndarray:
    """원소마다 1 / (1 + exp(-x)): 로짓을 픽셀이 흰색일 확률로 바꾼다.

    x: 모양은 임의, float64. 원소가 1000만큼 크거나 -1000만큼 작을 수 있다. 반환값: x와 모양이 같은 배열.
    """
    raise NotImplementedError  # 빈칸을 채우고 이 줄을 지운다
    small = np.exp(-np.abs(x))  # x가 무엇이든 1을 넘지 않는다
    where_positive = ...  # 빈칸: x >= 0일 때의 시그모이드, `small`만 써서
    where_negative = small / (1 + small)
    return np.where(x >= 0, where_positive, where_negative)


def bce(logits: np.ndarray, target: np.ndarray) -> float:
    """-log p(x|z), 단위는 이미지당 내트: 픽셀에 대해 더하고 배치에 대해 평균한다.

    logits: (N, D) float64, 디코더의 출력. p(x|z) = Bernoulli(sigmoid(logits)).
    target: (N, D) float64, 이미지, 0과 1 사이의 값.
    반환값: 수 하나.
    """
    raise NotImplementedError  # 빈칸을 채우고 이 줄을 지운다
    rest = ...  # 빈칸: 로짓마다의 log(1 + exp(-|l|))
    losses = np.maximum(logits, 0) - logits * target + rest
    return losses.sum() / len(logits)


def bce_backward(dy: float, logits: np.ndarray, target: np.ndarray) -> np.ndarray:
    """어떤 손실의 로짓에 대한 기울기.

    dy: 수 하나, 그 손실을 bce(logits, target)로 미분한 것.
    logits, target: `bce`와 같다.
    반환값: (N, D). bce를 각 로짓으로 미분한 것의 dy배.
    """
    raise NotImplementedError  # 빈칸을 채우고 이 줄을 지운다
    difference = ...  # 빈칸: x̂에서 목표를 뺀 것, (N, D)
    return dy * difference / len(logits)
