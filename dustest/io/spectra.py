"""Spectra of single galaxies, and spectra in a sample."""

import os
import warnings
from dataclasses import dataclass, field

import numpy as np
from astropy import units as u

from dustest.data.checks.units import SPECTRAL_UNIT, as_unit, declared_unit
from dustest.data.checks.values import to_floats, to_flux_densities
from dustest.data.containers.conversion import as_sample
from dustest.data.displays import Display
from dustest.data.errors import DustestWarning, InputError, ReadError
from dustest.data.files.parsing import check_file, refuse_damaged
from dustest.data.formatting import format_value
from dustest.data.messages import argument
from dustest.io._foreground import (
    FOREGROUND_KEY,
    foreground_record,
    spectrum_correction,
    to_ebv,
)
from dustest.io._spectrum.conversion import flux_and_error, is_positive, is_spectral, wavelength_of
from dustest.io._spectrum.sources import read_columns

__all__ = ["Spectrum", "add_spectra", "read_spectrum"]


@dataclass(frozen=True)
class Spectrum:
    """A spectrum in the observed frame.

    Arguments may have any compatible unit; the attributes have the units given here. Wavelengths
    ascend. Pixels without a finite flux and a positive finite error are NaN in both.

    Parameters
    ----------
    wavelength : `~astropy.units.Quantity` of shape (n,)
        Wavelengths in Angstrom.
    flux : `~astropy.units.Quantity` of shape (n,)
        Flux densities in erg/s/cm2/Angstrom.
    flux_err : `~astropy.units.Quantity` of shape (n,)
        Standard errors of the flux densities in erg/s/cm2/Angstrom.
    meta : dict, optional
        Origin of the spectrum.

    Raises
    ------
    InputError
        If shapes or units do not match, or a wavelength is not a positive number.

    Examples
    --------
    >>> from astropy import units as u
    >>> from dustest.io import Spectrum
    >>> spectrum = Spectrum([1.2, 1.1] * u.um, [1.0, 2.0] * u.uJy, [0.1, 0.0] * u.uJy)
    >>> print(spectrum.wavelength)
    [11000. 12000.] Angstrom
    >>> print(spectrum.flux)
    [          nan 2.08189207e-19] erg / (Angstrom s cm2)
    """

    wavelength: u.Quantity
    flux: u.Quantity
    flux_err: u.Quantity
    meta: dict = field(default_factory=dict, compare=False)

    def __post_init__(self):
        wavelength = _wavelength_in_angstrom(self.wavelength)
        if wavelength.ndim != 1 or wavelength.size == 0 or not np.all(is_positive(wavelength)):
            msg = (
                "wavelength must be one-dimensional and hold positive numbers, at least one, got "
                f"shape {wavelength.shape} with {np.sum(~is_positive(wavelength))} others"
            )
            raise InputError(msg)
        if not wavelength.shape == np.shape(self.flux) == np.shape(self.flux_err):
            msg = (
                "flux and flux_err must be as long as wavelength, got "
                f"{np.shape(self.flux)}, {np.shape(self.flux_err)} and {wavelength.shape}"
            )
            raise InputError(msg)
        flux = _flux_density("flux", self.flux, wavelength << u.AA)
        error = _flux_density("flux_err", self.flux_err, wavelength << u.AA)
        good = np.isfinite(flux) & is_positive(error)
        order = np.argsort(wavelength, kind="stable")
        object.__setattr__(self, "wavelength", wavelength[order] << u.AA)
        object.__setattr__(self, "flux", np.where(good, flux, np.nan)[order] << SPECTRAL_UNIT)
        object.__setattr__(self, "flux_err", np.where(good, error, np.nan)[order] << SPECTRAL_UNIT)

    def __repr__(self):
        first, last = self.wavelength[[0, -1]].to_value(u.AA)
        return f"<Spectrum of {self.wavelength.size} pixels, {first:.0f} to {last:.0f} Angstrom>"

    def _repr_html_(self):
        good = np.isfinite(self.flux.value)
        ratio = (self.flux[good] / self.flux_err[good]).value
        micron = [format_value(end) for end in self.wavelength[[0, -1]].to_value(u.um)]
        rows = [
            ("pixels", f"{good.size:,}"),
            ("pixels without a flux", f"{good.size - good.sum():,}"),
            ("observed wavelength", f"{micron[0]} to {micron[1]} micron"),
        ]
        if good.any():
            flux = format_value(np.median(self.flux[good]).value)
            rows.append(("flux density, median", f"{flux} {SPECTRAL_UNIT}"))
            rows.append(("signal to noise of a pixel, median", format_value(np.median(ratio))))
        rows += [(str(key), str(value)) for key, value in self.meta.items()]
        return Display("Spectrum", ("property", "value"), rows).to_html()


