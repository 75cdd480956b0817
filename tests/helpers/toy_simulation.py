"""A cheap maker of simulated rows. Worker processes import it from here."""

import os
import signal
import time
from pathlib import Path

import numpy as np
from astropy import units as u

from dustest.data import RowTable, as_sample
from dustest.simulate.stream import write_chunks


class Toy:
    """Rows that depend on the seed and their number alone.

    With ``log``, a folder, it notes what it made and where it was unpickled.
    """

    def __init__(self, seed=1, *, size=4, log=None, delay=0.0, fail_at=None, die_at=None):
        self.seed = seed
        self.size = size
        self.log = log
        self.delay = delay
        self.fail_at = fail_at
        self.die_at = die_at
        self.remembered = 0.0

    def __getstate__(self):
        return self.__dict__ | {"remembered": 0.0}

    def __setstate__(self, state):
        self.__dict__.update(state)
        self._note("unpickled", os.getpid())

    def __call__(self, start, stop):
        self._note("made", start)
        time.sleep(self.delay)
        if self.fail_at in range(start, stop):
            msg = "no light"
            raise RuntimeError(msg)
        if self.die_at in range(start, stop):
            os._exit(9)
        rows = [np.random.default_rng([self.seed, row]) for row in range(start, stop)]
        images = (
            np.array([row.normal(size=(self.size, self.size)) for row in rows]) + self.remembered
        )
        attenuation = np.array([row.uniform(0, 2) for row in rows])
        return self._sample(start, stop, images), self._truth(start, stop, attenuation)

    def _sample(self, start, stop, images):
        number = np.arange(start, stop)
        columns = {
            "id": [f"toy-{i:05d}" for i in number],
            "group": number // 4,
            "redshift": 6 + number / 1000,
            "flux_F277W": images.sum(axis=(1, 2)) * u.nJy,
            "flux_err_F277W": np.ones(len(number)) * u.nJy,
            "cutout_F277W": images * u.nJy,
            "cutout_err_F277W": np.ones_like(images) * u.nJy,
            "cutout_mask_F277W": images > 1,
            "spectrum_wavelength": images[:, 0] ** 2 * u.um,
            "spectrum_flux": images[:, 1] * u.Unit("erg s-1 cm-2 AA-1"),
            "spectrum_flux_err": images[:, 2] * u.Unit("erg s-1 cm-2 AA-1"),
        }
        return as_sample(RowTable(columns, meta={"bands": ["F277W"], "seed": self.seed}))

    def _truth(self, start, stop, attenuation):
        number = np.arange(start, stop)
        columns = {
            "id": [f"toy-{i:05d}" for i in number],
            "group": number // 4,
            "A_V": attenuation * u.mag,
            "R_V": np.where(number % 3 == 0, np.nan, 3.1),
            "log_dust_mass": np.where(number % 3 == 0, -np.inf, 4.0),
        }
        return RowTable(columns, meta={"seed": self.seed})

    def _note(self, kind, value):
        if self.log is not None:
            with (Path(self.log) / kind).open("a") as file:
                file.write(f"{value}\n")


def write_with_kills(moments, pause, make, *args, **kwargs):
    """Write in child processes, kill each some seconds into its work, then write to the end.

    In the pause after a kill, the workers of the killed run notice it and leave.
    """
    log = Path(make.log) / "made"
    log.touch()
    for moment in moments:
        before = log.stat().st_size
        child = os.fork()
        if child == 0:
            write_chunks(make, *args, **kwargs)
            os._exit(0)
        while log.stat().st_size == before:
            time.sleep(0.01)
        time.sleep(moment)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        time.sleep(pause)
    write_chunks(make, *args, **kwargs)
