"""Layouts of public catalogues, told apart by the names of their columns."""

import re
from dataclasses import dataclass, field

from astropy import units as u

from dustest.data.columns import band_column_name
from dustest.data.errors import InputError

__all__ = [
    "LAYOUTS",
    "REDSHIFT_COLUMNS",
    "Layout",
    "RedshiftColumn",
    "find_layout",
    "get_layout",
]

_BAND = (
    r"(?P<band>(?:(?:jwst|nircam|nrc|niriss|nis|miri|hst|acs|wfc3|wfc|ir|uvis)_)*"
    r"f\d{3,4}(?:lp|w2|[wmnxc])[nu]?(?:-clearp?)?)"
)


@dataclass(frozen=True)
class Layout:
    """How one family of catalogues names its fluxes.

    Parameters
    ----------
    name : str
        Name, for ``read_catalog(layout=...)``.
    flux : str
        Regular expression of a flux column, whatever its letter case, with a group ``band``.
    error : str
        Name of the error column, with ``{band}`` as it stands in the flux column.
    unit : Unit or None
        Unit of columns that declare none; None where the layout has no fixed one.
    description : str
        One sentence for the documentation.
    reference : str
        Where the layout is described.
    hdus : tuple of str, optional
        Extensions of a FITS file that hold it, the preferred one first.

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
        known = re.compile(_BAND, re.IGNORECASE)
        return [
            flux
            for band, (flux, error) in self._matches(names).items()
            if error is None and known.fullmatch(band)
        ]

    def _matches(self, names):
        """Flux column and error column, or None, by band."""
        by_lower_case = {name.lower(): name for name in reversed(names)}
        matches = {}
        for name in names:
            match = re.fullmatch(self.flux, name, re.IGNORECASE)
            if match:
                error = by_lower_case.get(self.error.format(band=match["band"]).lower())
                matches.setdefault(_band_name(match["band"]), (name, error))
        return matches


@dataclass(frozen=True)
class RedshiftColumn:
    """A column of redshifts and those that tell its error.

    Parameters
    ----------
    name : str
        Column of redshifts, whatever its letter case.
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
    """Short name of a band; CEERS writes digits, and F410M is the one medium band there."""
    if text.isdigit():
        return f"F{text}{'M' if text == '410' else 'W'}"
    return band_column_name(text)


def _jades(aperture, description, hdus):
    """Layout of one aperture of the JADES catalogues."""
    return Layout(
        name=f"jades-{aperture.lower()}",
        flux=rf"{_BAND}_{aperture}",
        error=f"{{band}}_{aperture}_e",
        unit=u.nJy,
        description=f"JADES data releases, {description} (F277W_{aperture}, F277W_{aperture}_e)",
        reference="JADES DR5 photometric catalogue, arXiv:2601.15956",
        hdus=hdus,
    )


LAYOUTS = (
    Layout(
        name="dustest",
        flux=r"flux_(?P<band>(?!err_).+)",
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
        description="JADES high-redshift candidates (NRC_F277W_flux, NRC_F277W_flux_err)",
        reference="Hainline et al. 2024, ApJ, 964, 71",
    ),
    Layout(
        name="dja-tot",
        flux=rf"{_BAND}_tot_1",
        error="{band}_etot_1",
        unit=u.uJy,
        description="DAWN JWST Archive (grizli): 0.5 arcsec, total (f277w_tot_1, f277w_etot_1)",
        reference="Valentino et al. 2023, ApJ, 947, 20",
    ),
    Layout(
        name="dja-corr",
        flux=rf"{_BAND}_corr_1",
        error="{band}_ecorr_1",
        unit=u.uJy,
        description="DAWN JWST Archive (grizli): 0.5 arcsec (f277w_corr_1, f277w_ecorr_1)",
        reference="Valentino et al. 2023, ApJ, 947, 20",
    ),
    Layout(
        name="uncover",
        flux=rf"f_{_BAND}",
        error="e_{band}",
        unit=u.Unit(10 * u.nJy),
        description="UNCOVER, zero point 28.9 (f_f277w, e_f277w)",
        reference="Weaver et al. 2024, ApJS, 270, 7",
    ),
    Layout(
        name="ceers",
        flux=r"flux_(?P<band>\d{3})",
        error="fluxerr_{band}",
        unit=u.nJy,
        description="CEERS, zero point 31.4 (FLUX_277, FLUXERR_277)",
        reference="Finkelstein et al. 2024, ApJ, 969, L2",
    ),
    Layout(
        name="expanse",
        flux=rf"{_BAND}_uJy",
        error="{band}_err_uJy",
        unit=u.uJy,
        description="EXPANSE, JADES Origins Field (F277W_uJy, F277W_err_uJy)",
        reference="EXPANSE, https://github.com/tHarvey303/EXPANSE",
    ),
    Layout(
        name="fluxerr",
        flux=rf"{_BAND}_flux",
        error="{band}_fluxerr",
        unit=None,
        description="band, flux and fluxerr, any unit (nircam_f277w_flux, nircam_f277w_fluxerr)",
        reference="cutout tables of CEERS galaxies",
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
        name="magnitudes",
        flux=rf"mag_{_BAND}",
        error="mag_err_{band}",
        unit=u.ABmag,
        description="AB magnitudes (mag_F277W, mag_err_F277W)",
        reference="none: a plain naming",
    ),
)
"""Known layouts; where two name equally many bands, the earlier one is taken."""

REDSHIFT_COLUMNS = (
    RedshiftColumn("redshift", error="redshift_err"),
    RedshiftColumn("z_spec"),
    RedshiftColumn("zspec"),
    RedshiftColumn("z_best"),
    RedshiftColumn("z_used"),
    RedshiftColumn("z_phot", low="z160", high="z840"),
    RedshiftColumn("zphot", low="zphot_l16", high="zphot_u84"),
    RedshiftColumn("EAZY_z_a", low="EAZY_l68", high="EAZY_u68"),
    RedshiftColumn("z_eazy", low="z_eazy_16", high="z_eazy_84"),
    RedshiftColumn("za"),
    RedshiftColumn("z500", low="z160", high="z840"),
    RedshiftColumn("z"),
)
"""Columns of redshifts; where two are filled for equally many rows, the earlier one is taken."""


def get_layout(name):
    """Layout by name.

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
    for layout in LAYOUTS:
        if layout.name == name:
            return layout
    msg = f"layout must be one of {', '.join(known.name for known in LAYOUTS)}, got {name!r}"
    raise InputError(msg)


def find_layout(names, candidates=LAYOUTS):
    """Layout that names most bands of a catalogue.

    Parameters
    ----------
    names : sequence of str
        Column names of a catalogue.
    candidates : sequence of Layout, optional
        Layouts to choose from, the preferred one first.

    Returns
    -------
    layout : Layout or None
        None where no layout finds a band.

    Examples
    --------
    >>> from dustest.io.layouts import find_layout
    >>> find_layout(["ID", "F277W_CIRC1", "F277W_CIRC1_e"]).name
    'jades-circ1'
    """
    best = max(candidates, key=lambda layout: len(layout.pairs(names)))
    return best if best.pairs(names) else None
