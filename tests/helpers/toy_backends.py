"""Small backends for tests of the base. Worker processes import them from here."""

import ctypes
import os
import signal
import time
import warnings
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import numpy as np
from astropy import units as u
from astropy.table import QTable

from dustest.data import FLAGS, DustestWarning, InputError
from dustest.estimators import DustEstimator, Estimates, ExtraColumn


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


class Declared(Linear):
    """Declares its further columns, and fails for the fluxes 60 and 70."""

    def _extra_columns(self, bands):
        columns = {f"model_{band}": ExtraColumn(u.nJy) for band in bands}
        columns |= {"n": ExtraColumn(dtype=np.int32), "word": ExtraColumn(dtype="U1")}
        return columns | {"spectrum": ExtraColumn(u.nJy, shape=(2,), dtype=np.float32)}

    def _estimate(self, batch):
        if np.any(np.isin(batch.flux[:, 0], [60.0, 70.0])):
            msg = "sixty or seventy"
            raise RuntimeError(msg)
        found = super()._estimate(batch)
        extra = {f"model_{band}": batch.flux[:, i] for i, band in enumerate(batch.bands)}
        extra |= {"n": np.full(len(batch), 7), "spectrum": np.ones((len(batch), 2))}
        words = np.array(["x" * int(flux) for flux in batch.flux[:, 0]])
        return Estimates(found.samples, extra=extra | {"word": words})


class Modelled(Linear):
    """Has parameters of a model, and the data that it used."""

    _parameters: ClassVar[dict] = {
        "slope": ExtraColumn(1 / u.mag),
        "component:mass": ExtraColumn(magnified="log10"),
        "log_mass": ExtraColumn(),
    }

    def _data_columns(self, bands):
        return {f"used_{band}": ExtraColumn(u.nJy) for band in bands}

    def _extra_columns(self, bands):
        return {"seed": ExtraColumn(), "rates": ExtraColumn(shape=(2,), magnified="linear")}

    def _estimate(self, batch):
        found = super()._estimate(batch)
        draws = found.samples["A_V"]
        data = {f"used_{band}": batch.flux[:, i] for i, band in enumerate(batch.bands)}
        parameters = {"slope": 3 * draws, "component:mass": draws, "log_mass": 2 * draws}
        extra = found.extra | {"rates": np.full((len(batch), 2), 8.0)}
        return Estimates(found.samples, None, extra, parameters, data)


class Fitted(Linear):
    """Has a best fit, 0.05 mag above the flux over 100."""

    has_best_fit: ClassVar[bool] = True

    def _estimate(self, batch):
        found = super()._estimate(batch)
        best = batch.flux[:, 0] / 100 + 0.05
        return Estimates(found.samples, extra=found.extra, best={"A_V": best, "E_BV": best / 5})


class Unfitting(Fitted):
    """Has too few best fits, and one of a quantity without draws."""

    def __init__(self, quantity="A_V", random_state=None):
        self.quantity = quantity
        self.random_state = random_state

    def _estimate(self, batch):
        return Estimates({"A_V": batch.flux[:, 0]}, best={self.quantity: np.zeros(len(batch) + 1)})


class Forgetful(Modelled):
    """Does not declare one of its parameters."""

    _parameters: ClassVar[dict] = {"slope": ExtraColumn()}


class Stranger(DustEstimator):
    """Gives one further column of any name and values, undeclared."""

    requires: ClassVar[tuple] = ("flux",)

    def __init__(self, name="mine", unit=None, samples="A_V", samples_unit="mag", flags=0):
        self.name = name
        self.unit = unit
        self.samples = samples
        self.samples_unit = samples_unit
        self.flags = flags

    def _estimate(self, batch):
        values = batch.flux[:, 0]
        extra = values if self.unit is None else values << u.Unit(self.unit)
        samples = values << u.Unit(self.samples_unit)
        return Estimates(
            {self.samples: samples}, np.full(len(batch), self.flags), {self.name: extra}
        )


class Checked(Linear):
    """Refuses a width below zero before anything else, and warns of samples of one galaxy."""

    def _check_parameters(self):
        if self.width < 0:
            msg = f"width must be positive, got {self.width}"
            raise InputError(msg)

    def _warn_of_sample(self, sample):
        if len(sample) == 1:
            warnings.warn("one galaxy", DustestWarning, stacklevel=2)


class Curved(Linear):
    """Needs the filter curves of bands."""

    needs_curves: ClassVar[bool] = True


class Weighing(DustEstimator):
    """Learns the mean, with weights."""

    def _fit(self, batch, y, sample_weight=None, *, shift=0.0):
        self.mean_ = np.average(y[:, 0], weights=sample_weight) + shift

    def _estimate(self, batch):
        return Estimates({"A_V": np.full(len(batch), self.mean_)})


class Learning(DustEstimator):
    """Learns the mean, without weights."""

    def _fit(self, batch, y):
        self.mean_ = y.mean()

    def _estimate(self, batch):
        return Estimates({"A_V": np.full(len(batch), self.mean_)})


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

    def __init__(self, timeout=5.0, memory_limit=None):
        self.timeout = timeout
        self.memory_limit = memory_limit

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
        if kind == 8:
            kind = np.zeros(5 * 10**8)[0]
        return Estimates({"A_V": np.array([kind])})


