"""Location of a spectrum in a file: its extension, its source, its columns."""

import warnings
from dataclasses import dataclass

import numpy as np
from astropy.io import fits
from astropy.table import Column, MaskedColumn, Table

from dustest.data.checks.identifiers import as_ids, id_column
from dustest.data.checks.images import ERROR_POWERS
from dustest.data.checks.tables import first_named
from dustest.data.checks.values import bare_values
from dustest.data.errors import DustestWarning, InputError, ReadError
from dustest.data.files.contents import open_fits
from dustest.data.messages import argument, did_you_mean, shown
from dustest.io._formats.readers import read_table

__all__ = ["SpectrumColumns", "read_columns"]

_FITS_START = b"SIMPLE  ="
_WAVELENGTHS = (
    *("wavelength", "wave", "lambda", "lam", "wl", "wavelengths", "lambda_obs", "wave_obs"),
    *("spectral_axis", "frequency", "freq", "nu", "wavenumber", "energy"),
)
_LOG_WAVELENGTHS = ("loglam", "log_lam", "loglambda", "log_lambda", "logwave", "log_wave")
_FLUXES = ("flux", "flux_density", "f_lambda", "flam", "f_nu", "fnu", "flambda", "data")
_ERRORS = {
    "std": (
        *("flux_err", "flux_error", "fluxerr", "flux_unc", "uncertainty", "error", "err", "sigma"),
        *("f_lambda_err", "flam_err", "f_nu_err", "fnu_err", "e_flux", "eflux", "err_flux"),
        *("flux_std", "std", "stddev", "rms", "noise", "unc"),
    ),
    "var": ("var", "variance", "flux_var", "flux_variance", "var_flux"),
    "ivar": ("ivar", "flux_ivar", "inverse_variance", "invvar", "inv_var", "ivar_flux"),
}
_DATA_QUALITY = ("dq", "flux_dq", "dq_flag")
_MASKS = ("mask", "quality", "flag", "flags", "badpix", "bad", "bad_pixel", "bpm")
_DO_NOT_USE = 1

_IMAGES = {"WAVELENGTH": "m", "DATA": "W m-3", "ERR": "W m-3"}
_TABLES = {
    "EXTRACT5PIX1D": "jades-x1d",
    "EXTRACT3PIX1D": "jades-x1d",
    "SPEC1D": "msaexp",
    "EXTRACT1D": "jwst-x1d",
}
"""Layout by the name of an extension, the preferred one first."""


@dataclass(frozen=True)
class SpectrumColumns:
    """Columns of one spectrum, as in the file.

    Parameters
    ----------
    layout : str
        Name of the layout.
    wavelength, flux, error : Column or MaskedColumn of shape (n,)
        Values, with the unit that the file declares.
    is_log : bool
        Whether the wavelength is a decadic logarithm.
    error_kind : {"std", "var", "ivar"}
        Kind of the errors.
    bad : list of ndarray of bool of shape (n,)
        Bad pixels according to each column of quality.
    source_id : object
        Identifier of the selected source; None if the file has one source.
    assumed : dict of str to str
        Units by name of the column, implied by the layout for columns without a unit.
    """

    layout: str
    wavelength: object
    flux: object
    error: object
    is_log: bool
    error_kind: str
    bad: list
    source_id: object
    assumed: dict


def read_columns(path, hdu, source_id):
    """Read the columns of one spectrum.

    Parameters
    ----------
    path : pathlib.Path
        The file, which exists.
    hdu : int, str, tuple or None
        Extension of a FITS file.
    source_id : object
        Source in a file with several; None if it has one.

    Returns
    -------
    columns : SpectrumColumns
        The columns.

    Raises
    ------
    InputError
        If several extensions or sources match, or the requested one does not exist.
    ReadError
        If the layout of the file is unknown.
    """
    layout, table = (
        _read_fits(path, hdu) if _is_fits(path) else ("table", read_table(path, hdu=hdu))
    )
    roles = _roles(table.colnames)
    if roles is None:
        msg = (
            f"the file {path} has no known layout of a spectrum: a table needs columns named as "
            f"wavelength, flux and flux_err, found {shown(table.colnames)}"
        )
        raise ReadError(msg)
    select, chosen = _one_source(table, roles, source_id, path)
    quality = [name for name in table.colnames if name.lower() in (*_DATA_QUALITY, *_MASKS)]
    return SpectrumColumns(
        layout=layout,
        wavelength=_select(table[roles.wavelength], roles.wavelength, select),
        flux=_select(table[roles.flux], roles.flux, select),
        error=_select(table[roles.error], roles.error, select),
        is_log=roles.is_log,
        error_kind=roles.error_kind,
        bad=[_bad_pixels(_select(table[name], name, select)) for name in quality],
        source_id=chosen,
        assumed=_IMAGES if layout == "jades-gto" else {},
    )


