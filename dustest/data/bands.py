"""Photometric bands: their names and their transmission curves."""

import re
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import cached_property, lru_cache

import numpy as np

from dustest.data.errors import InputError, MissingDependencyError, ReadError

__all__ = ["Band", "canonical_name", "get_band", "list_bands"]

_SVO_PATTERN = re.compile(r"[\w-]+/[\w-]+\.[\w+-]+")
# grizli and the DAWN archive mark WFC3/UVIS by a trailing "u" and NIRISS by a trailing "n".
_FILTER_PATTERN = re.compile(r"(f\d+(?:lp|w2|[cmnwx]))([nu]?)")
_SUFFIX_TOKEN = {"u": "uvis", "n": "niriss", "": None}
_OPEN_PUPILS = frozenset({"clear", "clearp"})


@dataclass(frozen=True)
class _Instrument:
    """An instrument, the words that catalogues call it by, and its filters."""

    label: str
    svo_prefix: str
    sedpy_prefix: str
    words: frozenset
    offline: tuple
    online: tuple = ()

    def __contains__(self, filter_name):
        return filter_name in self.offline or filter_name in self.online


# In the order in which they lay claim to a short name.
_INSTRUMENTS = (
    _Instrument(
        label="NIRCam",
        svo_prefix="JWST/NIRCam.",
        sedpy_prefix="jwst_",
        words=frozenset({"jwst", "nircam", "nrc"}),
        offline=(
            *("F070W", "F090W", "F115W", "F140M", "F150W", "F150W2", "F162M", "F182M"),
            *("F200W", "F210M", "F250M", "F277W", "F300M", "F322W2", "F335M", "F356W"),
            *("F360M", "F410M", "F430M", "F444W", "F460M", "F480M"),
        ),
        online=("F164N", "F187N", "F212N", "F323N", "F405N", "F466N", "F470N"),
    ),
    _Instrument(
        label="ACS",
        svo_prefix="HST/ACS_WFC.",
        sedpy_prefix="acs_wfc_",
        words=frozenset({"hst", "acs", "wfc"}),
        offline=("F435W", "F475W", "F555W", "F606W", "F625W", "F775W", "F814W", "F850LP"),
        online=("F502N", "F550M", "F658N", "F660N", "F892N"),
    ),
    _Instrument(
        label="WFC3_IR",
        svo_prefix="HST/WFC3_IR.",
        sedpy_prefix="wfc3_ir_",
        words=frozenset({"hst", "wfc3", "ir"}),
        offline=("F098M", "F105W", "F110W", "F125W", "F140W", "F160W"),
        online=("F126N", "F127M", "F128N", "F130N", "F132N", "F139M", "F153M", "F164N", "F167N"),
    ),
    _Instrument(
        label="WFC3_UVIS",
        svo_prefix="HST/WFC3_UVIS.",
        sedpy_prefix="wfc3_uvis_",
        words=frozenset({"hst", "wfc3", "uvis"}),
        offline=("F225W", "F275W", "F336W", "F390W", "F475W", "F555W", "F606W", "F814W"),
    ),
    _Instrument(
        label="NIRISS",
        svo_prefix="JWST/NIRISS.",
        sedpy_prefix="jwst_niriss_",
        words=frozenset({"jwst", "niriss", "nis"}),
        offline=(
            *("F090W", "F115W", "F140M", "F150W", "F158M", "F200W", "F277W", "F356W"),
            *("F380M", "F430M", "F444W", "F480M"),
        ),
    ),
    _Instrument(
        label="MIRI",
        svo_prefix="JWST/MIRI.",
        sedpy_prefix="jwst_",
        words=frozenset({"jwst", "miri"}),
        offline=(
            *("F560W", "F770W", "F1000W", "F1130W", "F1280W", "F1500W", "F1800W"),
            *("F2100W", "F2550W"),
        ),
        online=("F1065C", "F1140C", "F1550C", "F2300C"),
    ),
)


