"""Kinds of input: columns of fluxes, images, lines, ..., and their readers.

A kind is one record. Conversion and checks of input, readers of catalogues, batches and the
requirements of estimators use it.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from astropy import units as u

from dustest.data.bands import canonical_name
from dustest.data.checks.kind_readers import READERS, bare_stamps, read_numbers
from dustest.data.checks.positions import POSITION_RANGES
from dustest.data.checks.records import check_ascending, expect, is_text, unit_of
from dustest.data.checks.units import FLUX_UNIT, SPECTRAL_UNIT
from dustest.data.errors import InputError
from dustest.data.lines import LINES
from dustest.data.messages import not_one_of
from dustest.data.quantities import QUANTITIES, result_columns
from dustest.data.registry import Registry

__all__ = [
    "BATCH_NAMES",
    "KINDS",
    "LINE_UNIT",
    "ROLES",
    "FoundColumn",
    "Kind",
    "KindColumn",
    "canonical_item",
    "find_column",
    "is_known_item",
    "register_kind",
]

LINE_UNIT = u.erg / u.s / u.cm**2
"""Unit of emission lines inside dustest."""

ROLES = {
    "value": "what was measured",
    "error": "its standard deviation",
    "limit": "upper limit where nothing was detected; meta of the column has its sigma",
    "mask": "True where a value is bad",
    "axis": "where along its further axes a value is",
    "context": "another measurement that helps to interpret the value; it may be missing",
    "note": "kept with the sample; estimators do not get it",
}
"""Roles of a column of a kind."""


BATCH_NAMES = frozenset(
    {"arrays", "changed", "error_floor", "items", "keeps_data", "row_keys", "seed", "seeded"}
)
"""Attributes of a batch that are no input."""


@dataclass(frozen=True)
class KindColumn:
    """One column of a kind.

    Parameters
    ----------
    name : str
        Name in samples; for kinds by band or line the prefix, such as ``"flux_err"`` in
        ``flux_err_F277W``.
    description : str
        Content, for the documentation.
    unit : Unit or str, optional
        Canonical unit; None for plain numbers.
    role : str, optional
        One of ``ROLES``.
    axes : int, optional
        Number of axes, including that of the rows.
    required : bool, optional
        Whether the values of the kind are useless without it. If an error is required, values
        without a positive one are missing.
    valid : tuple of float, optional
        Range of valid numbers in ``unit``; others are missing, with a warning.
    needs_unit : bool, optional
        Whether the column must have a unit. Data frames and dictionaries of arrays, which cannot
        have one, are taken to be in ``unit``, with a warning.
    sentinels : bool, optional
        Whether numbers such as -99 are missing values.
    attribute : str, optional
        Name in `~dustest.estimators.Batch`; ``name`` by default.
    read : callable, optional
        ``read(given)`` returns the values inside dustest of a ``GivenColumn`` of
        ``data/checks/kind_readers.py``; by default they are numbers in ``unit``.
    bare : callable, optional
        ``bare(sample, name)`` returns the array that a backend gets; by default the numbers in
        ``unit``.

    Raises
    ------
    InputError
        If its name or role is not allowed, ``unit`` is no unit, or ``valid`` does not ascend.
    """

    name: str
    description: str
    unit: object = None
    role: str = "value"
    axes: int = 1
    required: bool = False
    valid: tuple = (-np.inf, np.inf)
    needs_unit: bool = False
    sentinels: bool = True
    attribute: str = ""
    read: Callable = read_numbers
    bare: Callable | None = None

    def __post_init__(self):
        expect(is_text(self.name), "name of a column", "a str that is not empty", self.name)
        what = f"of column {self.name!r}"
        if self.role not in ROLES:
            raise InputError(not_one_of(f"role {what}", self.role, ROLES))
        check_ascending(self.valid, f"valid {what}")
        object.__setattr__(self, "unit", unit_of(self.unit, f"unit {what}"))
        object.__setattr__(self, "attribute", self.attribute or self.name)

    @property
    def blank(self):
        """Missing value in a batch (numpy scalar)."""
        if self.role == "mask":
            return np.False_
        return np.float32(np.nan) if self.axes > 2 else np.float64(np.nan)


@dataclass(frozen=True)
class Kind:
    """A kind of input.

    Parameters
    ----------
    name : str
        Name, for ``requires`` of estimators; ``batch.has_<name>`` marks the rows that have it.
    description : str
        Content, for the documentation.
    columns : tuple of KindColumn
        Its columns; those with the role ``"value"`` contain the values of the kind.
    per : {"", "band", "line"}, optional
        Whether there is one column, or one for each band or emission line.
    items : str, optional
        Name in `~dustest.estimators.Batch` of the tuple of bands or lines.
    on_request : bool, optional
        Whether only estimators that require the kind receive it. Data that an estimator receives
        are part of the identity of a row and therefore of its seed.

    Raises
    ------
    InputError
        If ``columns`` is no tuple of `KindColumn` or is empty, ``per`` is unknown, or ``items``
        is missing.

    Examples
    --------
    >>> from dustest.data import Kind, KindColumn
    >>> kind = Kind(
    ...     "velocity_dispersion",
    ...     "velocity dispersion of the stars",
    ...     (
    ...         KindColumn("sigma_star", "velocity dispersion", unit="km/s", valid=(0, 2000)),
    ...         KindColumn("sigma_star_err", "its error", "km/s", "error", required=True),
    ...     ),
    ... )
    >>> [column.name for column in kind.required]
    ['sigma_star', 'sigma_star_err']
    """

    name: str
    description: str
    columns: tuple
    per: str = ""
    items: str = ""
    on_request: bool = False

    def __post_init__(self):
        fits = isinstance(self.columns, tuple) and self.columns
        fits = fits and all(isinstance(one, KindColumn) for one in self.columns)
        expected = "a tuple with at least one KindColumn and nothing else"
        expect(fits, f"columns of the kind {self.name!r}", expected, self.columns)
        if self.per and self.per not in _ITEMS:
            raise InputError(not_one_of(f"per of the kind {self.name!r}", self.per, _ITEMS))
        if bool(self.per) != bool(self.items):
            msg = (
                f"items of the kind {self.name!r} must name its {self.per or 'item'}s in a batch "
                f"where there are any, got {self.items!r} for per={self.per!r}"
            )
            raise InputError(msg)

    @property
    def values(self):
        """Columns of the role ``"value"`` (tuple of KindColumn)."""
        return self.with_role("value")

    @property
    def required(self):
        """Columns that a sample must have for this kind (tuple of KindColumn)."""
        return tuple(one for one in self.columns if one.role == "value" or one.required)

    @property
    def arrays(self):
        """Columns that a method receives (tuple of KindColumn)."""
        return tuple(one for one in self.columns if one.role != "note")

    def with_role(self, role):
        """Columns of one role.

        Parameters
        ----------
        role : str
            One of ``ROLES``.

        Returns
        -------
        columns : tuple of KindColumn
            In the order of the record.
        """
        return tuple(one for one in self.columns if one.role == role)

    def column_name(self, column, item=""):
        """Name of a column in samples.

        Parameters
        ----------
        column : KindColumn
            One of the kind.
        item : str, optional
            Short name of a band or line, for kinds that have some.

        Returns
        -------
        name : str
            Such as ``"flux_err_F277W"``.
        """
        return f"{column.name}_{item}" if self.per else column.name

    def columns_of(self, item, sample):
        """Columns that a sample has of one band or line.

        Parameters
        ----------
        item : str
            Short name of the band or line.
        sample : GalaxySample
            Checked sample.

        Returns
        -------
        names : list of str
            In the order of the record.
        """
        names = (self.column_name(one, item) for one in self.columns)
        return [name for name in names if name in sample.colnames]

    def names_in(self, sample, role):
        """Columns of one role that a sample has.

        Parameters
        ----------
        sample : GalaxySample
            Checked sample.
        role : str
            One of ``ROLES``.

        Returns
        -------
        names : list of tuple of str
            Name of each column, and of the column of values that it belongs to.
        """
        items = self.items_in(sample) if self.per else ("",)
        pairs = (
            (self.column_name(column, item), self.column_name(self.values[0], item))
            for column in self.with_role(role)
            for item in items
        )
        return [pair for pair in pairs if set(pair) <= set(sample.colnames)]

    def items_in(self, sample):
        """Bands or lines that a sample has of this kind.

        Parameters
        ----------
        sample : GalaxySample
            Checked sample.

        Returns
        -------
        items : tuple of str
            In the order of the columns, without those of which a required column is missing.
        """
        first, names = f"{self.values[0].name}_", sample.colnames
        others = tuple(f"{one.name}_" for one in self.columns if one.name.startswith(first))
        items = (
            name.removeprefix(first)
            for name in names
            if name.startswith(first) and not name.startswith(others)
        )
        return tuple(
            item
            for item in items
            if all(_is_inside(one, f"{one.name}_{item}", sample) for one in self.required)
        )

    def is_in(self, sample):
        """Whether a sample has the columns of this kind.

        Parameters
        ----------
        sample : GalaxySample
            Checked sample.

        Returns
        -------
        answer : bool
            For kinds by band or line, whether it has any of them.
        """
        if self.per:
            return bool(self.items_in(sample))
        return all(one.name in sample.colnames for one in self.required)


def _is_inside(column, name, sample):
    """Whether a checked sample has a column, in its canonical form."""
    if name not in sample.colnames:
        return False
    found = sample[name]
    return found.ndim == column.axes and (
        column.unit is None or getattr(found, "unit", None) == column.unit
    )


@dataclass(frozen=True)
class FoundColumn:
    """Name of a column that belongs to a kind.

    Parameters
    ----------
    kind : Kind
        The kind.
    column : KindColumn
        The column.
    item : str
        Band or line as in the name; empty if there is none.
    """

    kind: Kind
    column: KindColumn
    item: str = ""

    @property
    def name(self):
        """Canonical name: with the band or line in its short form (str)."""
        item = canonical_item(self.kind, self.item) if self.kind.per else ""
        return self.kind.column_name(self.column, item)

    @property
    def is_known(self):
        """Whether it is of a known band or line, or of a kind without (bool)."""
        return not self.kind.per or is_known_item(self.kind, self.item)


def _line_name(name):
    """Short name of an emission line."""
    return LINES.find(name, "line").name


_ITEMS = {"band": canonical_name, "line": _line_name}
"""Functions that return the short name of a band or line, or raise an error if it is unknown."""


def is_known_item(kind, item):
    """Whether a band or line of a kind is known.

    Parameters
    ----------
    kind : Kind
        A kind by band or line.
    item : str
        Any name of one.

    Returns
    -------
    answer : bool
        Whether it is.

    Examples
    --------
    >>> from dustest.data.kinds import KINDS, is_known_item
    >>> is_known_item(KINDS["line"], "Halpha"), is_known_item(KINDS["flux"], "my camera")
    (True, False)
    """
    try:
        _ITEMS[kind.per](item)
    except InputError:
        return False
    return True


def canonical_item(kind, item):
    """Short name of a band or line; unknown names are unchanged.

    Parameters
    ----------
    kind : Kind
        A kind by band or line.
    item : str
        Any name of one.

    Returns
    -------
    name : str
        Name to use in columns.

    Examples
    --------
    >>> from dustest.data.kinds import KINDS, canonical_item
    >>> canonical_item(KINDS["flux"], "JWST/NIRCam.F277W"), canonical_item(KINDS["line"], "halpha")
    ('F277W', 'Ha')
    """
    try:
        return _ITEMS[kind.per](item)
    except InputError:
        return item


def find_column(name):
    """Find the kind of a column by its name.

    Parameters
    ----------
    name : str
        Name of a column.

    Returns
    -------
    found : FoundColumn or None
        None if it is of no kind.

    Examples
    --------
    >>> from dustest.data.kinds import find_column
    >>> found = find_column("flux_err_JWST/NIRCam.F277W")
    >>> found.kind.name, found.column.role, found.name
    ('flux', 'error', 'flux_err_F277W')
    """
    best = None
    for kind in KINDS.values():
        for column in kind.columns:
            if not kind.per and column.name == name:
                return FoundColumn(kind, column)
            longer = best is None or len(column.name) > len(best.column.name)
            if kind.per and longer and name.startswith(f"{column.name}_"):
                best = FoundColumn(kind, column, name[len(column.name) + 1 :])
    return best


def _position(axis, description):
    """One angle of a position."""
    valid = POSITION_RANGES[axis]
    return KindColumn(axis, description, u.deg, valid=valid, read=READERS["angle"])


def _note(name, description, **options):
    """A column that is stored with the sample."""
    return KindColumn(name, description, role="note", read=READERS["anything"], **options)


KINDS = Registry(
    "kind of input",
    Kind,
    [
        Kind(
            "redshift",
            "redshift",
            (
                KindColumn("redshift", "redshift", valid=(0.0, np.inf)),
                KindColumn(
                    *("redshift_err", "its standard deviation"),
                    role="error",
                    valid=(0.0, np.inf),
                ),
            ),
        ),
        Kind(
            "pixel_scale",
            "size of the pixels of cutouts",
            # Sides in degrees, taken to be in arcsec, are shorter.
            (KindColumn("pixel_scale", "side of a pixel", u.arcsec, valid=(1e-4, np.inf)),),
        ),
        Kind(
            "flux",
            "photometry",
            (
                KindColumn(
                    *("flux", "flux density, or AB magnitude", FLUX_UNIT),
                    needs_unit=True,
                    read=READERS["flux"],
                ),
                KindColumn(
                    *("flux_err", "its standard deviation", FLUX_UNIT, "error"),
                    required=True,
                    needs_unit=True,
                    read=READERS["flux_error"],
                ),
                KindColumn(
                    *("flux_limit", "upper limit where the band is not detected"),
                    *(FLUX_UNIT, "limit"),
                    needs_unit=True,
                    read=READERS["flux"],
                ),
            ),
            per="band",
            items="bands",
        ),
        Kind(
            "cutout",
            "images",
            (
                KindColumn(
                    *("cutout", "flux per pixel, or surface brightness"),
                    axes=3,
                    read=READERS["stamps"],
                    bare=bare_stamps,
                ),
                KindColumn(
                    *("cutout_err", "its standard deviation", None, "error", 3),
                    read=READERS["stamps"],
                    bare=bare_stamps,
                ),
                KindColumn(
                    "cutout_mask", "True = bad pixel", None, "mask", 3, read=READERS["mask"]
                ),
                _note("cutout_meta", "headers of the images"),
                _note("cutout_wcs", "their world coordinate systems"),
            ),
            per="band",
            items="cutout_bands",
        ),
        Kind(
            "spectrum",
            "spectra",
            (
                KindColumn(
                    *("spectrum_wavelength", "observed wavelength", u.AA, "axis", 2),
                    required=True,
                    needs_unit=True,
                    attribute="wavelength",
                    read=READERS["wavelength"],
                ),
                KindColumn(
                    *("spectrum_flux", "flux density", SPECTRAL_UNIT),
                    axes=2,
                    needs_unit=True,
                    read=READERS["spectral_flux"],
                ),
                KindColumn(
                    *("spectrum_flux_err", "its standard deviation", SPECTRAL_UNIT, "error", 2),
                    required=True,
                    needs_unit=True,
                    read=READERS["spectral_flux"],
                ),
            ),
        ),
        Kind(
            "features",
            "plain numbers of any meaning",
            (KindColumn("features", "features", axes=2, sentinels=False),),
        ),
        Kind(
            "line",
            "emission lines",
            (
                KindColumn("line", "flux", LINE_UNIT, needs_unit=True),
                KindColumn(
                    *("line_err", "its standard deviation", LINE_UNIT, "error"),
                    required=True,
                    needs_unit=True,
                ),
                KindColumn(
                    *("line_limit", "upper limit where the line is not detected"),
                    *(LINE_UNIT, "limit"),
                    needs_unit=True,
                ),
                KindColumn(
                    *("line_continuum", "flux density of the continuum at the line"),
                    *(SPECTRAL_UNIT, "context"),
                    needs_unit=True,
                ),
            ),
            per="line",
            items="lines",
        ),
        Kind(
            "magnification",
            "magnification by a gravitational lens",
            (
                KindColumn("magnification", "magnification; 1 = not lensed", valid=(1e-3, np.inf)),
                KindColumn(
                    *("magnification_err", "its standard deviation"),
                    role="error",
                    valid=(0.0, np.inf),
                ),
            ),
        ),
        Kind(
            "redshift_density",
            "probability density of the redshift",
            (
                KindColumn(
                    *("redshift_grid", "redshifts, ascending", None, "axis", 2),
                    required=True,
                    read=READERS["grid"],
                ),
                KindColumn("redshift_density", "density at them", axes=2, read=READERS["density"]),
            ),
        ),
        Kind(
            "redshift_samples",
            "draws from the probability density of the redshift",
            (KindColumn("redshift_samples", "redshifts; NaN are left out", axes=2),),
        ),
        Kind(
            "position",
            "position on the sky",
            (_position("ra", "right ascension"), _position("dec", "declination")),
            on_request=True,
        ),
        Kind(
            "foreground",
            "dust of the Milky Way that fluxes were corrected for",
            (KindColumn("foreground_ebv", "E(B-V) of the Milky Way", u.mag),),
            on_request=True,
        ),
        Kind(
            "group",
            "rows that belong together when a sample is split",
            (_note("group", "any value; views of one galaxy share it"),),
        ),
        Kind(
            "flags",
            "flags of the rows",
            (KindColumn("flags", "bits of FLAGS", role="note", read=READERS["flag_bits"]),),
        ),
    ],
)
"""Kinds of input by name."""


def register_kind(kind):
    """Add a kind of input, whose columns samples may then have and estimators may require.

    Parameters
    ----------
    kind : Kind
        A kind with new column names.

    Returns
    -------
    kind : Kind
        The same kind.

    Raises
    ------
    InputError
        If its name, or the name of one of its columns or arrays, is taken, by another kind, a
        result or a batch.

    Examples
    --------
    >>> from dustest.data import Kind, KindColumn, register_kind
    >>> value = KindColumn("ellipticity", "ellipticity of the isophotes", valid=(0, 1))
    >>> register_kind(Kind("ellipticity", "shape of the galaxy", (value,))).name
    'ellipticity'
    """
    if isinstance(kind, Kind) and KINDS.get(kind.name) != kind:
        taken = {name for other in KINDS.values() for name in _names(other)}
        twice = sorted(taken & set(_names(kind)))
        if twice:
            msg = (
                f"columns of the kind {kind.name!r} must have names of their own, got "
                f"{', '.join(twice)}, which another kind has: rename them"
            )
            raise InputError(msg)
        reserved = sorted(name for name in _names(kind) if _is_reserved(name))
        expected = "free in results and in batches, and not begin with '_' or 'has_'"
        expect(not reserved, f"names of columns of the kind {kind.name!r}", expected, reserved)
    return KINDS.register(kind)


def _is_reserved(name):
    """Whether a column of a result or an attribute of a batch has a name."""
    return name.startswith(("_", "has_")) or name in BATCH_NAMES | result_columns(QUANTITIES)


def _names(kind):
    """Names of columns and arrays of a kind."""
    return {kind.items, *(name for one in kind.columns for name in (one.name, one.attribute))} - {
        ""
    }
