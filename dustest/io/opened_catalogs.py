"""Catalogues on disc that are read in parts, since they may not fit into memory."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from astropy.table import vstack

from dustest.data.checks.identifiers import has_ids, row_numbers
from dustest.data.checks.numbers import check_number, check_whole
from dustest.data.checks.tables import is_table_like
from dustest.data.collected_warnings import CollectedWarnings
from dustest.data.containers.conversion import as_sample
from dustest.data.errors import InputError, ReadError
from dustest.data.kinds import KINDS
from dustest.data.messages import shown
from dustest.io._catalog.flux_units import read_units
from dustest.io._catalog.plan import kind_columns
from dustest.io._catalog.redshifts import (
    choose_redshifts,
    count_redshifts,
    redshift_candidates,
)
from dustest.io._catalog.request import make_request
from dustest.io._catalog.table_to_sample import (
    Findings,
    check_rows,
    collect,
    drop_empty,
    finish,
    has_whole_numbers,
    judge,
    leave_out,
    make_rules,
    missing_ids,
    warn_of_missing_ids,
    without_ids,
)
from dustest.io._formats.parts import has_parts, open_parts

__all__ = ["OpenedCatalog", "has_parts", "open_catalog"]

_SPREAD = 1000
"""Number of rows, spread over the catalogue, whose values are checked."""


def open_catalog(
    path,
    *,
    columns=None,
    unit=None,
    error_floor=0.0,
    redshift=None,
    foreground_ebv=None,
    layout=None,
    format=None,  # noqa: A002 (the name in astropy's readers)
    hdu=None,
    rows_at_once=8192,
):
    """Open a catalogue of photometry that is read in parts.

    The galaxies are those of `read_catalog`, in the same columns, units and types. The file is
    read twice at this point, to decide what depends on all rows, such as the column of redshifts,
    and to find what is wrong before anything is computed; memory use does not depend on the
    number of rows. Estimators take the opened catalogue:
    ``estimator.estimate(catalog, output="result.parquet")``.

    Parameters
    ----------
    path : str or path-like
        FITS file with a binary table, Parquet file or HDF5 file. Other formats cannot be read in
        parts: convert them.
    columns : dict of str to str, optional
        As in `read_catalog`. Columns of a FITS file that are in another extension need eight
        bytes of memory for each row.
    unit : `~astropy.units.Unit`, str or dict of str to unit, optional
        As in `read_catalog`, like all that follow but the last.
    error_floor : float, optional
        Fraction of the flux that is added to its error in quadrature.
    redshift : str or sequence of str, optional
        Column of redshifts, or several.
    foreground_ebv : str or float, optional
        Column of E(B-V) of the Milky Way, or its value in mag.
    layout : str, optional
        Name of a layout.
    format : str, optional
        ``"fits"``, ``"parquet"`` or ``"hdf5"``; by default given by the suffix of the name.
    hdu : int or str, optional
        Extension of a FITS file, or path inside an HDF5 file.
    rows_at_once : int, optional
        Rows of the file that are in memory at once.

    Returns
    -------
    catalog : OpenedCatalog
        The galaxies.

    Raises
    ------
    InputError
        As in `read_catalog`; or if the format cannot be read in parts, fluxes are text, or
        ``rows_at_once`` is not a positive integer.
    ReadError
        If the file is missing or damaged.
    MissingDependencyError
        If the format needs a package that is not installed.

    Warns
    -----
    DustestWarning
        As in `read_catalog`, once for all rows.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from astropy.table import Table
    >>> from dustest.io import open_catalog
    >>> table = Table({"ID": range(9), "z_spec": [6.4] * 9, "F277W_KRON": [12.0] * 9,
    ...                "F277W_KRON_e": [0.5] * 9})
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     table.write(Path(folder) / "jades.fits")
    ...     catalog = open_catalog(Path(folder) / "jades.fits", rows_at_once=4)
    ...     print(catalog)
    ...     [len(sample) for sample in catalog]
    <OpenedCatalog jades.fits: 9 galaxies, layout jades-kron, bands F277W, redshifts of z_spec>
    [4, 4, 1]
    """
    check_number(error_floor, "error_floor", 0, 1, expected="a fraction of the flux from 0 to 1")
    rows_at_once = check_whole(rows_at_once, "rows_at_once")
    given = read_units(unit)
    request = make_request(columns, redshift, layout, foreground_ebv)
    parts = open_parts(
        path,
        file_format=format,
        hdu=hdu,
        layouts=request.layouts,
        wanted=request.wanted,
    )
    check_rows(parts.n_rows)
    first = next(parts.read(min(rows_at_once, parts.n_rows)))
    wanted = request.select(first, kind_columns)
    first.keep_columns(wanted)
    rules = make_rules(first, request, given, error_floor)
    _refuse_text(first, rules.plan)
    file = _File(parts, tuple(wanted), rows_at_once, _state(parts.path))
    reading = _decide(file, rules)
    return OpenedCatalog(Path(path), *_survey(reading))


def _refuse_text(table, plan):
    """Raise an error for fluxes that are text, of which one part may have more than another."""
    names = [name for pair in plan.pairs.values() for name in pair]
    text = [name for name in names if table[name].dtype.kind in "USO"]
    if text:
        msg = (
            f"the columns {shown(text)} must hold numbers to be read in parts, got text: convert "
            "them, or read the catalogue as a whole with read_catalog"
        )
        raise InputError(msg)


def _state(path):
    """What changes with a file: its size and the time of its last change."""
    found = path.stat()
    return found.st_size, found.st_mtime_ns


@dataclass(frozen=True)
class _File:
    """The wanted columns of a file, in parts.

    Parameters
    ----------
    parts : object
        Of `open_parts`.
    names : tuple of str
        Wanted columns.
    rows_at_once : int
        Rows of a part.
    state : tuple
        Size and time of the file when it was opened.
    """

    parts: object
    names: tuple
    rows_at_once: int
    state: tuple

    def read(self, names=None):
        """Read one part after the other.

        Parameters
        ----------
        names : sequence of str, optional
            Columns, if not all wanted ones.

        Yields
        ------
        table : `~astropy.table.Table`
            The columns of a part.

        Raises
        ------
        ReadError
            If the file is damaged, or has changed since it was opened.
        """
        names = self.names if names is None else names
        path = self.parts.path
        if not path.is_file() or _state(path) != self.state:
            msg = f"the file {path} has changed since it was opened: open it again"
            raise ReadError(msg)
        for table in self.parts.read(self.rows_at_once, names):
            table.keep_columns([name for name in names if name in table.colnames])
            table.meta["source"] = path.name
            yield table


@dataclass(frozen=True)
class _Reading:
    """How the parts of a file become samples.

    Parameters
    ----------
    file : _File
        The file.
    rules : Rules
        Rules of the catalogue, with the columns of redshifts.
    n_rows : int
        Number of galaxies.
    has_whole : bool
        Whether any identifier is a whole number.
    """

    file: _File
    rules: object
    n_rows: int
    has_whole: bool

    def tables(self):
        """Yield the rows of each part that are galaxies, with the number of the first."""
        start = 0
        for part in self.file.read():
            table = leave_out(part, self.rules, has_whole=self.has_whole)
            if len(table):
                yield start, table
            start += len(table)


def _decide(file, rules):
    """Decide what depends on all rows: identifiers and the column of redshifts."""
    id_name = rules.plan.others.get("id")
    first = next(file.read())
    named = rules.named_redshifts
    items = [] if rules.request.without_redshifts else redshift_candidates(first, named)
    counts = np.zeros(len(items), dtype=np.int64)
    n_missing, has_whole = 0, False
    names = list(dict.fromkeys([*(item.name for item in items), *([id_name] if id_name else [])]))
    for part in file.read(names) if names else ():
        counts += count_redshifts(part, items)
        if id_name:
            has_whole |= has_whole_numbers(part[id_name])
            missing = missing_ids(part[id_name], has_whole=True)
            n_missing += 0 if missing is None else np.count_nonzero(missing)
    n_rows = file.parts.n_rows
    # Floats without a whole number are no identifiers, which the conversion refuses.
    if n_missing and has_whole:
        warn_of_missing_ids(id_name, n_missing, n_rows)
        if n_missing == n_rows:
            rules = without_ids(rules)
        else:
            n_rows -= n_missing
    if not rules.request.without_redshifts:
        whole = _Repeatable(file)
        chosen = choose_redshifts(whole, items, counts, are_named=bool(named))
        rules = replace(rules, redshifts=chosen)
    return _Reading(file, rules, n_rows, has_whole)


class _Repeatable:
    """The parts of a file, each time that they are iterated over."""

    def __init__(self, file):
        self._file = file

    def __iter__(self):
        return self._file.read()


def _survey(reading):
    """Convert all parts once, to find what is wrong and the types of all columns."""
    findings, collected = Findings(), CollectedWarnings()
    dtypes, spread, step = {}, [], max(1, reading.n_rows // _SPREAD)
    for start, table in reading.tables():
        with collected.part():
            output, found = collect(table, reading.rules)
            sample = as_sample(output)
            rows = slice(-start % step, None, step)
            # A copy of some rows, without the memory of the others.
            spread.append(sample[rows].copy())
            _add_findings(findings, found, rows)
            sample = finish(sample, table, reading.rules)
        collected.count(len(table))
        for name in sample.colnames:
            dtypes[name] = _common_type(name, dtypes.get(name), _type_of(sample[name]))
    collected.give(stacklevel=4)
    empty = [name for name, has_value in findings.optional.items() if not has_value]
    some = vstack(spread, metadata_conflicts="silent")
    some.remove_columns([name for name in empty if name in some.colnames])
    findings.numbers = {
        name: tuple(np.concatenate(parts) for parts in zip(*pairs, strict=True))
        for name, pairs in findings.numbers.items()
    }
    judge(findings, some)
    dtypes = {name: dtype for name, dtype in dtypes.items() if name not in empty}
    sample = next(_samples(reading, findings.optional, dtypes))
    return reading, findings.optional, dtypes, sample[:0].copy()


def _add_findings(findings, found, rows):
    """Add the findings of one part to those of the parts before."""
    for name, pair in found.numbers.items():
        some = tuple(np.array(values[rows]) for values in pair)
        findings.numbers.setdefault(name, []).append(some)
    for names, counts in found.outside.items():
        before = findings.outside.get(names, np.zeros(3, dtype=np.int64))
        findings.outside[names] = before + np.array(counts)
    for name, has_value in found.optional.items():
        findings.optional[name] = findings.optional.get(name, False) or has_value


def _type_of(column):
    """Type and shape of a row of a column."""
    return column.dtype, column.shape[1:]


def _common_type(name, known, new):
    """Type that holds the values of all parts."""
    if known is None:
        return new
    if known[1] != new[1]:
        msg = (
            f"column {name} must have rows of one shape to be read in parts, got {known[1]} and "
            f"{new[1]}: convert it, or read the catalogue as a whole with read_catalog"
        )
        raise InputError(msg)
    return np.promote_types(known[0], new[0]), known[1]


def _samples(reading, optional, dtypes):
    """Convert one part after the other."""
    for start, table in reading.tables():
        # The survey gave the warnings, for all parts.
        with CollectedWarnings().part():
            output, _ = collect(table, reading.rules)
            drop_empty(output, optional)
            sample = finish(as_sample(output), table, reading.rules)
        if not has_ids(sample):
            sample["id"] = row_numbers(len(sample), first=start)
        for name, (dtype, _) in dtypes.items():
            if sample[name].dtype != dtype:
                sample[name] = sample[name].astype(dtype)
        yield sample


class OpenedCatalog:
    """A catalogue on disc, read in parts by iteration.

    `open_catalog` returns it. ``len`` is the number of galaxies. Each iteration reads the file
    again, from its beginning, and yields a `~dustest.data.GalaxySample` for each part.

    Parameters
    ----------
    path : `~pathlib.Path`
        The file.
    reading : object
        How its parts become samples.
    optional : dict of str to bool
        Whether a column that may be empty has a value.
    dtypes : dict of str to tuple
        Type and shape of a row of each column.
    empty : GalaxySample
        All columns, without a row.
    """

    def __init__(self, path, reading, optional, dtypes, empty):
        self.path = path
        self._reading = reading
        self._optional = optional
        self._dtypes = dtypes
        self._empty = empty

    def __len__(self):
        return self._reading.n_rows

    def __iter__(self):
        return self.samples()

    def __repr__(self):
        redshifts = self.meta["redshift_column"]
        words = [f"{len(self)} galaxies", f"layout {self.meta['layout']}"]
        words += [f"bands {', '.join(self.bands)}"] if self.bands else []
        words += [f"redshifts of {redshifts}" if redshifts else "no redshifts"]
        return f"<OpenedCatalog {self.path.name}: {', '.join(words)}>"

    @property
    def colnames(self):
        """Columns of the samples (list of str)."""
        return self._empty.colnames

    @property
    def bands(self):
        """Bands with photometry (tuple of str)."""
        return KINDS["flux"].items_in(self._empty)

    @property
    def meta(self):
        """Columns that are used, as in ``meta`` of the samples (dict)."""
        return dict(self._empty.meta)

    def samples(self):
        """Read one part after the other.

        Yields
        ------
        sample : GalaxySample
            Galaxies, in the order of the file.

        Raises
        ------
        ReadError
            If the file is damaged, or has changed since it was opened.
        """
        return _samples(self._reading, self._optional, self._dtypes)

    def map(self, function):
        """Add columns to each part when it is read, such as cutouts or photometry.

        Parameters
        ----------
        function : callable
            ``function(sample)`` returns a sample of the same galaxies.

        Returns
        -------
        source : object
            The galaxies, for ``estimate``, with ``len`` and ``samples``. A note is added to errors
            of the function, with the number of the part and of its galaxies.

        Examples
        --------
        >>> from dustest.io import add_cutouts, open_catalog
        >>> catalog = open_catalog("big.parquet")  # doctest: +SKIP
        >>> mosaics = {"F277W": "f277w.fits"}  # doctest: +SKIP
        >>> catalog.map(lambda sample: add_cutouts(sample, mosaics))  # doctest: +SKIP
        """
        return _Mapped(self, function)


@dataclass(frozen=True)
class _Mapped:
    """Galaxies of a catalogue with further columns.

    Parameters
    ----------
    catalog : OpenedCatalog
        The catalogue.
    function : callable
        Adds the columns to a sample.
    """

    catalog: OpenedCatalog
    function: object

    def __len__(self):
        return len(self.catalog)

    def __iter__(self):
        return self.samples()

    @property
    def path(self):
        """File of the catalogue."""
        return self.catalog.path

    def samples(self):
        """Yield one sample after the other.

        Yields
        ------
        sample : GalaxySample
            Galaxies with further columns.
        """
        start = 0
        for number, sample in enumerate(self.catalog.samples(), start=1):
            stop = start + len(sample)
            try:
                made = self._apply(sample)
            except Exception as error:
                error.add_note(
                    f"This is about part {number} of {self.path}: galaxies {start} to {stop - 1}, "
                    "counted from 0."
                )
                raise
            yield made
            start = stop

    def _apply(self, sample):
        """The sample with further columns."""
        made = self.function(sample)
        if not is_table_like(made) or len(made) != len(sample):
            msg = f"function must return the {len(sample)} galaxies that it is given"
            raise InputError(msg)
        return made
