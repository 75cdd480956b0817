"""Small backends for tests of the base. Worker processes import them from here."""

import ctypes
import os
import time
from typing import ClassVar

import numpy as np

from dustest.estimators import DustEstimator, Estimates


class Linear(DustEstimator):
    """A_V is the flux in the first band over 100, with draws around it."""

    requires: ClassVar[tuple] = ("flux",)
    uncertainty: ClassVar[str] = "posterior"
    rows_at_once: ClassVar[int] = 3

    def __init__(self, width=0.1, random_state=None):
        self.width = width
        self.random_state = random_state

    def _estimate(self, batch):
        noise = [np.random.default_rng(seed).normal(0, self.width, 50) for seed in batch.seed]
        draws = batch.flux[:, :1] / 100 + np.array(noise)
        return Estimates(
            {"A_V": draws, "E_BV": draws / 4}, extra={"seed": batch.seed % 1000 / 1.0}
        )


class IsolatedLinear(Linear):
    """The same in worker processes."""

    isolated: ClassVar[bool] = True
    rows_at_once: ClassVar[int] = 1
    timeout = 60


class Point(DustEstimator):
    """Bare values without a distribution, from the redshift alone."""

    requires: ClassVar[tuple] = ("redshift",)
    redshift_range: ClassVar[tuple] = (0.0, 10.0)

    def _estimate(self, batch):
        return Estimates({"A_V": batch.redshift / 10})


class Fragile(DustEstimator):
    """Raises for the fluxes 13 and 14."""

    requires: ClassVar[tuple] = ("flux",)

    def _estimate(self, batch):
        if np.any(batch.flux[:, 0] == 13):
            msg = "thirteen"
            raise RuntimeError(msg)
        if np.any(batch.flux[:, 0] == 14):
            _ = 1 / 0
        return Estimates({"A_V": batch.flux[:, 0]})


class Malformed(DustEstimator):
    """Gives too few rows."""

    requires: ClassVar[tuple] = ("flux",)

    def _estimate(self, batch):
        return Estimates({"A_V": np.zeros(1 + len(batch))})


class Trouble(DustEstimator):
    """Goes wrong in a way that the flux of the galaxy chooses."""

    requires: ClassVar[tuple] = ("flux",)
    isolated: ClassVar[bool] = True
    rows_at_once: ClassVar[int] = 1

    def __init__(self, timeout=5.0):
        self.timeout = timeout

    def _estimate(self, batch):
        (kind,) = batch.flux[:, 0]
        if kind == 2:
            msg = "two"
            raise ValueError(msg)
        if kind == 3:
            time.sleep(600)
        if kind == 4:
            os._exit(3)
        if kind == 5:
            ctypes.string_at(0)
        if kind == 6:
            print("noise " * 100_000)  # noqa: T201
            os.chdir("/")
        return Estimates({"A_V": np.array([kind])})


class Unready(Trouble):
    """Cannot start."""

    def _start_worker(self):
        msg = "the engine is missing"
        raise ImportError(msg)


class Slow(Linear):
    """Takes its time, and leaves a mark for each galaxy that it computed."""

    rows_at_once: ClassVar[int] = 1

    def __init__(self, marks=None, pause=0.01, width=0.1, random_state=None):
        super().__init__(width=width, random_state=random_state)
        self.marks = marks
        self.pause = pause

    def _estimate(self, batch):
        time.sleep(self.pause)
        with open(self.marks, "a") as file:
            file.write(f"{batch.flux[0, 0]:g}\n")
        return super()._estimate(batch)
