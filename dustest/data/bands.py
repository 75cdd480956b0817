"""Photometric bands: their names and their transmission curves."""

import re
from dataclasses import dataclass, field
from functools import cached_property, lru_cache

import numpy as np
from astropy import units as u

from dustest.data.checks.units import declared_unit
from dustest.data.checks.values import is_plain_number, to_floats
from dustest.data.errors import InputError, MissingDependencyError, ReadError
from dustest.data.messages import did_you_mean

__all__ = ["Band", "canonical_name", "get_band", "has_curve", "list_bands"]

_SVO_PATTERN = re.compile(r"[\w-]+/[\w-]+\.[\w+-]+")
# grizli and the DAWN archive mark WFC3/UVIS by a trailing "u" and NIRISS by a trailing "n".
_FILTER_PATTERN = re.compile(r"(fq?\d+(?:lp|w2|[cmnwx]))([nu]?)")
_SUFFIX_TOKEN = {"u": "uvis", "n": "niriss", "": None}
_OPEN_PUPILS = frozenset({"clear", "clearp"})
_BLOCKED_BY = {
    "f162m": "f150w2",
    "f164n": "f150w2",
    "f323n": "f322w2",
    "f405n": "f444w",
    "f466n": "f444w",
    "f470n": "f444w",
}
"""NIRCam filters of the pupil wheel, and the wide filter that each is used with, which archives
name beside it (``f444w-f470n``)."""
_SVO_TIMEOUT = 15.0
"""Seconds to wait for the SVO: without a network every estimate would wait for its default."""


