"""Layouts of public catalogues, recognised by the names of their columns."""

import re
from dataclasses import dataclass, field
from functools import lru_cache

from astropy import units as u

from dustest.data.bands import BANDS, canonical_name
from dustest.data.checks.sample_columns import band_column_name
from dustest.data.errors import InputError
from dustest.data.instruments import CAMERA_WORDS
from dustest.data.kinds import KINDS, LINE_UNIT
from dustest.data.kinds import find_column as find_kind_column
from dustest.data.messages import did_you_mean
from dustest.data.registry import Registry

__all__ = [
    "LAYOUTS",
    "REDSHIFT_COLUMNS",
    "UNIT_SOURCES",
    "Layout",
    "LayoutColumn",
    "RedshiftColumn",
    "find_layout",
    "get_layout",
    "rank",
    "register_layout",
]

_CAMERAS = rf"(?:(?:{'|'.join(sorted(CAMERA_WORDS))})[_.-])*"
_FILTER = r"f\d{3,4}(?:lp|w2|[wmnxc])[nu]?(?:-clearp?)?"
_BAND = rf"(?P<band>{_CAMERAS}{_FILTER})"
_FIELD = r"(?P<field>_(?:aegis|cosmos|goodsn|goodss|uds))"
_NOT_OII = r"(?P<line>(?!OII37)\w+)"
_CALABRO = u.Unit(1e-19 * LINE_UNIT)
_ZERO_POINT_25 = u.Unit(10 ** (-0.4 * (25.0 - 8.9)) * u.Jy)


UNIT_SOURCES = {
    "columns": "no unit is known: it must be declared by the columns or given",
    "names": "the names of the columns tell the unit",
    "survey": "the names belong to one survey, whose unit is documented",
    "assumed": "several groups use the names, with different units: reading warns",
}
"""Sources of the unit of columns without a declared unit."""


@dataclass(frozen=True)
class LayoutColumn:
    r"""A column of a catalogue that is not photometry.

    Parameters
    ----------
    name : str
        Column of the sample, with ``{band}``, ``{line}`` and other groups of ``source``.
    source : str
        Regular expression of the column in the catalogue, in any letter case.
    unit : Unit or str, optional
        Unit of columns without a declared unit.
    sigma : float, optional
        Significance of upper limits.

    Examples
    --------
    >>> from dustest.io import LayoutColumn
    >>> column = LayoutColumn("line_{line}", r"f_(?P<line>\w+)", unit="erg / (s cm2)")
    >>> column.find(["id", "f_Halpha", "f_number"])
    {'line_Ha': 'f_Halpha'}
    """

    name: str
    source: str
    unit: object = None
    sigma: float | None = None

    def find(self, names):
        """Columns of a sample from the columns of a catalogue.

        Parameters
        ----------
        names : sequence of str
            Column names of a catalogue.

        Returns
        -------
        columns : dict of str to str
            Name in the catalogue by that in the sample, without those of unknown bands and lines.
        """
        columns = {}
        for name in names:
            match = re.fullmatch(self.source, name, re.IGNORECASE)
            if match:
                found = find_kind_column(self.name.format(**match.groupdict()))
                if found is None:
                    columns.setdefault(self.name, name)
                elif found.is_known:
                    columns.setdefault(found.name, name)
        return columns


