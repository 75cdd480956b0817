"""Reading of catalogues of photometry into a checked sample."""

from os import PathLike
from pathlib import Path

from dustest.data.checks.numbers import check_number
from dustest.data.checks.tables import as_table, is_table_like
from dustest.data.errors import InputError
from dustest.io._catalog.flux_units import read_units
from dustest.io._catalog.plan import kind_columns
from dustest.io._catalog.request import make_request
from dustest.io._catalog.table_to_sample import make_rules, whole_sample
from dustest.io._formats.readers import read_table

__all__ = ["read_catalog"]


def read_catalog(
    path_or_table,
    *,
    columns=None,
    unit=None,
    error_floor=0.0,
    redshift=None,
    foreground_ebv=None,
    layout=None,
    format=None,  # noqa: A002 (the name in astropy's readers)
    hdu=None,
):
    """Read a catalogue of photometry.

    The layout is recognised by the names of the columns (`~dustest.io.layouts.LAYOUTS`): the one
    with most bands is used, for equal numbers the first. ``meta`` of the sample records which
    columns were used: ``layout``, ``flux_columns``, ``redshift_column``. Columns that are not part
    of a `~dustest.data.GalaxySample` are left out, unless ``columns`` names them.

    Parameters
    ----------
    path_or_table : str, path-like, Table, data frame or dict of str to array_like
        FITS, ECSV, CSV, Parquet, HDF5 or VOTable file, columns of text, or a table: of astropy,
        pandas, polars, or a dict of columns. If a file has several tables, the one with most bands
        is read. Positions and redshifts in other tables of a FITS file are joined by identifier.
    columns : dict of str to str, optional
        Columns of the catalogue by their name in the sample, such as
        ``{"redshift": "z_eazy", "flux_F277W": "f3", "flux_err_F277W": "e3"}``, in any letter case
        and spelling of the band. Where it names fluxes, only these are read. Other names are kept
        as they are. ``{"{band}": "NRC_{band}_tot", "{band}_err": "NRC_{band}_err"}`` names the
        fluxes and errors of every band that the catalogue has.
    unit : `~astropy.units.Unit`, str or dict of str to unit, optional
        Unit of fluxes without a declared unit, in place of that of the layout;
        ``astropy.units.ABmag`` for magnitudes, whose errors are then in magnitudes. It may not
        contradict a declared unit. A dict gives units by column of the catalogue, or by band, or
        for all fluxes with a name such as ``"HST_*"``, and ``"*"`` for all others; these also
        replace a declared unit that is not understood.
    error_floor : float, optional
        Fraction of the flux that is added to its error in quadrature, from 0 to 1. If a sample
        already has a floor, only the difference is added.
    redshift : str or sequence of str, optional
        Column of redshifts; of several, each row has the first positive value. By default the
        known column with most positive values; for equal numbers, spectroscopic before
        photometric. An empty list reads no redshifts.
    foreground_ebv : str or float, optional
        Column of E(B-V) of the Milky Way, or its value in mag for all galaxies: fluxes and errors
        are corrected with the law G23, ``meta["foreground_dust"]`` records it, and the column
        ``foreground_ebv`` of the sample keeps the values.
    layout : str, optional
        Name of a layout, if the names of the columns would select another.
    format : str, optional
        Format as in `astropy.table.Table.read`; by default given by the suffix of the name.
    hdu : int or str, optional
        Extension of a FITS file, or path inside an HDF5 file.

    Returns
    -------
    sample : GalaxySample
        Fluxes in nJy. ``redshift_err`` is the error of the redshift column, or half the distance
        between its 16th and 84th percentile. Masked and infinite values, sentinels such as -99 (or
        99 for magnitudes) and values with a negative error are NaN.

    Raises
    ------
    InputError
        If no layout matches, a column is missing, has no unit, one that is not understood or one
        that contradicts ``unit``, the redshift column has no positive value, the table is empty,
        fluxes are already corrected for foreground dust, or an argument is out of range.
    ReadError
        If the file is missing or cannot be read.
    MissingDependencyError
        If the format needs a package that is not installed.

    Warns
    -----
    DustestWarning
        If the unit is an assumption, cells of fluxes are not numbers, fluxes without errors, of
        unknown bands or rows without an identifier are left out, or fluxes look like magnitudes,
        errors or colours are improbable.

    Examples
    --------
    >>> from astropy.table import Table
    >>> from dustest.io import read_catalog
    >>> table = Table({"ID": [7], "z_spec": [6.4], "F277W_KRON": [12.0], "F277W_KRON_e": [0.5]})
    >>> sample = read_catalog(table, error_floor=0.05)
    >>> print(sample["flux_F277W"], sample["flux_err_F277W"].round(3))
    [12.] nJy [0.781] nJy
    >>> sample.meta["layout"], sample.meta["redshift_column"]
    ('jades-kron', 'z_spec')
    """
    _check_floor(error_floor)
    given = read_units(unit)
    request = make_request(columns, redshift, layout, foreground_ebv)
    table = _load(path_or_table, request, format, hdu)
    return whole_sample(table, make_rules(table, request, given, error_floor))


def _check_floor(floor):
    """Raise an error if the error floor is not a fraction."""
    check_number(floor, "error_floor", 0, 1, expected="a fraction of the flux from 0 to 1")


def _load(path_or_table, request, file_format, hdu):
    """The table, which is read from a file if necessary."""
    if is_table_like(path_or_table):
        return as_table(path_or_table, "path_or_table")
    if not isinstance(path_or_table, str | PathLike):
        kind = type(path_or_table).__name__
        msg = (
            "path_or_table must be the path of a file, an astropy Table, a data frame or a dict "
            f"of columns, got {kind}"
        )
        raise InputError(msg)
    table = read_table(
        path_or_table,
        file_format=file_format,
        hdu=hdu,
        layouts=request.layouts,
        wanted=request.wanted,
        select=lambda table: request.select(table, kind_columns),
    )
    table.meta["source"] = Path(path_or_table).name
    return table