def _wavelength_in_angstrom(values):
    """Convert wavelengths to Angstrom; NaN if they are not positive."""
    own = declared_unit(values, "wavelength")
    if not is_spectral(own):
        msg = f"wavelength must be a Quantity that converts to Angstrom, got unit {own}"
        raise InputError(msg)
    numbers = to_floats(values, "wavelength", unit=own)
    numbers = np.where(is_positive(numbers), numbers, np.nan)
    return u.Quantity(numbers, own).to_value(u.AA, u.spectral())


def _flux_density(name, values, wavelength):
    """Convert to floats in the unit of spectra, NaN if missing."""
    if declared_unit(values, name) is None:
        msg = f"{name} must be a Quantity that converts to {SPECTRAL_UNIT}, got no unit"
        raise InputError(msg)
    return to_flux_densities(values, name, wavelength, unit=SPECTRAL_UNIT)


def read_spectrum(
    path,
    *,
    hdu=None,
    source_id=None,
    wavelength_unit=None,
    flux_unit=None,
    foreground_ebv=None,
):
    """Read a spectrum.

    The layout is recognised by the extensions of a FITS file: JADES GTO (images DATA, ERR and
    WAVELENGTH), the JADES product and the JWST pipeline (tables EXTRACT5PIX1D, EXTRACT3PIX1D or
    EXTRACT1D) or DJA/msaexp (table SPEC1D). Any other table, in any format of
    `~dustest.io.read_catalog`, is read by the names of its columns: a wavelength
    (``wavelength``, ``wave``, ``lambda``; ``frequency``, ``wavenumber``, ``energy``; or its
    decadic logarithm, ``loglam``), a ``flux``, and an error (``flux_err``, ``err``, ...), a
    variance (``var``) or an inverse variance (``ivar``).

    Parameters
    ----------
    path : str or path-like
        File name.
    hdu : int, str or tuple of str and int, optional
        Extension of a FITS file, such as ``"EXTRACT3PIX1D"`` or ``("EXTRACT1D", 2)``.
    source_id : int or str, optional
        Source in a table with several: its identifier in the column of identifiers, or its row
        number, from 0, if the table has no such column.
    wavelength_unit, flux_unit : `~astropy.units.Unit` or str, optional
        Units of columns that declare none, or one that is not understood. They may not
        contradict declared units. ``flux_unit`` applies to fluxes and their errors.
    foreground_ebv : float, optional
        E(B-V) of the Milky Way in mag. The spectrum is corrected for its dust (law G23 with R_V =
        3.1), and ``meta`` records it.

    Returns
    -------
    spectrum : Spectrum
        The spectrum in the observed frame. Bad pixels are NaN: those without a finite flux or a
        positive error, and those marked by a column of quality. In ``DQ`` these have the bit
        DO_NOT_USE (1) of JWST; in ``MASK``, ``QUALITY`` or ``FLAG`` they are not 0.

    Raises
    ------
    InputError
        If a unit is missing, not understood or contradicts the file, or the file has several
        spectra and none is selected.
    ReadError
        If the file is missing, cannot be read, or has an unknown layout.

    Warns
    -----
    DustestWarning
        If a column of quality marks every pixel, or is not numeric.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from astropy import units as u
    >>> from astropy.table import QTable
    >>> from dustest.io import read_spectrum
    >>> table = QTable({"wave": [1.0, 1.1] * u.um, "flux": [3.0, 4.0] * u.uJy,
    ...                 "err": [0.1, 0.1] * u.uJy})
    >>> with TemporaryDirectory() as folder:
    ...     table.write(Path(folder) / "spectrum.fits")
    ...     spectrum = read_spectrum(Path(folder) / "spectrum.fits")
    >>> print(spectrum.wavelength)
    [10000. 11000.] Angstrom
    """
    path = check_file(path)
    wavelength_unit = as_unit(wavelength_unit, "wavelength_unit")
    flux_unit = as_unit(flux_unit, "flux_unit")
    ebv = None if foreground_ebv is None else _one_ebv(foreground_ebv)
    with refuse_damaged(f"the file {path} is not a readable spectrum"):
        columns = read_columns(path, hdu, source_id)
    wavelength = wavelength_of(columns, wavelength_unit)
    good = is_positive(wavelength)
    if not np.any(good):
        msg = f"the file {path} holds no positive wavelength"
        raise ReadError(msg)
    flux, flux_err = flux_and_error(columns, flux_unit)
    _check_lengths(path, wavelength, flux, flux_err, *columns.bad)
    bad = np.any([np.zeros(good.shape, dtype=bool), *columns.bad], axis=0)
    meta = {"layout": columns.layout, "source": path.name}
    if columns.source_id is not None:
        meta["source_id"] = columns.source_id
    factor = 1.0
    if ebv is not None:
        factor = spectrum_correction(ebv, wavelength[good])
        meta[FOREGROUND_KEY] = foreground_record(ebv)
    return Spectrum(
        wavelength[good] << u.AA,
        np.where(bad, np.nan, flux)[good] * factor,
        flux_err[good] * factor,
        meta,
    )


