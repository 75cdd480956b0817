"""Columns requested by the user."""

from dataclasses import dataclass, replace
from difflib import SequenceMatcher

from dustest.data.bands import canonical_name, list_bands
from dustest.data.checks.identifiers import ID_COLUMNS
from dustest.data.checks.positions import DEC_COLUMNS, RA_COLUMNS
from dustest.data.errors import InputError
from dustest.data.kinds import KINDS
from dustest.data.kinds import find_column as find_kind_column
from dustest.data.messages import argument, did_you_mean, shown
from dustest.io._catalog.lookup import find_column
from dustest.io._catalog.patterns import BAND, band_columns, check_patterns
from dustest.io._catalog.redshifts import redshift_columns
from dustest.io.layouts import LAYOUTS, find_layout, get_layout

__all__ = ["Request", "make_request"]

_FLUX, _ERROR = "flux_", "flux_err_"
_SHORT_PATTERNS = {BAND: f"flux_{BAND}", f"{BAND}_err": f"flux_err_{BAND}"}
_TYPING_ERROR = 0.85


@dataclass(frozen=True)
class Request:
    """Request of the user.

    Parameters
    ----------
    columns : dict of str to str
        Column of the catalogue by its name in the sample.
    redshifts : tuple of str
        Columns of redshifts, the preferred one first.
    layouts : tuple of Layout
        Layouts to choose from.
    ebv : str or number, optional
        Column of foreground colour excesses, or their value.
    without_redshifts : bool, optional
        Whether to read no redshifts.
    """

    columns: dict
    redshifts: tuple
    layouts: tuple
    ebv: object = None
    without_redshifts: bool = False

    @property
    def _has_patterns(self):
        """Whether columns are named for all bands at once."""
        return any(BAND in name for name in self.columns)

    @property
    def pairs(self):
        """Columns of flux and error by band, if the user names them (dict)."""
        fluxes = [n for n in self.columns if n.startswith(_FLUX) and not n.startswith(_ERROR)]
        bands = [name.removeprefix(_FLUX) for name in fluxes]
        return {
            band: (self.columns[_FLUX + band], self.columns[_ERROR + band])
            for band in bands
            if _ERROR + band in self.columns
        }

    @property
    def wanted(self):
        """Columns that may be in another extension of the file (list of str)."""
        redshifts = [] if self.without_redshifts else redshift_columns(self.redshifts)
        ebv = [self.ebv] if isinstance(self.ebv, str) else []
        named = [name for name in self.columns.values() if BAND not in name]
        return [*RA_COLUMNS, *DEC_COLUMNS, *named, *redshifts, *ebv]

    def layout_of(self, names):
        """Layout of a catalogue with these columns, or None."""
        return None if self.pairs else find_layout(names, self.layouts)

    def match_names(self, names):
        """Request with the names of columns as in the catalogue.

        Parameters
        ----------
        names : sequence of str
            Columns of the catalogue.

        Returns
        -------
        request : Request
            The same.

        Raises
        ------
        InputError
            If a column does not exist, or a pattern is like none, or like a flux without error.
        """
        named = band_columns(self.columns, names)
        columns = {key: find_column(names, name, "columns") for key, name in named.items()}
        if self._has_patterns:
            _check_found(self.columns, columns, names)
        redshifts = tuple(find_column(names, name, "redshift") for name in self.redshifts)
        ebv = self.ebv
        if isinstance(ebv, str):
            ebv = find_column(names, ebv, "foreground_ebv")
        return replace(self, columns=columns, redshifts=redshifts, ebv=ebv)

    def select(self, table, kind_columns):
        """Columns of a catalogue that may be needed.

        Parameters
        ----------
        table : Table
            Catalogue.
        kind_columns : callable
            Names the columns of kinds of input beyond photometry, from table and layout.

        Returns
        -------
        names : list of str
            In the order of the catalogue.
        """
        names = table.colnames
        if self._has_patterns:
            named = replace(self, columns=band_columns(self.columns, names))
            return named.select(table, kind_columns)
        layout = self.layout_of(names)
        if layout is None and not self.columns:
            return names
        wanted = {name.lower() for name in (*self.wanted, *ID_COLUMNS)}
        keep = {name for name in names if name.lower() in wanted}
        keep |= set(kind_columns(table, layout).values())
        if layout is not None:
            keep |= {name for name in names if layout.is_marked([name])}
            keep |= {name for pair in layout.pairs(names).values() for name in pair}
            keep |= {*layout.orphans(names), *layout.strangers(names)}
            keep |= set(layout.strangers(names).values())
            doubles = layout.doubles(names).values()
            keep |= {name for pairs in doubles for pair in pairs for name in pair}
        return [name for name in names if name in keep]


