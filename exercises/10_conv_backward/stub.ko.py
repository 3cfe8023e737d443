"""연습 문제 10: 합성곱을 거꾸로. exercises/10_conv_backward.ko.md를 읽고 함수 세 개를 쓴다.

세 함수는 층 y = conv2d(x, weight, bias, stride, padding)의 것이며, 이 층은 다음과 같다.

    y[n, o, p, q] = bias[o] + (c, i, j에 대한 합) weight[o, c, i, j] * x[n, c, stride*p + i - padding, ...]

x: (N, C, H, W), weight: (O, C, KH, KW), bias: (O,), y: (N, O, OH, OW). 여기서 OH = (H + 2*padding - KH) // stride +
1이고 OW도 마찬가지이다. 이미지 바깥에서 x는 0이다.
"""

import numpy as np


def conv2d_dbias(dy: np.ndarray) -> np.ndarray:
    """편향에 대한 기울기.

    dy: (N, O, OH, OW) float64, 기울기 dL/dy.
    반환값: dbias, (O,).
    """
    raise NotImplementedError


def conv2d_dweight(
    dy: np.ndarray, x: np.ndarray, kernel_size: tuple[int, int], stride: int, padding: int
) -> np.ndarray:
    """커널에 대한 기울기.

    dy: (N, O, OH, OW) float64. x: (N, C, H, W), 층의 입력. kernel_size: (KH, KW).
    stride, padding: 층의 것, 두 방향에서 같다.
    반환값: dweight, (O, C, KH, KW).
    """
    raise NotImplementedError


def conv2d_dx(dy: np.ndarray, weight: np.ndarray, image_size: tuple[int, int], stride: int, padding: int) -> np.ndarray:
    """이미지에 대한 기울기.

    dy: (N, O, OH, OW) float64. weight: (O, C, KH, KW). image_size: (H, W). OH와 OW만으로는 정해지지 않는다.
    stride, padding: 층의 것, 두 방향에서 같다.
    반환값: dx, (N, C, H, W).
    """
    raise NotImplementedError