@dataclass(frozen=True)
class _Roles:
    """Names of the columns of a spectrum."""

    wavelength: str
    flux: str
    error: str
    is_log: bool
    error_kind: str


def _roles(names):
    """Roles of the columns of a table, None if it has no spectrum."""
    plain = first_named(names, _WAVELENGTHS)
    wavelength = first_named(names, _LOG_WAVELENGTHS) if plain is None else plain
    flux = first_named(names, _FLUXES)
    errors = {kind: first_named(names, _ERRORS[kind]) for kind in ERROR_POWERS}
    kind = next((kind for kind, name in errors.items() if name is not None), None)
    if wavelength is None or flux is None or kind is None:
        return None
    return _Roles(wavelength, flux, errors[kind], plain is None, kind)


def _is_fits(path):
    """Whether a file is a FITS file, by its name or its first bytes."""
    if path.name.lower().removesuffix(".gz").endswith((".fits", ".fit")):
        return True
    with path.open("rb") as file:
        return file.read(len(_FITS_START)) == _FITS_START


def _read_fits(path, hdu):
    """Layout and table of an extension."""
    with open_fits(path) as hdus:
        if hdu is None and set(_IMAGES) <= {item.name for item in hdus}:
            return "jades-gto", _table_of_images(hdus)
        place = _place(hdus, path) if hdu is None else _find_place(hdus, hdu, path)
        layout = "table" if place is None else _TABLES.get(hdus[place].name, "table")
    return layout, read_table(path, file_format="fits", hdu=place)


def _table_of_images(hdus):
    """Table of a file with one image per column and one row per source."""
    columns = {}
    for item in hdus:
        quality = item.name.lower() in (*_DATA_QUALITY, *_MASKS)
        if item.is_image and item.data is not None and (quality or item.name in _IMAGES):
            unit = item.header.get("BUNIT")
            values = np.atleast_2d(np.asarray(item.data))
            columns[item.name] = (values, unit if isinstance(unit, str) else None)
    rows = max(len(values) for values, _ in columns.values())
    table = Table()
    for name, (values, unit) in columns.items():
        shape = (rows, *values.shape[1:])
        table[name] = Column(np.broadcast_to(values, shape), unit=unit)
    return table


def _place(hdus, path):
    """Number of the extension with the spectrum, None without any table."""
    tables = [i for i, hdu in enumerate(hdus) if isinstance(hdu, fits.BinTableHDU | fits.TableHDU)]
    for name in _TABLES:
        if named := [i for i in tables if hdus[i].name == name]:
            return _require_one(named, hdus, path)
    spectra = [i for i in tables if _roles(hdus[i].columns.names) is not None]
    return _require_one(spectra, hdus, path) if spectra else next(iter(tables), None)


def _find_place(hdus, hdu, path):
    """Number of the extension named by the user."""
    try:
        place = range(len(hdus))[hdus.index_of(hdu)]
    except (KeyError, IndexError, TypeError, ValueError) as error:
        names = [item.name for item in hdus]
        msg = (
            f"hdu must be one of {shown(names)} in {path}, got {hdu!r}: "
            f"{did_you_mean(hdu, names)}a name, a number, or both as (name, version)"
        )
        raise InputError(msg) from error
    if not isinstance(hdu, str):
        return place
    return _require_one(
        [i for i, item in enumerate(hdus) if item.name == hdus[place].name], hdus, path
    )


