"""Rows of a simulation as a sample and a table of the truth."""

from dataclasses import dataclass

import numpy as np
from astropy import units as u

from dustest.data.checks.units import SPECTRAL_UNIT
from dustest.data.containers.rows import RowTable
from dustest.data.containers.sample import GalaxySample
from dustest.data.flags import FLAGS
from dustest.data.quantities import QUANTITIES, core_quantities
from dustest.data.signal_to_noise import is_faint
from dustest.simulate.telescope.detection import Observed

__all__ = ["Row", "as_tables"]

_PLACE = ("redshift", "view")


@dataclass(frozen=True, eq=False)
class Row:
    """One observed galaxy in one view.

    Parameters
    ----------
    name : str
        Identifier.
    group : str
        Name of the galaxy, which its views share.
    redshift : float
        Redshift.
    observed : Observed
        Data of the instruments.
    truth : dict of str to float or str
        Columns of the truth table.
    """

    name: str
    group: str
    redshift: float
    observed: Observed
    truth: dict


def as_tables(rows, telescope, meta):
    """Combine rows into tables.

    Parameters
    ----------
    rows : sequence of Row
        At least one.
    telescope : Telescope
        Instruments that observed them.
    meta : dict
        Meta of both tables.

    Returns
    -------
    sample : GalaxySample
        Observed columns.
    truth : RowTable
        True values, row by row.
    """
    names = {
        "id": np.array([row.name for row in rows]),
        "redshift": np.array([row.redshift for row in rows]),
        "group": np.array([row.group for row in rows]),
    }
    sample = GalaxySample(names, meta=dict(meta))
    observed = [row.observed for row in rows]
    _add_photometry(sample, observed, telescope.photometry_bands)
    _add_cutouts(sample, observed, telescope.imager)
    if telescope.spectrograph is not None:
        _add_spectra(sample, observed, telescope.spectrograph.wavelength)
    truth = RowTable({"id": names["id"], "group": names["group"]}, meta=dict(meta))
    known = {*core_quantities(), *(name for row in rows for name in row.truth)}
    for name in (*_PLACE, *(name for name in QUANTITIES if name in known)):
        values = np.array([row.truth.get(name, np.nan) for row in rows])
        unit = None if name in _PLACE else QUANTITIES[name].unit
        truth[name] = values if unit is None else values << unit
    return sample, truth


def _add_photometry(sample, observed, bands):
    """Columns of total fluxes."""
    for i, band in enumerate(bands):
        sample[f"flux_{band}"] = np.array([item.flux[i] for item in observed]) << u.nJy
        sample[f"flux_err_{band}"] = np.array([item.flux_err[i] for item in observed]) << u.nJy


def _add_cutouts(sample, observed, imager):
    """Columns of stamps, of their signal-to-noise ratios, and the flag of faint ones."""
    images = np.stack([item.images for item in observed], axis=1)
    snr = np.stack([item.snr for item in observed], axis=1)
    for i, band in enumerate(imager.bands):
        sample[f"cutout_{band}"] = u.Quantity(images[i], u.nJy, dtype=np.float32)
        sample[f"snr_{band}"] = snr[i]
    sample["pixel_scale"] = np.full(len(sample), imager.pixel_scale) << u.arcsec
    sample["flags"] = np.where(is_faint(snr), FLAGS["LOW_SNR"].value, 0).astype(np.int32)


def _add_spectra(sample, observed, wavelength):
    """Columns of spectra; NaN if a galaxy has none."""
    missing = np.full(len(wavelength), np.nan)
    sample["spectrum_wavelength"] = np.tile(wavelength, (len(sample), 1)) << u.AA
    for name, key in (("spectrum_flux", "spectrum"), ("spectrum_flux_err", "spectrum_err")):
        values = [getattr(item, key) for item in observed]
        sample[name] = np.stack([missing if v is None else v for v in values]) << SPECTRAL_UNIT
