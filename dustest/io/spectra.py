"""Spectra of single galaxies, and their place in a sample."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from astropy import units as u
from astropy.io import fits

from dustest.data.coerce import as_sample
from dustest.data.errors import DustestError, InputError, ReadError
from dustest.data.messages import shown
from dustest.data.tables import first_named
from dustest.data.units import SPECTRAL_UNIT, as_unit, parse_unit
from dustest.io._files import PARSER_ERRORS, check_file, reason
from dustest.io._tables import read_table

__all__ = ["Spectrum", "add_spectra", "read_spectrum"]

_FITS_SUFFIXES = (".fits", ".fit")


@dataclass(frozen=True)
class Spectrum:
    """A spectrum in the observed frame.

    Whatever unit the arguments have, the attributes have the ones named here; wavelengths
    ascend, and pixels without a finite flux and a positive finite error are NaN in both.

    Parameters
    ----------
    wavelength : `~astropy.units.Quantity` of shape (n,)
        Wavelengths in Angstrom.
    flux : `~astropy.units.Quantity` of shape (n,)
        Flux densities in erg/s/cm2/Angstrom.
    flux_err : `~astropy.units.Quantity` of shape (n,)
        Standard errors of the flux densities in erg/s/cm2/Angstrom.
    meta : dict, optional
        Where the spectrum comes from.

    Raises
    ------
    InputError
        If shapes or units do not fit, or a wavelength is not a positive number.

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
        wavelength = _converted("wavelength", self.wavelength, u.AA, u.spectral())
        if wavelength.ndim != 1 or wavelength.size == 0 or not np.all(_is_positive(wavelength)):
            msg = "wavelength must be one-dimensional and hold positive numbers, at least one"
            raise InputError(msg)
        if not wavelength.shape == np.shape(self.flux) == np.shape(self.flux_err):
            msg = (
                "flux and flux_err must be as long as wavelength, got "
                f"{np.shape(self.flux)}, {np.shape(self.flux_err)} and {wavelength.shape}"
            )
            raise InputError(msg)
        density = u.spectral_density(wavelength << u.AA)
        flux = _converted("flux", self.flux, SPECTRAL_UNIT, density)
        error = _converted("flux_err", self.flux_err, SPECTRAL_UNIT, density)
        good = np.isfinite(flux) & _is_positive(error)
        order = np.argsort(wavelength, kind="stable")
        object.__setattr__(self, "wavelength", wavelength[order] << u.AA)
        object.__setattr__(self, "flux", np.where(good, flux, np.nan)[order] << SPECTRAL_UNIT)
        object.__setattr__(self, "flux_err", np.where(good, error, np.nan)[order] << SPECTRAL_UNIT)


def _is_positive(values):
    """Whether numbers are positive and finite."""
    return np.isfinite(values) & (values > 0)


def _converted(name, values, unit, equivalencies):
    """Floats in a unit."""
    try:
        return u.Quantity(values).to_value(unit, equivalencies).astype(float)
    except (TypeError, ValueError) as error:
        given = getattr(values, "unit", None)
        msg = f"{name} must be a Quantity that converts to {unit}, got unit {given}"
        raise InputError(msg) from error


_WAVELENGTH_COLUMNS = ("wavelength", "wave", "lambda", "lam", "wl")
_FLUX_COLUMNS = ("flux", "flux_density", "f_lambda", "flam", "f_nu", "fnu")
_ERROR_COLUMNS = (
    *("flux_err", "flux_error", "fluxerr", "flux_unc", "uncertainty", "error", "err", "sigma"),
    *("f_lambda_err", "flam_err", "f_nu_err", "fnu_err"),
)
_GTO_EXTENSIONS = {"WAVELENGTH": "m", "DATA": "W m-3", "ERR": "W m-3"}
_TABLE_EXTENSIONS = {
    "EXTRACT5PIX1D": "jades-x1d",
    "EXTRACT3PIX1D": "jades-x1d",
    "SPEC1D": "msaexp",
    "EXTRACT1D": "jwst-x1d",
}