def _require_one(places, hdus, path):
    """Return the only extension, or raise an error."""
    if len(places) > 1:
        versions = [(hdus[i].name, hdus[i].ver) for i in places]
        unique = len(set(versions)) == len(versions) and all(name for name, _ in versions)
        keys = versions if unique else places
        msg = (
            f"the file {path} holds {len(places)} spectra, in the extensions {shown(keys)}: say "
            f"which one you mean, such as {argument('hdu', keys[-1])}"
        )
        raise InputError(msg)
    return places[0]


def _one_source(table, roles, source_id, path):
    """Rows of one source, and its identifier; None if the file has only one."""
    flux = bare_values(table[roles.flux])[0]
    name = id_column(table)
    if flux.ndim > 1 and flux[0].size > 1:
        ids = range(len(table)) if name is None else as_ids(table[name], f"column {name}")
        place = _choose([*ids], source_id, path)
        return place, None if len(ids) == 1 and source_id is None else _plain(ids[place])
    ids = np.zeros(0) if name is None else np.unique(as_ids(table[name], f"column {name}"))
    if 1 < len(ids) < len(table):
        chosen = ids[_choose([*ids], source_id, path)]
        return as_ids(table[name]) == chosen, _plain(chosen)
    if source_id is not None:
        _choose([*ids] if len(ids) == 1 else [], source_id, path)
    _check_one_spectrum(table[roles.wavelength], path)
    return slice(None), source_id


def _choose(ids, source_id, path):
    """Position of the source named by the user."""
    names = [str(item) for item in ids]
    if source_id is None and len(ids) == 1:
        return 0
    places = [place for place, name in enumerate(names) if name == str(source_id).strip()]
    if len(places) == 1:
        return places[0]
    if not ids:
        msg = f"source_id must be left out: the file {path} holds one spectrum without identifier"
        raise InputError(msg)
    problem = "" if source_id is None else f", and source_id={source_id!r} is not one of them"
    msg = (
        f"the file {path} holds spectra of {len(ids)} sources ({shown(names)}){problem}: say "
        f"which one you mean, such as {argument('source_id', _plain(ids[-1]))}"
    )
    raise InputError(msg)


def _plain(item):
    """An identifier as a plain Python value."""
    return item.item() if isinstance(item, np.generic) else item


def _check_one_spectrum(column, path):
    """Raise an error if every wavelength occurs several times, as in concatenated spectra."""
    values = bare_values(column)[0].ravel()
    _, counts = np.unique(values, return_counts=True)
    if len(counts) > 1 and counts.min() > 1 and counts.min() == counts.max():
        msg = (
            f"the file {path} holds every wavelength {counts[0]} times, as if the spectra of "
            f"{counts[0]} sources were put together, but no column says which is which: add a "
            "column id"
        )
        raise InputError(msg)


def _select(column, name, select):
    """Column of the pixels of one source, with the declared unit."""
    values, missing = bare_values(column)
    masked = np.ma.array(values, mask=False if missing is None else missing)[select]
    if masked.size != max(masked.shape, default=0):
        msg = f"column {name} must hold one number a pixel, got shape {masked.shape}"
        raise InputError(msg)
    return MaskedColumn(masked.reshape(-1), name=name, unit=getattr(column, "unit", None))


def _bad_pixels(column):
    """Bad pixels according to a column of quality."""
    values, missing = bare_values(column)
    if values.dtype.kind not in "biuf":
        msg = f"column {column.name} holds no numbers, so that no pixel is taken to be bad by it"
        warnings.warn(msg, DustestWarning, stacklevel=4)
        return np.zeros(values.shape, dtype=bool)
    known = np.isfinite(values) if missing is None else np.isfinite(values) & ~missing
    number = np.where(known, values, 0)
    if column.name.lower() in _DATA_QUALITY:
        number = number.astype(np.int64) & _DO_NOT_USE
    bad = ~known | (number != 0)
    if bad.size and np.all(bad):
        msg = f"column {column.name} marks every pixel as bad; a pixel is good where it is 0"
        warnings.warn(msg, DustestWarning, stacklevel=4)
    return bad