@dataclass(frozen=True)
class Band:
    """A photometric band and its transmission curve.

    Parameters
    ----------
    name : str
        The canonical name, which column names carry (see `canonical_name`).
    svo_id : str
        The identifier in the SVO Filter Profile Service, for example ``"JWST/NIRCam.F277W"``.
    wavelength : ndarray of shape (n,)
        Wavelengths in Angstrom, ascending.
    transmission : ndarray of shape (n,)
        Total transmission for photon-counting detectors, on any scale.

    Examples
    --------
    >>> from dustest.data.bands import get_band
    >>> band = get_band("F277W")
    >>> round(band.pivot)
    27762
    """

    name: str
    svo_id: str
    wavelength: np.ndarray = field(repr=False, compare=False)
    transmission: np.ndarray = field(repr=False, compare=False)

    def __post_init__(self):
        wavelength = np.array(self.wavelength, dtype=float)
        transmission = np.array(self.transmission, dtype=float)
        if wavelength.ndim != 1 or wavelength.shape != transmission.shape or wavelength.size < 2:
            msg = (
                f"wavelength and transmission of band {self.name!r} must be one-dimensional, of "
                f"equal length and at least 2 long, got {wavelength.shape} and "
                f"{transmission.shape}"
            )
            raise InputError(msg)
        if not (np.all(np.diff(wavelength) > 0) and np.all(np.isfinite(transmission))):
            msg = (
                f"wavelength of band {self.name!r} must ascend strictly and its transmission be "
                "finite: sort the curve and drop repeated or missing points"
            )
            raise InputError(msg)
        for key, value in (("wavelength", wavelength), ("transmission", transmission)):
            value.setflags(write=False)
            object.__setattr__(self, key, value)

    @cached_property
    def pivot(self):
        """The pivot wavelength in Angstrom.

        References
        ----------
        Tokunaga & Vacca 2005, PASP 117, 421, their equation A16.
        """
        blue_moment = np.trapezoid(self.transmission / self.wavelength, self.wavelength)
        red_moment = np.trapezoid(self.transmission * self.wavelength, self.wavelength)
        return float(np.sqrt(red_moment / blue_moment))

    @cached_property
    def effective_width(self):
        """The width in Angstrom of the rectangle of the same area and the same peak."""
        area = np.trapezoid(self.transmission, self.wavelength)
        return float(area / self.transmission.max())

    def edges(self, level=0.5):
        """The outermost wavelengths at which the curve reaches a fraction of its peak.

        Parameters
        ----------
        level : float, optional
            Fraction of the peak transmission, above 0 and up to 1.

        Returns
        -------
        tuple of float
            The blue and the red edge in Angstrom.

        Raises
        ------
        InputError
            If ``level`` is not above 0 and up to 1.

        Examples
        --------
        >>> from dustest.data.bands import get_band
        >>> blue, red = get_band("F200W").edges(0.01)
        >>> round(blue), round(red)
        (17244, 22604)
        """
        if not 0.0 < level <= 1.0:
            msg = f"level must be a fraction of the peak above 0 and up to 1, got {level!r}"
            raise InputError(msg)
        inside = self.wavelength[self.transmission >= level * self.transmission.max()]
        return float(inside[0]), float(inside[-1])


def list_bands():
    """Name the bands whose curves come with the package's dependencies.

    Returns
    -------
    list of str
        Canonical names, instrument by instrument: NIRCam, ACS/WFC, WFC3/IR, WFC3/UVIS, NIRISS,
        MIRI.

    Examples
    --------
    >>> from dustest.data.bands import list_bands
    >>> names = list_bands()
    >>> "F444W" in names, "NIRISS_F444W" in names, len(names)
    (True, True, 65)
    """
    return [
        _column_name(instrument, name)
        for instrument in _INSTRUMENTS
        for name in instrument.offline
    ]


def canonical_name(name):
    """Translate any usual spelling of a band into the one name that columns carry.

    Letter case, the order and kind of separators, the observatory and the instrument may be
    written or left out. A bare filter name belongs to the first instrument that has it, in the
    order NIRCam, ACS/WFC, WFC3/IR, WFC3/UVIS, NIRISS, MIRI. Of that instrument the canonical
    name is the bare filter (``"F277W"``); of any other, instrument and filter
    (``"NIRISS_F277W"``). An SVO identifier beyond these instruments keeps its spelling, with two
    underscores for the slash and the point (``"Paranal__VISTA__Ks"``).

    Parameters
    ----------
    name : str
        A band's name, for example ``"f115w"``, ``"NRC_F115W"``, ``"f115w-clear"``,
        ``"JWST/NIRCam.F115W"``, ``"HST_F606W"`` or ``"Paranal/VISTA.Ks"``.

    Returns
    -------
    str
        The canonical name.

    Raises
    ------
    InputError
        If the name is not known; the sentence lists the closest known ones.

    Examples
    --------
    >>> from dustest.data.bands import canonical_name
    >>> canonical_name("nircam_f115w"), canonical_name("HST/ACS_WFC.F606W")
    ('F115W', 'F606W')
    >>> canonical_name("JWST/NIRISS.F150W"), canonical_name("f814wu-clear")
    ('NIRISS_F150W', 'WFC3_UVIS_F814W')
    """
    return _resolve(_check_text(name))[0]


