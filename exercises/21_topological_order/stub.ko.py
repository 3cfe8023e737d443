"""연습 문제 21: 직접 만드는 자동 미분. exercises/21_topological_order.ko.md를 읽고 함수 세 개를 쓴다.

테이프는 연습 문제 20의 것, 곧 이름으로 찾는 노드의 딕셔너리이지만, 여기서 그 순서에는 아무 뜻이 없다. 노드가 그것을
계산한 노드보다 앞에 있을 수도 있다. 노드는 다음과 같은 딕셔너리이다.

    "operation"   문자열: 값을 계산한 연산. 계산하지 않은 노드인 잎에서는 빈 문자열
    "inputs"      인수마다 항목이 하나인 튜플: 노드의 이름, 상수이면 None
    "arguments"   연산이 받은 배열의 튜플, 상수도 들어 있다
    "value"       결과인 배열

연습 문제 20의 답을 붙여 넣어도 된다. 어느 함수도 인수를 바꾸지 않는다.
"""

from collections.abc import Callable
from typing import Any

import numpy as np


def topological_order(tape: dict[str, dict[str, Any]], last: str) -> list[str]:
    """돌아가는 길에 노드를 방문하는 순서: `last`에서 잎까지.

    tape: 이름으로 찾는 노드, 순서는 아무래도 좋다. last: 노드의 이름.
    반환값: 이름의 리스트. `last`를 계산하는 데 쓰인 모든 노드와 `last` 자신의 이름이 한 번씩, 그 노드를 입력으로 쓰는
    리스트의 모든 노드보다 뒤에 나온다. 그런 순서는 여럿일 수 있으며, 어느 것이든 맞다.
    """
    raise NotImplementedError


def backward(
    tape: dict[str, dict[str, Any]],
    last: str,
    dy: np.ndarray,
    adjoints: dict[str, Callable[..., tuple[np.ndarray, ...]]],
) -> dict[str, np.ndarray]:
    """sum(dy * `last`의 값)의 기울기를, `last`를 계산하는 데 쓰인 모든 노드에 대해 구한다.

    tape: 이름으로 찾는 노드, 순서는 아무래도 좋다. last: 노드의 이름. dy: 그 값과 모양이 같은 배열.
    adjoints: 연산의 이름으로 찾는 함수. adjoint(dy, *arguments)는 인수마다 기울기가 하나인 튜플을 낸다. 잎이 아닌
    노드마다 한 번 부른다.
    반환값: 노드의 이름으로 찾는 기울기의 딕셔너리. `last`의 것도 있고, `last`와 관계없는 노드의 것은 없다.
    """
    raise NotImplementedError


def differentiate(
    program: list[tuple[str, str, tuple[str | np.ndarray, ...]]],
    leaves: dict[str, np.ndarray],
    operations: dict[str, Callable[..., np.ndarray]],
    adjoints: dict[str, Callable[..., tuple[np.ndarray, ...]]],
) -> dict[str, np.ndarray | dict[str, np.ndarray]]:
    """프로그램을 실행하고, 기록하고, 거슬러 간다: 자동 미분 전체.

    program: (name, operation, inputs)인 줄의 리스트, 줄마다 값을 하나 계산한다. 입력은 잎이나 앞 줄의 이름이고,
    배열이면 상수이다. 마지막 줄은 수 하나를 낸다. leaves: 처음에 주어지는 값, 이름으로 찾는다.
    operations: 계산에 쓰는 함수, 연산의 이름으로 찾는다. adjoints: `backward`에서와 같다.
    반환값: 딕셔너리. value는 마지막 줄의 값이고, gradients는 잎마다 그 값의 기울기를 담은 딕셔너리이다. 값과 관계없는
    잎에서는 모양이 같은 0의 배열이다.
    """
    raise NotImplementedError