def _one_ebv(foreground_ebv):
    """Colour excess of the Milky Way, one finite number."""
    ebv = to_ebv(foreground_ebv, 1)
    if np.ndim(foreground_ebv) != 0 or not np.all(np.isfinite(ebv)):
        msg = f"foreground_ebv must be E(B-V) in mag, one number from 0 on, got {foreground_ebv!r}"
        raise InputError(msg)
    return float(ebv[0])


def _check_lengths(path, wavelength, *arrays):
    """Raise an error if columns have another length than the wavelengths."""
    lengths = [len(array) for array in arrays]
    if set(lengths) != {len(wavelength)}:
        msg = (
            f"the columns of the file {path} must be as long as its {len(wavelength)} "
            f"wavelengths, got {', '.join(map(str, lengths))}"
        )
        raise ReadError(msg)


def add_spectra(sample, spectra):
    """Add spectra to a sample.

    Parameters
    ----------
    sample : GalaxySample or Table
        Galaxies.
    spectra : sequence of Spectrum, path or None
        One per row, in the order of the rows; None for no spectrum. Paths are read by
        `read_spectrum`.

    Returns
    -------
    sample : GalaxySample
        A new table with ``spectrum_wavelength``, ``spectrum_flux`` and ``spectrum_flux_err`` of
        shape (n, n_wave); rows with shorter spectra are padded with NaN.

    Raises
    ------
    InputError
        If the number of spectra differs from the number of rows, there are none at all, or only
        some are corrected for foreground dust.
    ReadError
        If no file can be read.

    Warns
    -----
    DustestWarning
        If some files are missing or cannot be read; their rows have no spectrum.

    Examples
    --------
    >>> from astropy import units as u
    >>> from astropy.table import Table
    >>> from dustest.io import Spectrum, add_spectra
    >>> spectrum = Spectrum([1.1, 1.2] * u.um, [1.0, 2.0] * u.uJy, [0.1, 0.1] * u.uJy)
    >>> sample = add_spectra(Table({"redshift": [7.0, 8.0]}), [spectrum, None])
    >>> print(sample["spectrum_wavelength"])
    [[11000. 12000.]
     [   nan    nan]] Angstrom
    """
    sample = as_sample(sample)
    if not isinstance(spectra, list | tuple) or len(spectra) != len(sample):
        got = len(spectra) if isinstance(spectra, list | tuple) else type(spectra).__name__
        msg = f"spectra must be a list of one spectrum a row ({len(sample)}), got {got}"
        raise InputError(msg)
    read = _read_all(spectra)
    lengths = [0 if item is None else item.wavelength.size for item in read]
    if max(lengths) == 0:
        msg = "spectra must hold at least one spectrum, got only None"
        raise InputError(msg)
    for name, unit in (("wavelength", u.AA), ("flux", SPECTRAL_UNIT), ("flux_err", SPECTRAL_UNIT)):
        values = np.full((len(sample), max(lengths)), np.nan)
        for row, item in enumerate(read):
            if item is not None:
                values[row, : lengths[row]] = getattr(item, name).to_value(unit)
        sample[f"spectrum_{name}"] = values << unit
    _record_foreground(sample, [item for item in read if item is not None])
    return sample


def _read_all(spectra):
    """Spectra of the rows, None if there is none or its file cannot be read."""
    for item in spectra:
        if not (item is None or isinstance(item, str | os.PathLike | Spectrum)):
            msg = f"spectra must hold Spectrum, paths or None, got {type(item).__name__}"
            raise InputError(msg)
    read, errors = [], []
    for item in spectra:
        try:
            is_path = isinstance(item, str | os.PathLike)
            read.append(read_spectrum(item) if is_path else item)
        except (InputError, ReadError) as error:
            read.append(None)
            errors.append(error)
    if errors and all(item is None for item in read):
        raise errors[0]
    if errors:
        msg = (
            f"{len(errors)} of {len(spectra)} spectra cannot be read and are left out; the first: "
            f"{errors[0]}"
        )
        warnings.warn(msg, DustestWarning, stacklevel=3)
    return read


def _record_foreground(sample, spectra):
    """Record whether the spectra are corrected for foreground dust."""
    records = [item.meta[FOREGROUND_KEY] for item in spectra if item.meta.get(FOREGROUND_KEY)]
    sample.meta.pop(f"{FOREGROUND_KEY}_spectrum", None)
    if records and len(records) < len(spectra):
        msg = (
            f"{len(records)} of {len(spectra)} spectra are corrected for foreground dust: correct "
            f"all or none, by {argument('foreground_ebv', 0.01)} of read_spectrum"
        )
        raise InputError(msg)
    if records:
        same = len(set(records)) == 1
        sample.meta[f"{FOREGROUND_KEY}_spectrum"] = (
            records[0] if same else foreground_record(records)
        )