def get_band(name):
    """Look up a band by any name that `canonical_name` knows.

    The curves of NIRCam (mean of both modules), MIRI, NIRISS, ACS/WFC and WFC3 come from
    astro-sedpy, without network. The narrow filters and any other band come by SVO identifier
    from the SVO Filter Profile Service through astroquery; their curves are taken to be those of
    photon-counting detectors.

    Parameters
    ----------
    name : str or Band
        The name; a `Band` is handed back as it is.

    Returns
    -------
    Band
        The band; the same object for every spelling.

    Raises
    ------
    InputError
        If the name is not known.
    MissingDependencyError
        If the curve must be fetched and astroquery is not installed.
    ReadError
        If the curve must be fetched and the service does not answer or does not know it.

    References
    ----------
    Rodrigo & Solano 2020, XIV.0 Scientific Meeting of the Spanish Astronomical Society, 182.

    Examples
    --------
    >>> from dustest.data.bands import get_band
    >>> get_band("hst_f814w")
    Band(name='F814W', svo_id='HST/ACS_WFC.F814W')
    """
    return name if isinstance(name, Band) else _load_band(*_resolve(_check_text(name)))


@lru_cache(maxsize=1024)
def _load_band(name, svo_id, sedpy_name):
    """Band of resolved names, from sedpy where it has the curve, else from the SVO."""
    curve = _sedpy_curve(sedpy_name) if sedpy_name else _svo_curve(svo_id)
    return Band(name, svo_id, *curve)


def _check_text(name):
    """The name, if it is text."""
    if not isinstance(name, str):
        msg = f"name must be the name of a band (a string), got {type(name).__name__}"
        raise InputError(msg)
    return name


@lru_cache(maxsize=4096)
def _resolve(name):
    """Canonical name, SVO identifier and sedpy name (None where it has none) of a spelling."""
    found = _find_instrument(name)
    if found is not None:
        instrument, filter_name = found
        offline = filter_name in instrument.offline
        sedpy_name = instrument.sedpy_prefix + filter_name.lower() if offline else None
        canonical = _column_name(instrument, filter_name)
        return canonical, instrument.svo_prefix + filter_name, sedpy_name
    svo_id = name.strip().replace("__", "/", 1).replace("__", ".", 1)
    if _SVO_PATTERN.fullmatch(svo_id):
        return svo_id.replace("/", "__").replace(".", "__"), svo_id, None
    raise InputError(_unknown_message(name))


def _find_instrument(name):
    """Instrument and filter of a spelling; None if it fits none of the instruments."""
    tokens = [t for t in re.split(r"[/._\-\s]+", name.lower()) if t and t not in _OPEN_PUPILS]
    match = _FILTER_PATTERN.fullmatch(tokens[-1]) if tokens else None
    if match is None:
        return None
    filter_name = match[1].upper()
    words = {*tokens[:-1], _SUFFIX_TOKEN[match[2]]} - {None}
    for instrument in _INSTRUMENTS:
        if filter_name in instrument and words <= instrument.words:
            return instrument, filter_name
    return None


def _column_name(instrument, filter_name):
    """The bare filter for the first instrument that has it, else instrument and filter."""
    first = next(candidate for candidate in _INSTRUMENTS if filter_name in candidate)
    return filter_name if first is instrument else f"{instrument.label}_{filter_name}"


def _unknown_message(name):
    """The sentence that tells of an unknown band and names its nearest neighbours."""
    close = get_close_matches(name.upper(), list_bands(), n=3, cutoff=0.5)
    hint = f"did you mean {', '.join(close)}? " if close else ""
    return (
        f"name {name!r} is not a known band: {hint}give a name of list_bands() or an SVO "
        "identifier such as 'Paranal/VISTA.Ks'"
    )


def _sedpy_curve(sedpy_name):
    """Wavelength in Angstrom and transmission of a curve that comes with sedpy."""
    from sedpy.observate import Filter

    curve = Filter(sedpy_name)
    return curve.wavelength, curve.transmission


def _svo_curve(svo_id):
    """Wavelength in Angstrom and transmission of a curve of the SVO."""
    try:
        from astroquery.svo_fps import SvoFps
    except ImportError as error:
        msg = (
            f"the curve of band {svo_id!r} is fetched through astroquery, which is not "
            "installed: pip install astroquery"
        )
        raise MissingDependencyError(msg) from error
    try:
        table = SvoFps.get_transmission_data(svo_id)
    except (OSError, IndexError, ValueError) as error:
        msg = (
            f"the SVO Filter Profile Service gave no curve for band {svo_id!r}: check the "
            "network and the identifier"
        )
        raise ReadError(msg) from error
    wavelength = np.asarray(table["Wavelength"], dtype=float)
    wavelength, first = np.unique(wavelength, return_index=True)
    return wavelength, np.asarray(table["Transmission"], dtype=float)[first]