def _check_found(patterns, columns, names):
    """Raise an error for a pattern that no column is like, and for fluxes without errors."""
    sources = {name.lower() for name in columns.values()}
    for key, pattern in patterns.items():
        if BAND in key and not sources & {one.lower() for one in _like(pattern, names)}:
            msg = (
                f"columns must have the name of a band in place of {BAND}, and the catalogue has "
                f"no column like {pattern}: it has {shown(names)}"
            )
            raise InputError(msg)
    for name in columns:
        _check_partner(name, columns)


def _like(pattern, names):
    """Columns like one pattern."""
    return band_columns({BAND: pattern}, names).values()


def make_request(columns, redshift, layout, foreground_ebv):
    """Check the arguments of a reader that name columns.

    Parameters
    ----------
    columns, redshift, layout, foreground_ebv
        As in `dustest.io.read_catalog`.

    Returns
    -------
    request : Request
        The request.

    Raises
    ------
    InputError
        If an argument is not of the right type.
    """
    columns = _check_columns({} if columns is None else columns)
    if redshift is not None and "redshift" in columns:
        msg = "redshift and columns['redshift'] say the same: pass one of them"
        raise InputError(msg)
    redshift = columns.pop("redshift", redshift)
    names = [] if redshift is None else redshift
    names = [names] if isinstance(names, str) else names
    if not isinstance(names, list | tuple) or not all(isinstance(name, str) for name in names):
        msg = f"redshift must be the name of a column, or several, got {redshift!r}"
        raise InputError(msg)
    layouts = tuple(LAYOUTS.values()) if layout is None else (get_layout(layout),)
    without = redshift is not None and not names
    return Request(columns, tuple(names), layouts, foreground_ebv, without)


def _check_columns(columns):
    """Convert the keys of the argument ``columns`` to names of a sample."""
    if not isinstance(columns, dict) or not all(
        isinstance(name, str) for pair in columns.items() for name in pair
    ):
        msg = f"columns must map names of the sample to names of the catalogue, got {columns!r}"
        raise InputError(msg)
    check_patterns(columns)
    checked = {_sample_name(name): source for name, source in columns.items()}
    if len(checked) < len(columns):
        msg = f"columns must name each column of the sample once, got {sorted(columns)}"
        raise InputError(msg)
    for name in checked:
        _check_partner(name, checked)
    return checked


def _check_partner(name, columns):
    """Raise an error if the flux of a known band is named without its error, or vice versa."""
    prefix, other = (_ERROR, _FLUX) if name.startswith(_ERROR) else (_FLUX, _ERROR)
    band = name.removeprefix(prefix)
    if not name.startswith(prefix) or other + band in columns or not _is_known(band):
        return
    msg = (
        f"columns must name {other}{band} too, since a flux is read with its error: pass "
        f"{argument('columns', {name: columns[name], other + band: 'COLUMN'})}"
    )
    raise InputError(msg)


def _is_known(band):
    """Whether a band is known; others may be columns of the user's own."""
    try:
        canonical_name(band)
    except InputError:
        return False
    return True


def _sample_name(name):
    """Name of a column of a sample, in any letter case and spelling of the band."""
    name = _SHORT_PATTERNS.get(name, name)
    lower = name.lower()
    plain = [one.name for kind in KINDS.values() if not kind.per for one in kind.columns]
    if lower in ("id", *plain):
        return lower
    near = [known for known in plain if _is_typing_error(lower, known)]
    found = find_kind_column(lower)
    if found is not None and found.kind.name == "flux":
        band = name[len(found.column.name) + 1 :]
        return found.kind.column_name(found.column, _band(band, name))
    if found is not None:
        return found.name if found.is_known else name
    if near:
        msg = f"columns has the key {name!r}: did you mean {near[0]!r}?"
        raise InputError(msg)
    band = name.removesuffix("_err")
    if _looks_like_filter(band) and _is_known(band):
        # The short form of one band, as of all bands.
        return (_FLUX if band == name else _ERROR) + canonical_name(band)
    return name


def _is_typing_error(name, known):
    """Whether a name differs from a known one by a typing error."""
    close = SequenceMatcher(None, name, known).ratio() >= _TYPING_ERROR
    return close and abs(len(name) - len(known)) < 2


def _band(text, key):
    """Short name of the band of a key; the user's own bands are unchanged."""
    try:
        return canonical_name(text)
    except InputError:
        guess = did_you_mean(text, list_bands())
    if guess and _looks_like_filter(text):
        msg = f"columns has the key {key!r}, which names no known band: {guess.strip()}"
        raise InputError(msg)
    return text


def _looks_like_filter(text):
    """Whether a name looks like a filter of HST or JWST."""
    return any(character.isdigit() for character in text) and "f" in text.lower()