@dataclass(frozen=True)
class Layout:
    """Names of fluxes in one family of catalogues.

    Parameters
    ----------
    name : str
        Name, for ``read_catalog(layout=...)``.
    flux : str
        Regular expression of a flux column, in any letter case, with a group ``band``.
    error : str
        Name of the error column, with ``{band}`` and other groups of the flux column.
    unit : Unit or None
        Unit of columns that declare none; None if the layout has no fixed one.
    description : str
        One sentence for the documentation.
    reference : str
        Publication that describes the layout.
    hdus : tuple of str, optional
        Extensions of a FITS file that contain it, the preferred one first.
    unit_source : str, optional
        Source of the unit, one of ``UNIT_SOURCES``.
    marker : str, optional
        Regular expression of a column that the catalogue must also have, if other layouts use the
        same names of fluxes. The layout then comes before all without such a column.
    element : int, optional
        Aperture to use of columns of shape (n, n_apertures), from 0.
    foreground : str, optional
        Correction of the fluxes for foreground dust of the Milky Way; empty if there is none, or
        if it is unknown.
    columns : tuple of LayoutColumn, optional
        Columns of other kinds of input, such as emission lines. A catalogue without photometry has
        an empty ``flux``.
    limit_error : float, optional
        Number in place of the error of a line whose value is an upper limit.
    limit_sigma : float, optional
        Significance of these limits.

    Examples
    --------
    >>> from dustest.io.layouts import get_layout
    >>> layout = get_layout("dja-tot")
    >>> layout.pairs(["id", "f277w_tot_1", "f277w_etot_1"])
    {'F277W': ('f277w_tot_1', 'f277w_etot_1')}
    """

    name: str
    flux: str
    error: str
    unit: object
    description: str
    reference: str
    hdus: tuple = field(default=())
    unit_source: str = "columns"
    marker: str = ""
    element: int | None = None
    foreground: str = ""
    columns: tuple = ()
    limit_error: float | None = None
    limit_sigma: float | None = None

    def pairs(self, names):
        """Columns of flux and error by band.

        Parameters
        ----------
        names : sequence of str
            Column names of a catalogue.

        Returns
        -------
        pairs : dict of str to tuple of str
            Names of the flux and the error column by the short name of the band.
        """
        return {band: pair for band, pair in self._matches(names).items() if pair[1] is not None}

    def orphans(self, names):
        """Flux columns of known bands that have no error column.

        Parameters
        ----------
        names : sequence of str
            Column names of a catalogue.

        Returns
        -------
        orphans : list of str
            Column names.
        """
        return [
            flux
            for band, (flux, error) in self._matches(names).items()
            if error is None and _is_known(band)
        ]

    def strangers(self, names):
        """Flux columns with errors whose band is not a filter of HST or JWST.

        Parameters
        ----------
        names : sequence of str
            Column names of a catalogue.

        Returns
        -------
        strangers : dict of str to str
            Name of the error column by that of the flux column.
        """
        taken = {flux for flux, _ in self._matches(names).values()}
        found = self._matches(names, self._anything).values()
        return {flux: error for flux, error in found if error is not None and flux not in taken}

    def others(self, names):
        """Columns of other kinds of input.

        Parameters
        ----------
        names : sequence of str
            Column names of a catalogue.

        Returns
        -------
        others : dict of str to tuple of str and LayoutColumn
            Name in the catalogue, and its record, by the name in the sample.
        """
        if not self._is_possible(names):
            return {}
        return {key: (name, one) for one in self.columns for key, name in one.find(names).items()}

    def is_marked(self, names):
        """Whether a catalogue has the marker of the layout.

        Parameters
        ----------
        names : sequence of str
            Column names of a catalogue.

        Returns
        -------
        answer : bool
            False if the layout has no marker.
        """
        return bool(self.marker) and any(
            re.fullmatch(self.marker, name, re.IGNORECASE) for name in names
        )

    def _is_possible(self, names):
        """Whether a catalogue does not lack the marker of the layout."""
        return not self.marker or self.is_marked(names)

    @property
    def is_bare(self):
        """Whether the names of the columns are those of bands only."""
        return self.flux == _BAND

    def doubles(self, names):
        """Columns of flux and error with the same band.

        Parameters
        ----------
        names : sequence of str
            Column names of a catalogue.

        Returns
        -------
        doubles : dict of str to list of tuple of str
            Names of flux and error column by the short name of the band, if there are several.
        """
        found = self._found(names)
        whole = {band: [pair for pair in pairs if pair[1]] for band, pairs in found.items()}
        return {band: pairs for band, pairs in whole.items() if len(pairs) > 1}

    def _matches(self, names, pattern=None):
        """Flux column and error column, or None, by band; one with errors comes first."""
        return {
            band: next((pair for pair in pairs if pair[1] is not None), pairs[0])
            for band, pairs in self._found(names, pattern).items()
        }

    def _found(self, names, pattern=None):
        """All flux columns with error column, or None, by band."""
        if not self._is_possible(names):
            return {}
        found = {}
        for text, pairs in _find_matches(pattern or self.flux, self.error, tuple(names)).items():
            found.setdefault(_band_name(text), []).extend(pairs)
        if pattern is None and BANDS:
            others = _find_matches(self._anything, self.error, tuple(names))
            found |= {BANDS[text].name: pairs for text, pairs in others.items() if text in BANDS}
        return found

    @property
    def _anything(self):
        """The pattern of fluxes with any text in place of the name of a filter."""
        return self.flux.replace(f"{_CAMERAS}{_FILTER}", ".+?")


