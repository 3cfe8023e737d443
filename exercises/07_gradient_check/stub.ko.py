"""연습 문제 07: 역전파 함수의 검사기. exercises/07_gradient_check.ko.md를 읽고 함수를 쓴다."""

from collections.abc import Callable

import numpy as np


def check_gradient(
    f: Callable[[np.ndarray], np.ndarray | float],
    f_backward: Callable[[np.ndarray, np.ndarray], np.ndarray],
    x: np.ndarray,
    rng: np.random.Generator,
) -> bool:
    """f_backward는 x에서 f의 도함수인가? f의 차분과 비교한다.

    f: f(x)는 임의의 모양의 배열이나 수 하나이다. x의 뷰(view)일 수도 있다.
    f_backward: f_backward(dy, x)는 sum(dy * f(x))를 x로 미분한 기울기라고 주장하는 값이다. dy의 모양은 f(x)와 같다.
    x: float64, 모양은 임의. 0.05보다 가까운 곳에는 f의 꺾인 점이 없다. 호출한 뒤에도 값이 그대로여야 한다.
    rng: 난수를 뽑는 데 쓴다.
    반환값: f_backward의 모양과 모든 원소가 옳으면 True, 아니면 False(예외는 일으키지 않는다).
    """
    raise NotImplementedError