class Mortal(IsolatedLinear):
    """Its process dies while it starts, or for the flux 2, for each file in a folder."""

    def __init__(self, at_start=None, at_two=None, width=0.1, random_state=None):
        super().__init__(width, random_state)
        self.at_start = at_start
        self.at_two = at_two

    def _start_worker(self):
        self._die_for_one_of(self.at_start)

    def _estimate(self, batch):
        if batch.flux[0, 0] == 2:
            self._die_for_one_of(self.at_two)
        return super()._estimate(batch)

    def _die_for_one_of(self, folder):
        for file in Path(folder or os.devnull).glob("*"):
            file.unlink()
            os.kill(os.getpid(), signal.SIGKILL)


class Deadly(Linear):
    """Ends the process that it runs in, for the flux 2 and each file in a folder."""

    def __init__(self, folder=None, width=0.1, random_state=None):
        super().__init__(width, random_state)
        self.folder = folder

    def _estimate(self, batch):
        if np.any(batch.flux[:, 0] == 2):
            for file in Path(self.folder).glob("*"):
                file.unlink()
                os.kill(os.getpid(), signal.SIGKILL)
        return super()._estimate(batch)


class Placed(Linear):
    """Says in which process each galaxy was estimated."""

    def _estimate(self, batch):
        found = super()._estimate(batch)
        return Estimates(found.samples, extra={"process": np.full(len(batch), os.getpid())})


class Asleep(Linear):
    """Leaves its process number in a file and sleeps."""

    isolated: ClassVar[bool] = True

    def __init__(self, marks, random_state=None):
        self.marks = marks
        self.random_state = random_state

    def _estimate(self, batch):
        Path(self.marks).write_text(str(os.getpid()))
        time.sleep(600)


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


class Marking(Linear):
    """Keeps the fluxes that it computed in a file, and flags some of them as failed."""

    def __init__(self, marks=None, fails=(), width=0.1, random_state=None):
        super().__init__(width=width, random_state=random_state)
        self.marks = marks
        self.fails = fails

    def computed(self):
        """Fluxes that were computed since the last `forget`."""
        with open(self.marks) as file:
            return [float(line) for line in file]

    def forget(self):
        """Start a new file."""
        open(self.marks, "w").close()

    def _estimate(self, batch):
        with open(self.marks, "a") as file:
            file.writelines(f"{flux:g}\n" for flux in batch.flux[:, 0])
        found = super()._estimate(batch)
        failed = np.isin(batch.flux[:, 0], self.fails)
        return replace(found, flags=failed * FLAGS["FAILED"].value)


class MarkingOnRequest(Marking):
    """Has a time limit, and gives a slope on request."""

    gives: ClassVar[tuple] = ("A_V", "E_BV", "beta")

    def __init__(
        self, marks=None, timeout=60.0, extra=(), targets="A_V", width=0.1, random_state=None
    ):
        super().__init__(marks, width=width, random_state=random_state)
        self.timeout = timeout
        self.extra = extra
        self.targets = targets

    def _estimate(self, batch):
        found = super()._estimate(batch)
        slopes = {"beta": -found.samples["A_V"]} if "beta" in self._wanted else {}
        return replace(found, samples=found.samples | slopes)


class Described(Slow):
    """Has another parameter of any kind, which it does not use."""

    def __init__(self, marks=None, pause=0.0, width=0.1, random_state=None, other=None):
        super().__init__(marks, pause, width, random_state)
        self.other = other


class Massive(DustEstimator):
    """Gives masses and magnitudes on request, those of 10^9 solar masses with an error of 0.1."""

    requires: ClassVar[tuple] = ("flux",)
    uncertainty: ClassVar[str] = "posterior"
    gives: ClassVar[tuple] = ("A_V", "log_sSFR", "log_mass", "M_UV")

    def __init__(self, extra=(), targets="A_V", random_state=None):
        self.extra = extra
        self.targets = targets
        self.random_state = random_state

    def _estimate(self, batch):
        noise = [np.random.default_rng(seed).normal(0.0, 0.1, 2000) for seed in batch.seed]
        log_mass = 9.0 + np.array(noise)
        every = {"A_V": log_mass - 8.0, "log_sSFR": -log_mass, "log_mass": log_mass}
        every["M_UV"] = -2.5 * log_mass
        extra = {name: np.full(len(batch), 9.0) for name in self._extra_columns(())}
        return Estimates(
            {name: every[name] for name in self._wanted if name in every}, extra=extra
        )

    def _extra_columns(self, bands):
        return {} if "log_mass" in self._wanted else {"log_mass": ExtraColumn()}


def estimate_slowly(n_rows, marks, output):
    """Say that all is ready, then estimate or resume."""
    flux = np.arange(float(n_rows)) * u.nJy
    table = QTable({"flux_F277W": flux, "flux_err_F277W": np.ones(n_rows) * u.nJy})
    print("ready", flush=True)  # noqa: T201
    Slow(marks, random_state=3).estimate(table, output=output, resume=True)


def estimate_asleep(marks):
    """Estimate a galaxy that takes ten minutes."""
    table = QTable({"flux_F277W": [1.0] * u.nJy, "flux_err_F277W": [1.0] * u.nJy})
    Asleep(marks).estimate(table)