@lru_cache(maxsize=512)
def _find_matches(flux, error, names):
    """Flux columns with error column, or None, by the band as in the name."""
    by_lower_case = {name.lower(): name for name in reversed(names)}
    matches = {}
    for name in names:
        match = re.fullmatch(flux, name, re.IGNORECASE)
        if match:
            groups = {key: text or "" for key, text in match.groupdict().items()}
            partner = by_lower_case.get(error.format(**groups).lower())
            matches.setdefault(match["band"], []).append((name, partner))
    return matches


@dataclass(frozen=True)
class RedshiftColumn:
    """A column of redshifts and those of its error.

    Parameters
    ----------
    name : str
        Column of redshifts, in any letter case.
    low, high : str, optional
        Columns of the 16th and 84th percentile.
    error : str, optional
        Column of the standard error.
    """

    name: str
    low: str | None = None
    high: str | None = None
    error: str | None = None


def _band_name(text):
    """Short name of a band; CEERS uses digits, and F410M is its only medium band."""
    if text.isdigit():
        return f"F{text}{'M' if text == '410' else 'W'}"
    is_filter = re.fullmatch(_FILTER, text, re.IGNORECASE)
    return band_column_name(text.upper() if is_filter else text)


def _is_known(band):
    """Whether a band is one of a known camera, with or without a known curve."""
    if band in BANDS or re.fullmatch(_BAND, band, re.IGNORECASE):
        return True
    try:
        canonical_name(band)
    except InputError:
        return False
    return True


def _jades(aperture, description, hdus):
    """Layout of one aperture of the JADES catalogues."""
    return Layout(
        name=f"jades-{aperture.lower()}",
        flux=rf"{_BAND}_{aperture}",
        error=f"{{band}}_{aperture}_e",
        unit=u.nJy,
        unit_source="survey",
        description=f"JADES data releases, {description} (F277W_{aperture}, F277W_{aperture}_e)",
        reference="JADES DR5 photometric catalogue, arXiv:2601.15956",
        hdus=hdus,
    )


def _with_unit_in_name(name, unit, reference):
    """Layout of columns whose names end in their unit."""
    return Layout(
        name=name,
        flux=rf"{_BAND}_{unit}",
        error=f"{{band}}_err_{unit}",
        unit=u.Unit(unit),
        unit_source="names",
        description=f"unit in the name (F277W_{unit}, F277W_err_{unit})",
        reference=reference,
    )


def _cosmos(kind, description, element=None):
    """Layout of one kind of photometry of COSMOS2025."""
    return Layout(
        name=f"cosmos2025-{kind}{'' if element is None else element + 1}",
        flux=rf"flux_{kind}_{_BAND}",
        error=f"flux_err_{kind}_{{band}}",
        unit=u.uJy,
        # "auto", "model" and "aper" are words of SExtractor that many catalogues use.
        unit_source="assumed",
        description=f"COSMOS2025, {description} (flux_{kind}_f150w, flux_err_{kind}_f150w)",
        reference="COSMOS2025 catalogue, Shuntov et al. 2025",
        element=element,
    )


def _sextractor(name, flux, error, unit, unit_source):
    """Layout of SExtractor's words followed by the band."""
    return Layout(
        name=f"sextractor-{name}",
        flux=rf"{flux}_{_BAND}",
        error=f"{error}_{{band}}",
        unit=unit,
        unit_source=unit_source,
        description=f"SExtractor's words and the band ({flux}_F277W, {error}_F277W)",
        reference="Bertin & Arnouts 1996, A&AS, 117, 393",
    )


