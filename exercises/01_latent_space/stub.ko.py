"""연습 문제 01: 잠재 공간의 지도. exercises/01_latent_space.ko.md를 읽고 함수 다섯 개를 쓴다.

함수 다섯 개를 모두 쓴 다음 이 파일을 실행하면, 그 함수로 잠재 공간을 그린다.
"""

from collections.abc import Callable

import numpy as np


def latent_means(encode: Callable, images: np.ndarray) -> np.ndarray:
    """이미지마다 잠재 공간에서의 위치: q(z|x)에서 뽑은 표본이 아니라 q(z|x)의 평균.

    encode: 이미지를 받아 쌍 mu, logvar를 반환하는 함수. 둘의 모양은 (N, Z).
    images: (N, C, H, W) float64, [0, 1]의 값.
    반환값: (N, Z).
    """
    raise NotImplementedError


def class_centroids(mu: np.ndarray, labels: np.ndarray, classes: int) -> np.ndarray:
    """클래스마다 잠재 변수의 평균을 다시 평균한 것.

    mu: (N, Z) float64, 이미지 N장의 잠재 변수의 평균.
    labels: (N,) 0부터 classes - 1까지의 정수. 순서는 임의이고, 모든 클래스가 나온다.
    classes: 클래스의 수.
    반환값: (classes, Z). 행 k가 클래스 k이다.
    """
    raise NotImplementedError


def quantiles(n: int) -> np.ndarray:
    """표준 정규분포를 확률이 같은 n개의 구간으로 나눌 때, 구간마다 그 안에 있는 값 하나씩, 모두 n개.

    n: 값의 개수, 1 이상.
    반환값: (n,) float64, 오름차순. N(0, 1)에서 그 값보다 작을 확률이 (i + 0.5) / n이다. i = 0, 1, ...
    """
    raise NotImplementedError


def latent_grid(values: np.ndarray) -> np.ndarray:
    """정사각형 격자의 모든 점 (z1, z2)를 글을 읽는 순서로 늘어놓은 것: 맨 윗줄부터, 줄마다 왼쪽에서 오른쪽으로.

    values: (n,) float64, 오름차순: z1과 z2의 값. z1은 오른쪽으로, z2는 위쪽으로 커진다.
    반환값: (n * n, 2). z2가 가장 큰 맨 윗줄이 먼저이다.
    """
    raise NotImplementedError


def decode_grid(decode: Callable, z: np.ndarray) -> np.ndarray:
    """점마다 디코더가 기대하는 이미지.

    decode: 잠재 변수 (M, Z)를 받아 로짓 (M, C, H, W)를 반환하는 함수. 로짓은 임의의 실수이다.
    z: (M, Z) float64, 잠재 공간의 점.
    반환값: (M, C, H, W). 픽셀마다 흰색일 확률.
    """
    raise NotImplementedError


if __name__ == "__main__":
    from exercises.model.pictures import draw_latent_space

    draw_latent_space(__file__, latent_means, class_centroids, quantiles, latent_grid, decode_grid)