def read_spectrum(path, *, hdu=None, wavelength_unit=None, flux_unit=None):
    """Read a spectrum.

    The extensions of a FITS file tell the layout: JADES GTO (images DATA, ERR and WAVELENGTH),
    the JADES product and the JWST pipeline (tables EXTRACT5PIX1D, EXTRACT3PIX1D or EXTRACT1D)
    or DJA/msaexp (table SPEC1D). Any other table, in a file of any format that
    `~dustest.io.read_catalog` knows, is read by the names of its columns, such as wavelength,
    flux and flux_err.

    Parameters
    ----------
    path : str or path-like
        File name.
    hdu : int or str, optional
        Extension of a FITS file to read, such as ``"EXTRACT3PIX1D"``.
    wavelength_unit, flux_unit : `~astropy.units.Unit` or str, optional
        Units of columns that declare none. They may not contradict declared ones.

    Returns
    -------
    spectrum : Spectrum
        The spectrum in the observed frame, NaN where bad.

    Raises
    ------
    InputError
        If a unit is missing or contradicts the file.
    ReadError
        If the file is missing, cannot be read, or has no known layout.

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
    given = (
        as_unit(wavelength_unit, "wavelength_unit"),
        as_unit(flux_unit, "flux_unit"),
        as_unit(flux_unit, "flux_unit"),
    )
    try:
        layout, columns = _read(path, hdu)
    except DustestError:
        raise
    except PARSER_ERRORS as error:
        msg = f"the file {path} is not a readable spectrum: {reason(error)}"
        raise ReadError(msg) from error
    wavelength, flux, flux_err = map(_quantity, columns.items(), given)
    good = _is_positive(wavelength.value)
    if not np.any(good):
        msg = f"the file {path} holds no positive wavelength"
        raise ReadError(msg)
    meta = {"layout": layout, "source": path.name}
    return Spectrum(wavelength[good], flux[good], flux_err[good], meta)


def add_spectra(sample, spectra):
    """Add spectra to a sample.

    Parameters
    ----------
    sample : GalaxySample or Table
        Galaxies.
    spectra : sequence of Spectrum, path or None
        One for each row, in the order of the rows; None where there is none. Paths go through
        `read_spectrum`.

    Returns
    -------
    sample : GalaxySample
        A new table with ``spectrum_wavelength``, ``spectrum_flux`` and ``spectrum_flux_err`` of
        shape (n, n_wave), each row filled up with NaN to the longest spectrum.

    Raises
    ------
    InputError
        If there is not one spectrum a row, or none at all.
    ReadError
        If a file cannot be read.

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
    read = [None if item is None else _spectrum(item) for item in spectra]
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
    return sample


def _spectrum(item):
    """Spectrum, read where the item is a path."""
    if isinstance(item, Spectrum):
        return item
    if isinstance(item, str | Path):
        return read_spectrum(item)
    msg = f"spectra must hold Spectrum, paths or None, got {type(item).__name__}"
    raise InputError(msg)


def _read(path, hdu):
    """Name of the layout, and values with their declared unit by the name of their column."""
    if not any(path.name.lower().endswith((end, end + ".gz")) for end in _FITS_SUFFIXES):
        return "table", _columns(read_table(path, hdu=hdu), path)
    with fits.open(path, memmap=False) as hdus:
        by_name = {item.name: item for item in hdus}
        if hdu is None and set(_GTO_EXTENSIONS) <= set(by_name):
            return "jades-gto", {
                name: (np.asarray(by_name[name].data), parse_unit(unit))
                for name, unit in _GTO_EXTENSIONS.items()
            }
        name = hdu
        if hdu is None:
            known = (name for name in _TABLE_EXTENSIONS if name in by_name)
            name = next(known, None)
    layout = _TABLE_EXTENSIONS.get(name, "table")
    return layout, _columns(read_table(path, file_format="fits", hdu=name), path)


def _columns(table, path):
    """Wavelength, flux and error of a table, with their declared units, by name."""
    candidates = (_WAVELENGTH_COLUMNS, _FLUX_COLUMNS, _ERROR_COLUMNS)
    names = [first_named(table.colnames, names) for names in candidates]
    if None in names:
        msg = (
            f"the file {path} has no known layout of a spectrum: a table needs columns such as "
            f"wavelength, flux and flux_err, found {shown(table.colnames)}"
        )
        raise ReadError(msg)
    return {name: (_floats(table[name]), parse_unit(table[name].unit)) for name in names}


def _floats(column):
    """Floats of a column, NaN where masked, without axes of length one."""
    values = np.ma.asarray(column)
    return np.squeeze(np.ma.filled(values.astype(float), np.nan))


def _quantity(item, given):
    """Values with their unit: the declared one, else the given one."""
    name, (values, declared) = item
    if declared is not None and given is not None and declared != given:
        msg = f"the unit of {name} is given as {given}, but the file declares {declared}"
        raise InputError(msg)
    unit = given if declared is None else declared
    if unit is None:
        msg = f"column {name} has no unit; pass wavelength_unit and flux_unit"
        raise InputError(msg)
    return u.Quantity(np.atleast_1d(values), unit, dtype=float)