_OWN = (
    Layout(
        name="dustest",
        flux=r"flux_(?P<band>(?!err_|limit_).+)",
        error="flux_err_{band}",
        unit=None,
        description="dustest's own columns (flux_F277W, flux_err_F277W)",
        reference="GalaxySample",
    ),
    # KRON_S is a second, smaller ellipse and not an error. Kron fluxes on images of one common
    # resolution come first: estimators compare bands.
    _jades("KRON", "Kron ellipses", ("KRON_CONV", "KRON")),
    *(
        _jades(f"CIRC{i}", f"circular aperture {i}", ("CIRC_CONV", "CIRC", "CIRC_BSUB"))
        for i in range(7)
    ),
    Layout(
        name="jades-highz",
        flux=rf"{_BAND}_flux",
        error="{band}_flux_err",
        unit=u.nJy,
        unit_source="assumed",
        description="JADES high-redshift candidates (NRC_F277W_flux, NRC_F277W_flux_err)",
        reference="Hainline et al. 2024, ApJ, 964, 71",
    ),
    Layout(
        name="dja-tot",
        flux=rf"{_BAND}_tot_1",
        error="{band}_etot_1",
        unit=u.uJy,
        unit_source="survey",
        description="DAWN JWST Archive (grizli): 0.5 arcsec, total (f277w_tot_1, f277w_etot_1)",
        reference="Valentino et al. 2023, ApJ, 947, 20",
    ),
    Layout(
        name="dja-corr",
        flux=rf"{_BAND}_corr_1",
        error="{band}_ecorr_1",
        unit=u.uJy,
        unit_source="survey",
        description="DAWN JWST Archive (grizli): 0.5 arcsec (f277w_corr_1, f277w_ecorr_1)",
        reference="Valentino et al. 2023, ApJ, 947, 20",
    ),
    # 3D-HST and UNCOVER share names; aperture fluxes and the field in the name are 3D-HST's.
    Layout(
        name="3dhst",
        flux=rf"f_{_BAND}{_FIELD}?",
        error="e_{band}{field}",
        unit=_ZERO_POINT_25,
        unit_source="survey",
        description="3D-HST, zero point 25 (f_F160W, e_F160W or f_f160w_goodss, e_f160w_goodss)",
        reference="Skelton et al. 2014, ApJS, 214, 24",
        marker=rf"faper_.+|f_.+{_FIELD}",
    ),
    Layout(
        name="3dhst-aper",
        flux=rf"faper_{_BAND}",
        error="eaper_{band}",
        unit=_ZERO_POINT_25,
        unit_source="survey",
        description="3D-HST, aperture of 0.7 arcsec, zero point 25 (faper_F160W, eaper_F160W)",
        reference="Skelton et al. 2014, ApJS, 214, 24",
    ),
    Layout(
        name="uncover",
        flux=rf"f_{_BAND}",
        error="e_{band}",
        unit=u.Unit(10 * u.nJy),
        # Inputs of EAZY have the same names, and any zero point; 25 is its default.
        unit_source="assumed",
        description="UNCOVER, zero point 28.9 (f_f277w, e_f277w)",
        reference="Weaver et al. 2024, ApJS, 270, 7",
    ),
    Layout(
        name="ceers",
        flux=r"flux_(?P<band>\d{3})",
        error="fluxerr_{band}",
        unit=u.nJy,
        unit_source="survey",
        description="CEERS, zero point 31.4 (FLUX_277, FLUXERR_277)",
        reference="Finkelstein et al. 2024, ApJ, 969, L2",
    ),
    _with_unit_in_name("expanse", "uJy", "EXPANSE, https://github.com/tHarvey303/EXPANSE"),
    *(
        _with_unit_in_name(f"in-{unit.lower()}", unit, "none: a plain naming")
        for unit in ("nJy", "mJy", "Jy")
    ),
    _cosmos("auto", "SExtractor's AUTO"),
    _cosmos("model", "models of SE++"),
    *(_cosmos("aper", f"aperture {i + 1} of 5", element=i) for i in range(5)),
    Layout(
        name="fluxerr",
        flux=rf"{_BAND}_flux",
        error="{band}_fluxerr",
        unit=None,
        description="band, flux and fluxerr, any unit (nircam_f277w_flux, nircam_f277w_fluxerr)",
        reference="cutout tables of CEERS galaxies",
    ),
    Layout(
        name="cigale",
        flux=rf"(?P<band>(?:\w+\.)+{_FILTER})",
        error="{band}_err",
        unit=u.mJy,
        unit_source="assumed",
        description="input of CIGALE (jwst.nircam.F277W, jwst.nircam.F277W_err)",
        reference="Boquien et al. 2019, A&A, 622, A103",
    ),
    Layout(
        name="band",
        flux=_BAND,
        error="{band}_err",
        unit=None,
        description="bare bands, any unit (F277W, F277W_err or NRC_F277W, NRC_F277W_err)",
        reference="Endsley et al. 2024, MNRAS, 533, 1111",
    ),
    Layout(
        name="lephare",
        flux=rf"f_(?P<file>(?:\S+/)?{_BAND}(?:\.\w+)*)",
        error="ferr_{file}",
        unit=None,
        description="LePhare, any unit (f_jwst/F277W.dat, ferr_jwst/F277W.dat)",
        reference="Arnouts et al. 1999, MNRAS, 310, 540",
    ),
    _sextractor("auto", "flux_auto", "fluxerr_auto", None, "columns"),
    Layout(
        name="magnitudes",
        flux=rf"mag_{_BAND}",
        error="mag_err_{band}",
        unit=u.ABmag,
        unit_source="assumed",
        description="AB magnitudes (mag_F277W, mag_err_F277W)",
        reference="none: a plain naming",
    ),
    _sextractor("mag-auto", "mag_auto", "magerr_auto", u.ABmag, "assumed"),
    Layout(
        name="mosdef-lines",
        flux="",
        error="",
        unit=None,
        description="MOSDEF emission lines (HA6565_PREFERREDFLUX, HA6565_PREFERREDFLUX_ERR)",
        reference="Kriek et al. 2015, ApJS, 218, 15",
        columns=(
            LayoutColumn("id", "V4ID"),
            LayoutColumn("redshift", "Z_MOSFIRE"),
            # Both columns of the [O II] doublet contain its total flux.
            LayoutColumn("line_OII3729", "OII3727_PREFERREDFLUX", LINE_UNIT),
            LayoutColumn("line_err_OII3729", "OII3727_PREFERREDFLUX_ERR", LINE_UNIT),
            LayoutColumn("line_{line}", rf"{_NOT_OII}_PREFERREDFLUX", LINE_UNIT),
            LayoutColumn("line_err_{line}", rf"{_NOT_OII}_PREFERREDFLUX_ERR", LINE_UNIT),
        ),
    ),
    Layout(
        name="calabro23-lines",
        flux="",
        error="",
        unit=None,
        description="lines of CEERS galaxies in 1e-19 erg/s/cm2 (Ha_flux, Ha_flux_err, Ha_cont)",
        reference="Calabro et al. 2023, A&A, 679, A80",
        marker="(?:SIII_9531|PaB)_sigmaV",
        columns=(
            LayoutColumn("redshift", "Ha_z"),
            LayoutColumn("line_{line}", r"(?P<line>\w+)_flux", _CALABRO),
            LayoutColumn("line_err_{line}", r"(?P<line>\w+)_flux_err", _CALABRO),
            LayoutColumn("line_continuum_{line}", r"(?P<line>\w+)_cont", _CALABRO / u.AA),
        ),
        limit_error=-1.0,
        # Not stated; measured lines have a signal-to-noise ratio of 2 or more.
        limit_sigma=2.0,
    ),
)

