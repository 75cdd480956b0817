"""`GalaxySample`, the table of galaxies that every estimator takes."""

import numpy as np
from astropy.nddata import InverseVariance, NDData, StdDevUncertainty, VarianceUncertainty

from dustest.data.checks.sample_columns import band_column_name
from dustest.data.containers.rows import RowTable
from dustest.data.errors import InputError
from dustest.data.kinds import KINDS
from dustest.data.messages import did_you_mean

__all__ = ["UNCERTAINTY_KINDS", "GalaxySample"]

UNCERTAINTY_KINDS = {
    "std": StdDevUncertainty,
    "var": VarianceUncertainty,
    "ivar": InverseVariance,
}
"""Class of uncertainty by its name in astropy.nddata."""


class GalaxySample(RowTable):
    """Galaxies, one per row, with photometry, cutouts and spectra.

    Columns are those of `~dustest.data.KINDS`, which the user guide lists (:ref:`columns`), and
    any others of the user's own. ``id`` is a text or an integer.

    Missing values are NaN. Cutouts keep their unit: a flux density per pixel, or a surface
    brightness (``pixel_scale`` is then the size of a pixel); without a unit they are in nJy per
    pixel. A sample never contains the truth.

    `dustest.data.as_sample` and the readers of `dustest.io` make samples. With ``shape`` and
    `take`, splitters and searches of scikit-learn treat a sample like an array of rows.

    Examples
    --------
    >>> from astropy import units as u
    >>> from astropy.table import QTable
    >>> from dustest.data import as_sample
    >>> table = QTable({"redshift": [7.1, 8.2], "flux_F277W": [31.0, 29.5] * u.ABmag,
    ...                 "flux_err_F277W": [0.1, 0.1] * u.mag})
    >>> sample = as_sample(table)
    >>> sample.bands
    ('F277W',)
    >>> print(sample["flux_F277W"].round(3))
    [1.445 5.754] nJy
    """

    _rows_are = ("galaxy", "galaxies")

    @property
    def bands(self):
        """Bands with photometry, in column order (tuple of str)."""
        return KINDS["flux"].items_in(self)

    @property
    def cutout_bands(self):
        """Bands with cutouts, in column order (tuple of str)."""
        return KINDS["cutout"].items_in(self)

    @property
    def lines(self):
        """Emission lines with fluxes, in column order (tuple of str)."""
        return KINDS["line"].items_in(self)

    def to_nddata(self, band):
        """Cutouts of one band as `~astropy.nddata.NDData` objects.

        Parameters
        ----------
        band : str
            One of `cutout_bands`, in any spelling.

        Returns
        -------
        images : list of `~astropy.nddata.NDData`
            One per galaxy, with uncertainty, mask, unit, meta and wcs if the sample has them.

        Raises
        ------
        InputError
            If the sample has no cutouts in this band.
        """
        given, band = band, band_column_name(band)
        if band not in self.cutout_bands:
            msg = (
                f"band must be one of the cutout bands {self.cutout_bands}, got {given!r}: "
                f"{did_you_mean(given, self.cutout_bands)}"
            )
            raise InputError(msg.rstrip(": "))
        return [self._nddata(row, band) for row in range(len(self))]

    def _nddata(self, row, band):
        """One cutout as NDData."""
        data = self[f"cutout_{band}"][row]
        return NDData(
            np.array(data),
            unit=getattr(data, "unit", None),
            uncertainty=self._uncertainty(row, band),
            mask=self._optional("cutout_mask", row, band),
            meta=self._optional("cutout_meta", row, band),
            wcs=self._optional("cutout_wcs", row, band),
        )

    def _uncertainty(self, row, band):
        """Uncertainty of one cutout, of its original kind, or None."""
        error = self._optional("cutout_err", row, band)
        if error is None:
            return None
        deviation = StdDevUncertainty(np.array(error), unit=getattr(error, "unit", None))
        kind = self.meta.get(f"uncertainty_{band}", "std")
        return deviation.represent_as(UNCERTAINTY_KINDS[kind])

    def _optional(self, kind, row, band):
        """Entry of an optional column, or None."""
        name = f"{kind}_{band}"
        return self[name][row] if name in self.colnames else None
