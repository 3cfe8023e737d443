"""연습 문제 20: 수를 어떻게 계산했는지 기억하는 테이프. exercises/20_tape.ko.md를 읽고 함수를 쓴다.

테이프는 이름으로 찾는 노드의 딕셔너리이고, 노드는 항목이 네 개인 딕셔너리이다.

    "operation"   문자열: 값을 계산한 연산. 계산하지 않은 노드인 잎에서는 빈 문자열
    "inputs"      인수마다 항목이 하나인 튜플: 노드의 이름, 상수이면 None
    "arguments"   연산이 받은 배열의 튜플, 상수도 들어 있다
    "value"       결과인 배열

어느 함수도 인수를 바꾸지 않는다. 모두 새 딕셔너리를 반환한다.
"""

from collections.abc import Callable
from typing import Any

import numpy as np


def leaf(tape: dict[str, dict[str, Any]], name: str, value: np.ndarray) -> dict[str, dict[str, Any]]:
    """노드가 하나 더 있는 새 테이프. 이 노드는 다른 노드에서 계산한 것이 아니다.

    tape: 지금까지의 노드, 이름으로 찾는다. name: 새 노드의 이름. value: 모양이 어떤 것이든 배열 하나.
    반환값: 테이프의 노드와 새 노드.
    """
    raise NotImplementedError


def record(
    tape: dict[str, dict[str, Any]],
    name: str,
    operation: str,
    inputs: tuple[str | np.ndarray, ...],
    f: Callable[..., np.ndarray],
) -> dict[str, dict[str, Any]]:
    """값을 계산하고 어떻게 계산했는지 기록한다: 노드가 하나 더 있는 새 테이프.

    tape: 지금까지의 노드, 이름으로 찾는다. name: 새 노드의 이름. operation: 나중에 수반(adjoint)을 찾을 이름.
    inputs: f의 인수를 순서대로 담은 것. 테이프에 있는 노드의 이름이거나, 배열이면 상수이다. f: 부를 함수, 입력마다
    배열을 하나씩 받는다.
    반환값: 테이프의 노드와 새 노드.
    """
    raise NotImplementedError


def pull_back(
    tape: dict[str, dict[str, Any]],
    name: str,
    gradients: dict[str, np.ndarray],
    adjoints: dict[str, Callable[..., tuple[np.ndarray, ...]]],
) -> dict[str, np.ndarray]:
    """한 걸음 뒤로: 노드의 기울기에서, 그 노드를 계산한 노드들의 기울기로 간다.

    tape: 이름으로 찾는 노드. name: 기울기가 모두 모인 노드. gradients: 지금까지 구한 기울기, 노드의 이름으로 찾으며
    `name`의 것도 있다. adjoints: 연산의 이름으로 찾는 함수. adjoint(dy, *arguments)는 인수마다 기울기가 하나인 튜플을
    낸다.
    반환값: 이제까지 구한 모든 기울기. 기울기가 없던 노드는 이것을 받고, 있던 노드는 합을 받으며, 상수는 받지 않는다.
    잎에서는 새로 생기는 것이 없다.
    """
    raise NotImplementedError