LAYOUTS = Registry("catalogue layout", Layout, _OWN)
"""Known layouts by name, see `find_layout`; of equal ones the first is used."""

REDSHIFT_COLUMNS = (
    RedshiftColumn("redshift", error="redshift_err"),
    RedshiftColumn("z_spec"),
    RedshiftColumn("zspec"),
    RedshiftColumn("specz"),
    RedshiftColumn("z_best"),
    RedshiftColumn("zbest"),
    RedshiftColumn("z_used"),
    RedshiftColumn("zfinal"),
    RedshiftColumn("z_phot", low="z160", high="z840"),
    RedshiftColumn("zphot"),
    RedshiftColumn("photo-z"),
    RedshiftColumn("photoz"),
    RedshiftColumn("photo_z"),
    RedshiftColumn("EAZY_z_a", low="EAZY_l68", high="EAZY_u68"),
    RedshiftColumn("z_eazy"),
    RedshiftColumn("za"),
    RedshiftColumn("z_a", low="l68", high="u68"),
    RedshiftColumn("z_peak", low="l68", high="u68"),
    RedshiftColumn("z_50", low="z_16", high="z_84"),
    RedshiftColumn("z50", low="z16", high="z84"),
    RedshiftColumn("z500", low="z160", high="z840"),
    RedshiftColumn("z"),
)
"""Columns of redshifts; if two have equally many values, the first is used."""


