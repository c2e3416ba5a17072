from typing import Any

import numpy as np
from numpy.typing import NDArray
from typing_extensions import disjoint_base

from grandmodel.execution._core.scoring import Tap
from grandmodel.execution._core.submit import Core
from grandmodel.execution._core.values import REASON_TEXT as REASON_TEXT

OBSERVATION: int
FIGURES: int

@disjoint_base
class Stage(Tap):
    core: Core
    def __new__(
        cls,
        core: Core,
        symbol: int,
        algorithm: int,
        *,
        first_ns: int,
        last_ns: int,
        end_ns: int,
        steps: int,
        interval_ns: int = 0,
        messages: int = 0,
        quantity: tuple[int, int] = (0, 0),
        side: int = 0,
    ) -> Stage: ...
    def add(
        self,
        *,
        account: int,
        strategy: int,
        makes: bool = False,
        quantity: int = 0,
        clip: int = 0,
        kappa: float = 0.0,
        penalty: float = 0.0,
    ) -> int: ...
    def begin(self, seed: int) -> NDArray[np.float32]: ...
    def next_seed(self) -> int: ...
    def act(self, seat: int, pace: float, place: int, reach: float = 0.0) -> None: ...
    def step(self) -> bool: ...
    def step_one(self, pace: float, place: int, reach: float) -> tuple[NDArray[np.float32], float, int]: ...
    def run_out(self) -> None: ...
    def observation(self, seat: int = 0) -> NDArray[np.float32]: ...
    def reward(self, seat: int = 0) -> float: ...
    def done(self, seat: int = 0) -> int: ...
    def figures(self, seat: int = 0) -> NDArray[np.float64]: ...
    def costs(self, seat: int = 0) -> dict[str, Any]: ...
    def parent_id(self, seat: int = 0) -> int: ...
    def order(self, seat: int = 0) -> tuple[int, int, int]: ...
    def slice(self, seat: int = 0) -> float: ...
    @property
    def interval_ns(self) -> int: ...
    @property
    def place(self) -> tuple[int, int, int]: ...

@disjoint_base
class Sight(Tap):
    core: Core
    def __new__(cls, core: Core, symbol: int, order_id: int, kappa: float = 0.0) -> Sight: ...
    def look(self, time: float, fill: float) -> NDArray[np.float32]: ...
    def intend(
        self, pace: float, place: int, reach: float, time: float, until: float
    ) -> tuple[int, int | None, bool]: ...

@disjoint_base
class Crew:
    def __new__(cls, stages: list[Stage], threads: int) -> Crew: ...
    def begin(self, seeds: NDArray[np.uint64], out: NDArray[np.float32], ended: NDArray[np.int8]) -> None: ...
    def step(
        self,
        actions: NDArray[np.float64],
        out: NDArray[np.float32],
        rewards: NDArray[np.float64],
        ended: NDArray[np.int8],
        last: NDArray[np.float32],
        figures: NDArray[np.float64],
    ) -> None: ...
