"""연습 문제 12: Adam의 한 스텝. exercises/12_adam.ko.md를 읽고 함수를 쓴다."""

import numpy as np


def adam(
    parameter: np.ndarray,
    gradient: np.ndarray,
    m: np.ndarray,
    v: np.ndarray,
    t: int,
    learning_rate: float,
    beta1: float,
    beta2: float,
    eps: float,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, int]:
    """매개변수 하나에 대한 Adam의 한 스텝. 인수는 바꾸지 않는다.

    parameter, gradient: 모양이 같은 float64 배열. m, v: 역시 같은 모양의 배열, 앞 스텝이 반환한 것이고 첫 스텝에서는
    0이다. t: 이 스텝 전까지 한 스텝의 수, 첫 스텝에서 0.
    learning_rate, beta1, beta2, eps: 수, 보통 0.001, 0.9, 0.999, 1e-8.
    반환값: (parameter, m, v, t). 모두 새 값이고, t는 이 스텝도 센다.
    """
    raise NotImplementedError