@dataclass(frozen=True)
class _Instrument:
    """An instrument, the words that catalogues call it by, and its filters."""

    label: str
    svo_prefix: str
    sedpy_prefix: str
    words: frozenset
    offline: tuple
    online: tuple = ()
    online_prefix: str = ""

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
        words=frozenset({"hst", "acs", "wfc", "acswfc"}),
        offline=("F435W", "F475W", "F555W", "F606W", "F625W", "F775W", "F814W", "F850LP"),
        online=("F502N", "F550M", "F658N", "F660N", "F892N"),
    ),
    _Instrument(
        label="WFC3_IR",
        svo_prefix="HST/WFC3_IR.",
        sedpy_prefix="wfc3_ir_",
        words=frozenset({"hst", "wfc3", "ir", "wfc3ir"}),
        offline=("F098M", "F105W", "F110W", "F125W", "F140W", "F160W"),
        online=("F126N", "F127M", "F128N", "F130N", "F132N", "F139M", "F153M", "F164N", "F167N"),
    ),
    _Instrument(
        label="WFC3_UVIS",
        svo_prefix="HST/WFC3_UVIS.",
        sedpy_prefix="wfc3_uvis_",
        words=frozenset({"hst", "wfc3", "uvis", "uvis1", "uvis2", "wfc3uv", "wfc3uvis"}),
        offline=("F225W", "F275W", "F336W", "F390W", "F475W", "F555W", "F606W", "F814W"),
        online=(
            *("F200LP", "F218W", "F280N", "F300X", "F343N", "F350LP", "F373N", "F390M", "F395N"),
            *("F410M", "F438W", "F467M", "F469N", "F475X", "F487N", "F502N", "F547M", "F600LP"),
            *("F621M", "F625W", "F631N", "F645N", "F656N", "F657N", "F658N", "F665N", "F673N"),
            *("F680N", "F689M", "F763M", "F775W", "F845M", "F850LP", "F953N"),
            *("FQ232N", "FQ243N", "FQ378N", "FQ387N", "FQ422M", "FQ436N", "FQ437N", "FQ492N"),
            *("FQ508N", "FQ575N", "FQ619N", "FQ634N", "FQ672N", "FQ674N", "FQ727N", "FQ750N"),
            *("FQ889N", "FQ906N", "FQ924N", "FQ937N"),
        ),
        # The service has a curve for each of the two chips.
        online_prefix="HST/WFC3_UVIS2.",
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
    # Of these cameras only the filters that ACS/WFC does not have.
    _Instrument(
        label="ACS_HRC",
        svo_prefix="HST/ACS_HRC.",
        sedpy_prefix="",
        words=frozenset({"hst", "acs", "hrc", "acshrc"}),
        offline=(),
        online=("F220W", "F250W", "F330W", "F344N"),
    ),
    _Instrument(
        label="ACS_SBC",
        svo_prefix="HST/ACS_SBC.",
        sedpy_prefix="",
        words=frozenset({"hst", "acs", "sbc", "acssbc"}),
        offline=(),
        online=("F115LP", "F122M", "F125LP", "F140LP", "F150LP", "F165LP"),
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
    wavelength : array_like, Column or `~astropy.units.Quantity` of shape (n,)
        Wavelengths, ascending; Angstrom where they bear no unit. With a unit, any spectral one
        will do, and the order may be reversed. Kept as an ndarray in Angstrom, ascending.
    transmission : array_like, Column or `~astropy.units.Quantity` of shape (n,)
        Total transmission for photon-counting detectors, on any scale.

    Raises
    ------
    InputError
        If the two are no curve: of other shapes, not ascending, with a missing value, a unit
        that does not fit, or no light.

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
        wavelength, transmission = self._checked_curve()
        for key, value in (("wavelength", wavelength), ("transmission", transmission)):
            value.setflags(write=False)
            object.__setattr__(self, key, value)

    def _checked_curve(self):
        """Wavelength in Angstrom and transmission, after a check."""
        if not (isinstance(self.name, str) and isinstance(self.svo_id, str)):
            msg = f"name and svo_id must be text, got {self.name!r} and {self.svo_id!r}"
            raise InputError(msg)
        what = f"wavelength of band {self.name!r}"
        wavelength = to_floats(
            *(self.wavelength, what), unit=u.AA, equivalencies=u.spectral(), sentinels=False
        )
        transmission = to_floats(self.transmission, f"transmission of band {self.name!r}")
        if wavelength.ndim != 1 or wavelength.shape != transmission.shape or wavelength.size < 2:
            msg = (
                f"wavelength and transmission of band {self.name!r} must be one-dimensional, of "
                f"equal length and at least 2 long, got {wavelength.shape} and "
                f"{transmission.shape}"
            )
            raise InputError(msg)
        if declared_unit(self.wavelength, what) is not None and wavelength[0] > wavelength[-1]:
            # Ascending in frequency.
            wavelength, transmission = wavelength[::-1].copy(), transmission[::-1].copy()
        _check_curve(self.name, wavelength, transmission)
        return wavelength, transmission

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
        if not (is_plain_number(level) and 0.0 < level <= 1.0):
            msg = f"level must be a fraction of the peak above 0 and up to 1, got {level!r}"
            raise InputError(msg)
        inside = self.wavelength[self.transmission >= level * self.transmission.max()]
        return float(inside[0]), float(inside[-1])


def _check_curve(name, wavelength, transmission):
    """Refuse a curve through which no flux can be computed."""
    ascending = wavelength[0] > 0 and np.all(np.diff(wavelength) > 0)
    if not (ascending and np.all(np.isfinite(transmission))):
        msg = (
            f"wavelength of band {name!r} must be positive and ascend strictly, and its "
            "transmission be finite: sort the curve and drop repeated or missing points"
        )
        raise InputError(msg)
    if transmission.max() <= 0:
        msg = f"transmission of band {name!r} must be above zero somewhere"
        raise InputError(msg)


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
    written or left out, and so may the wide filter that NIRCam uses a narrow one with
    (``"f444w-f470n"``). The two chips of WFC3/UVIS count as one. A bare filter name belongs to
    the first instrument that has it, in the order NIRCam, ACS/WFC, WFC3/IR, WFC3/UVIS, NIRISS,
    MIRI, ACS/HRC, ACS/SBC. Of that instrument the canonical name is the bare filter
    (``"F277W"``); of any other, instrument and filter (``"NIRISS_F277W"``). An SVO identifier
    beyond these instruments keeps its spelling, with two underscores for the slash and the point
    (``"Paranal__VISTA__Ks"``).

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
    >>> canonical_name("f350lpu"), canonical_name("f850lpu")
    ('F350LP', 'WFC3_UVIS_F850LP')
    """
    return _resolve(_check_text(name))[0]


def get_band(name):
    """Look up a band by any name that `canonical_name` knows.

    The curves of NIRCam (mean of both modules), MIRI, NIRISS, ACS/WFC and WFC3 come from
    astro-sedpy, without network (`list_bands`). The narrow filters and any other band come by SVO
    identifier from the SVO Filter Profile Service through astroquery; their curves are taken to
    be those of photon-counting detectors. The service is asked once for each band, and once in
    all where it cannot be reached.

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


def has_curve(name):
    """Tell whether a band has a transmission curve, here or at the SVO.

    Parameters
    ----------
    name : str or Band
        Any name of a band.

    Returns
    -------
    answer : bool
        False for a name that is not known, and for a curve that can not be fetched.

    Examples
    --------
    >>> from dustest.data.bands import has_curve
    >>> has_curve("F277W"), has_curve("my camera's R")
    (True, False)
    """
    try:
        get_band(name)
    except (InputError, MissingDependencyError, ReadError):
        return False
    return True


@lru_cache(maxsize=1024)
def _load_band(name, svo_id, sedpy_name, online_id):
    """Band of resolved names, from sedpy where it has the curve, else from the SVO."""
    curve = _sedpy_curve(sedpy_name) if sedpy_name else _svo_curve(online_id)
    return Band(name, svo_id, *curve)


def _check_text(name):
    """The name, if it is text."""
    if not isinstance(name, str):
        msg = f"name must be the name of a band (a string), got {type(name).__name__}"
        raise InputError(msg)
    return name


@lru_cache(maxsize=4096)
def _resolve(name):
    """Canonical name, SVO identifier, sedpy name (None where it has none), and what to fetch."""
    found = _find_instrument(name)
    if found is not None:
        instrument, filter_name = found
        offline = filter_name in instrument.offline
        sedpy_name = instrument.sedpy_prefix + filter_name.lower() if offline else None
        svo_id = instrument.svo_prefix + filter_name
        online_id = (instrument.online_prefix or instrument.svo_prefix) + filter_name
        return _column_name(instrument, filter_name), svo_id, sedpy_name, online_id
    svo_id = name.strip().replace("__", "/", 1).replace("__", ".", 1)
    if _SVO_PATTERN.fullmatch(svo_id):
        return svo_id.replace("/", "__").replace(".", "__"), svo_id, None, svo_id
    raise InputError(_unknown_message(name))


def _find_instrument(name):
    """Instrument and filter of a spelling; None if it fits none of the instruments."""
    tokens = [t for t in re.split(r"[/._\-\s]+", name.lower()) if t and t not in _OPEN_PUPILS]
    blocking = {_BLOCKED_BY.get(token) for token in tokens}
    tokens = [token for token in tokens if token not in blocking]
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


@lru_cache(maxsize=4096)
def _unknown_message(name):
    """The sentence that tells of an unknown band and names its nearest neighbours."""
    known = [_column_name(each, f) for each in _INSTRUMENTS for f in (*each.offline, *each.online)]
    filter_name = re.split(r"[/._\-\s]+", name.strip())[-1]
    return (
        f"name {name!r} is not a known band: "
        f"{did_you_mean(name, known) or did_you_mean(filter_name, known)}give a name of "
        "list_bands() or an SVO identifier such as 'Paranal/VISTA.Ks'"
    )


def _sedpy_curve(sedpy_name):
    """Wavelength in Angstrom and transmission of a curve that comes with sedpy."""
    from sedpy.observate import Filter

    curve = Filter(sedpy_name)
    return curve.wavelength, curve.transmission


_FAILURES = {}
"""Why curves could not be fetched, by SVO identifier; under None, why the service could not be
reached at all. Remembered in the process, since asking again may take long each time."""


def _svo_curve(svo_id):
    """Wavelength in Angstrom and transmission of a curve of the SVO, asked for once."""
    problem = _FAILURES.get(svo_id) or _FAILURES.get(None)
    if problem is None:
        try:
            return _ask_svo(svo_id)
        except Exception as error:  # noqa: BLE001 - network, service, parser: there is no curve
            problem = error
            _remember(svo_id, error)
    raise _explained(svo_id, problem) from problem


def _ask_svo(svo_id):
    """Wavelength in Angstrom and transmission of a curve of the SVO."""
    from astroquery.svo_fps import SvoFps

    table = SvoFps.get_transmission_data(svo_id, timeout=_SVO_TIMEOUT)
    wavelength = to_floats(table["Wavelength"], "Wavelength", unit=u.AA)
    transmission = to_floats(table["Transmission"], "Transmission")
    wavelength, first = np.unique(wavelength, return_index=True)
    return wavelength, transmission[first]


def _remember(svo_id, error):
    """Keep why a curve could not be fetched, and whether to ask for any other."""
    if not isinstance(error, ImportError):
        _FAILURES[svo_id] = error
    # An answer with a status, such as "not found", came over a network that works.
    if isinstance(error, OSError) and getattr(error, "response", None) is None:
        _FAILURES[None] = error


def _explained(svo_id, problem):
    """The error for a curve that cannot be fetched."""
    if isinstance(problem, ImportError):
        return MissingDependencyError(
            f"the curve of band {svo_id!r} is fetched through astroquery, which is not "
            "installed: pip install astroquery"
        )
    return ReadError(
        f"the SVO Filter Profile Service gave no curve for band {svo_id!r}: leave the band out, "
        "or check the network and the identifier and start Python anew, which asks again"
    )
