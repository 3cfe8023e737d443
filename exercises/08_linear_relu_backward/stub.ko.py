"""연습 문제 08: 한 층을 거꾸로. exercises/08_linear_relu_backward.ko.md를 읽고 함수 세 개를 쓴다."""

import numpy as np


def linear_backward(dy: np.ndarray, x: np.ndarray, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """선형 층 y = x weight^T + bias에 들어가는 것에 대한 손실 L의 기울기.

    dy: (N, O) float64, 위에서 내려온 기울기 dL/dy. x: (N, I), 층의 입력.
    weight: (O, I). N은 이미지의 수, I는 입력의 수, O는 출력의 수이다.
    반환값: (dx, dweight, dbias), 모양은 (N, I), (O, I), (O,).
    """
    raise NotImplementedError


def relu_backward(dy: np.ndarray, x: np.ndarray) -> np.ndarray:
    """y = max(x, 0)의 입력에 대한 L의 기울기.

    dy: 기울기 dL/dy, float64, 모양은 임의. x: ReLU의 입력, 모양은 dy와 같다. 0인 원소는 없다.
    반환값: dx, 같은 모양.
    """
    raise NotImplementedError


def linear_relu_backward(
    dy: np.ndarray, x: np.ndarray, weight: np.ndarray, y: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """층 전체 y = max(x weight^T + bias, 0)에 대한 L의 기울기. x와 y만 저장되어 있다.

    dy: (N, O) float64, 기울기 dL/dy. x: (N, I), 층의 입력. weight: (O, I).
    y: (N, O), ReLU를 지난 층의 출력. ReLU가 닫힌 곳에서 0이다.
    반환값: (dx, dweight, dbias), 모양은 (N, I), (O, I), (O,).
    """
    raise NotImplementedError
