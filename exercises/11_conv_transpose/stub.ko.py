"""연습 문제 11: 전치 합성곱. exercises/11_conv_transpose.ko.md를 읽고 함수 세 개를 쓴다."""

import numpy as np


def output_size(size: int, kernel: int, stride: int, padding: int, output_padding: int) -> int:
    """행이 `size`개인 입력에서 전치 합성곱이 만드는 출력의 행 수(열도 마찬가지이다).

    size: 입력의 행 수. kernel: 커널의 행 수.
    stride, padding: 전치하는 합성곱의 것. output_padding: 0부터 stride - 1까지.
    반환값: 정수.
    """
    raise NotImplementedError


def input_sizes(size: int, kernel: int, stride: int, padding: int) -> np.ndarray:
    """보통의 합성곱이 `size`개의 행을 만드는 모든 입력의 행 수: 출력의 크기가 같은 크기들.

    size: 합성곱의 출력의 행 수. kernel, stride, padding: 합성곱의 것.
    반환값: 정수의 배열, 작은 것부터.
    """
    raise NotImplementedError


def conv_transpose2d(
    x: np.ndarray, weight: np.ndarray, bias: np.ndarray, stride: int, padding: int, output_padding: int
) -> np.ndarray:
    """전치 합성곱: x의 픽셀마다 커널에 그 값을 곱한 것(도장)을 출력에 더한다.

    x: (N, I, H, W) float64, 채널이 I개인 이미지 N장. weight: (I, O, KH, KW), 입력 채널이 먼저이다.
    bias: (O,). stride: 한 도장에서 다음 도장까지의 행과 열의 수. padding: 네 변에서 잘라 내는 행과 열의 수.
    output_padding: 출력의 아래쪽과 오른쪽에서 늘어나는 행과 열의 수.
    반환값: (N, O, OH, OW). 여기서 OH = output_size(H, KH, stride, padding, output_padding)이고 OW도 마찬가지이다.
    """
    raise NotImplementedError