def register_layout(layout):
    r"""Add a layout of catalogues, which `~dustest.io.read_catalog` then recognises.

    Parameters
    ----------
    layout : Layout
        The layout. If it matches as many columns as another one, that one is used, unless this
        one has a ``marker``.

    Returns
    -------
    layout : Layout
        The same layout.

    Raises
    ------
    InputError
        If its name is taken, or one of its columns is of no kind of input.

    Examples
    --------
    >>> from dustest.io import Layout, LayoutColumn, register_layout
    >>> layout = register_layout(Layout(
    ...     "balmer-lines", flux="", error="", unit=None, description="", reference="",
    ...     columns=(LayoutColumn("line_{line}", r"F_(?P<line>H\w+)", "erg / (s cm2)"),
    ...              LayoutColumn("line_err_{line}", r"E_(?P<line>H\w+)", "erg / (s cm2)"))))
    >>> from astropy.table import Table
    >>> from dustest.io import read_catalog
    >>> read_catalog(Table({"F_HALPHA": [2e-17], "E_HALPHA": [1e-18]})).lines
    ('Ha',)
    """
    for column in getattr(layout, "columns", ()):
        _check_kind(column, layout.name)
    return LAYOUTS.register(layout)


def _check_kind(column, layout):
    """Raise an error if a column of a layout is of no kind of input."""
    known = ["id", *(one.name for kind in KINDS.values() for one in kind.columns)]
    start, group, _ = column.name.partition("{")
    is_known = column.name in known or find_kind_column(column.name) is not None
    if is_known or (group and any(name.startswith(start) for name in known)):
        return
    msg = (
        f"name of a LayoutColumn of the layout {layout!r} must be a column of a kind of input, "
        f"got {column.name!r}: {did_you_mean(start.rstrip('_'), known)}register_kind adds kinds"
    )
    raise InputError(msg)


def get_layout(name):
    """Look up a layout.

    Parameters
    ----------
    name : str
        Name of one of `LAYOUTS`.

    Returns
    -------
    layout : Layout
        The record.

    Raises
    ------
    InputError
        If there is no such layout.

    Examples
    --------
    >>> from dustest.io.layouts import get_layout
    >>> print(get_layout("uncover").unit)
    10 nJy
    """
    return LAYOUTS.find(name, "layout")


def find_layout(names, candidates=None):
    """Find the layout with most bands in a catalogue, then with most other columns.

    Layouts whose marker is in the catalogue come first.

    Parameters
    ----------
    names : sequence of str
        Column names of a catalogue.
    candidates : sequence of Layout, optional
        Layouts to choose from, the preferred one first; all of `LAYOUTS` by default.

    Returns
    -------
    layout : Layout or None
        None if no layout finds a column.

    Examples
    --------
    >>> from dustest.io.layouts import find_layout
    >>> find_layout(["ID", "F277W_CIRC1", "F277W_CIRC1_e"]).name
    'jades-circ1'
    """
    candidates = LAYOUTS.values() if candidates is None else candidates
    best = max(candidates, key=lambda layout: _order(layout, names))
    return best if any(rank(best, names)) else None


def _order(layout, names):
    """Number that is larger for the layout to prefer: with marker, then with most columns."""
    bands, pairs, others = rank(layout, names)
    is_marked = layout.is_marked(names)
    # A marker of lines or other kinds is no reason to leave out photometry.
    return is_marked and bands > 0, bands, pairs, is_marked and others > 0, others


def rank(layout, names):
    """Measure how well a layout matches a catalogue.

    Parameters
    ----------
    layout : Layout
        The layout.
    names : sequence of str
        Column names of a catalogue.

    Returns
    -------
    rank : tuple of int
        Number of known bands, of all bands, and of other columns: larger is better.

    Examples
    --------
    >>> from dustest.io.layouts import get_layout, rank
    >>> rank(get_layout("dustest"), ["flux_F277W", "flux_err_F277W", "flux_X", "flux_err_X"])
    (1, 2, 0)
    """
    pairs = layout.pairs(names)
    # A number and a redshift alone are not a catalogue of lines.
    others = [key for key in layout.others(names) if key not in ("id", "redshift")]
    return sum(map(_is_known, pairs)), len(pairs), len(others)
