"""연습 문제 02: 한 이미지에서 다른 이미지로. exercises/02_interpolation.ko.md를 읽고 함수 네 개를 쓴다.

이 파일을 실행하면 이미지 사이의 두 경로를 그려 파일 옆에 저장한다. 마지막 두 함수가 있어야 한다.
"""

from collections.abc import Callable

import numpy as np


def lerp(a: np.ndarray, b: np.ndarray, t: np.ndarray) -> np.ndarray:
    """a에서 b로 가는 직선 위의 점.

    a, b: (Z,) float64, 점 두 개.
    t: (T,) float64, 어디까지 갔는지를 나타내는 수: 0이면 a, 1이면 b.
    반환값: (T, Z). t마다 점 하나.
    """
    raise NotImplementedError


def slerp(a: np.ndarray, b: np.ndarray, t: np.ndarray) -> np.ndarray:
    """원점을 중심으로 a에서 b로 가는 호 위의 점.

    a, b: (Z,) float64, 점 두 개. 어느 것도 원점이 아니고, 정확히 반대쪽에 있지도 않다. 방향이 같을 수는 있으며, 그때
    호는 직선이 된다.
    t: (T,) float64, 어디까지 갔는지를 나타내는 수: 0이면 a, 1이면 b.
    반환값: (T, Z). t마다 점 하나.
    """
    raise NotImplementedError


def pixel_path(x_a: np.ndarray, x_b: np.ndarray, t: np.ndarray) -> np.ndarray:
    """한 이미지를 다른 이미지로 픽셀마다 서서히 섞은 것.

    x_a, x_b: (C, H, W) float64, [0, 1]의 값, 이미지 두 장.
    t: (T,) float64, 어디까지 갔는지를 나타내는 수: 0이면 x_a, 1이면 x_b.
    반환값: (T, C, H, W). t마다 이미지 하나.
    """
    raise NotImplementedError


def latent_path(encode: Callable, decode: Callable, x_a: np.ndarray, x_b: np.ndarray, t: np.ndarray) -> np.ndarray:
    """두 이미지의 잠재 변수의 평균을 잇는 직선 위의 점을 디코딩한 이미지.

    encode: 이미지 (N, C, H, W)를 받아 쌍 mu, logvar를 반환하는 함수. 둘의 모양은 (N, Z).
    decode: 잠재 변수 (M, Z)를 받아 로짓 (M, C, H, W)를 반환하는 함수.
    x_a, x_b: (C, H, W) float64, [0, 1]의 값, 이미지 두 장.
    t: (T,) float64, 어디까지 갔는지를 나타내는 수: 0이면 x_a, 1이면 x_b.
    반환값: (T, C, H, W). t마다, 픽셀마다 흰색일 확률.
    """
    raise NotImplementedError


if __name__ == "__main__":
    from exercises.model.pictures import draw_paths

    draw_paths(__file__, pixel_path, latent_path)
