"""Galaxies whose dust can be seen in their colours, and networks that learn it in seconds."""

from dataclasses import replace

import numpy as np
from astropy import units as u
from cnn_stamps import galaxies

from dustest import CNNEstimator
from dustest.data import RowTable, as_sample
from dustest.estimators._cnn.network.config import PAPER, CNNConfig

BANDS = ("F277W", "F444W")
TINY = CNNConfig(
    window=16, filters=(4, 8), context_dense=(4,), dense=(16,), components=2, dropout=0.1
)
TINY_PAPER = replace(PAPER, filters=(4, 8), dense=(8, 8), dropout=0.1)


def dusty(n=64, seed=0, bands=BANDS, faint=()):
    """A sample and its truth; dust takes away light, most of all from the first band.

    Rows named in ``faint`` have no light at all.
    """
    rng = np.random.default_rng(seed)
    a_v = rng.uniform(0.0, 2.0, n)
    reddening = np.linspace(0.8, 0.2, len(bands))
    flux = 100.0 * 10.0 ** (-0.4 * a_v[:, None] * reddening)
    flux[list(faint)] = 0.0
    stamps = galaxies(n, bands, rms=0.05, flux=flux, seed=seed)
    columns = {
        "id": [f"{seed}-{i}" for i in range(n)],
        "group": np.arange(n) // 2,
        "redshift": rng.uniform(6.5, 8.5, n),
        "pixel_scale": np.full(n, 0.03) * u.arcsec,
    }
    for i, band in enumerate(bands):
        columns[f"cutout_{band}"] = stamps[:, i] * u.nJy
        columns[f"cutout_err_{band}"] = np.full_like(stamps[:, i], 0.05) * u.nJy
    truth = {
        "R_V": np.full(n, 4.05),
        "A_V": a_v * u.mag,
        "E_BV": a_v / 4.05 * u.mag,
        "log_sSFR": -8.0 - 0.5 * a_v,
    }
    return as_sample(RowTable(columns)), RowTable(truth)


def tiny(bands=BANDS, **parameters):
    """An estimator that is trained at once."""
    given = {"architecture": TINY, "size": 24, "epochs": 2, "batch_size": 16, "random_state": 1}
    return CNNEstimator(bands, **given | parameters)
