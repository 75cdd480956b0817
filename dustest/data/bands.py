"""Photometric bands: their names and their transmission curves."""

import re
from dataclasses import dataclass, field
from functools import cached_property, lru_cache

import numpy as np
from astropy import units as u

from dustest.data.checks.numbers import check_number
from dustest.data.checks.records import check_texts
from dustest.data.checks.units import declared_unit
from dustest.data.checks.values import to_floats
from dustest.data.errors import InputError, MissingDependencyError, ReadError
from dustest.data.far_infrared_bands import FAR_INFRARED, find_far_infrared, top_hat
from dustest.data.instruments import INSTRUMENTS
from dustest.data.messages import did_you_mean
from dustest.data.registry import Registry

__all__ = [
    "BANDS",
    "Band",
    "canonical_name",
    "get_band",
    "has_curve",
    "list_bands",
    "register_band",
]

_SVO_PATTERN = re.compile(r"[\w-]+/[\w-]+\.[\w+-]+")
_SUFFIXES = {"u": "uvis", "n": "niriss"}
"""Suffixes by which grizli and the DAWN archive mark two instruments in the name of a filter."""
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
add to its name (``f444w-f470n``)."""
_SVO_TIMEOUT = 15.0
"""Timeout in seconds for the SVO: without network access, estimates would wait for its default."""


@dataclass(frozen=True, eq=False)
class Band:
    """A photometric band and its transmission curve.

    Parameters
    ----------
    name : str
        The canonical name, used in column names (see `canonical_name`).
    svo_id : str
        The identifier in the SVO Filter Profile Service, for example ``"JWST/NIRCam.F277W"``.
    wavelength : array_like, Column or `~astropy.units.Quantity` of shape (n,)
        Wavelengths, ascending; Angstrom if they have no unit. With a unit, any spectral one is
        allowed, and the order may be reversed. Stored as an ndarray in Angstrom, ascending.
    transmission : array_like, Column or `~astropy.units.Quantity` of shape (n,)
        Total transmission for photon-counting detectors, on any scale.
    aliases : tuple of str, optional
        Other names, for registered bands.

    Raises
    ------
    InputError
        If the two are not a curve: of different shapes, not ascending, with a missing value, a
        unit that does not match, or zero transmission.

    Examples
    --------
    >>> from dustest.data.bands import get_band
    >>> band = get_band("F277W")
    >>> round(band.pivot)
    27762
    """

    name: str
    svo_id: str
    wavelength: np.ndarray = field(repr=False)
    transmission: np.ndarray = field(repr=False)
    aliases: tuple = field(default=(), repr=False)

    def __post_init__(self):
        wavelength, transmission = self._checked_curve()
        for key, value in (("wavelength", wavelength), ("transmission", transmission)):
            value.setflags(write=False)
            object.__setattr__(self, key, value)
        check_texts(self.aliases, f"aliases of band {self.name!r}")
        others = dict.fromkeys((*self.aliases, self.svo_id))
        aliases = tuple(name for name in others if name and name != self.name)
        object.__setattr__(self, "aliases", aliases)

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

    def __eq__(self, other):
        if not isinstance(other, Band):
            return NotImplemented
        return (
            (self.name, self.svo_id, self.aliases) == (other.name, other.svo_id, other.aliases)
            and np.array_equal(self.wavelength, other.wavelength)
            and np.array_equal(self.transmission, other.transmission)
        )

    def __hash__(self):
        return hash((self.name, self.svo_id))

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

    @property
    def is_far_infrared(self):
        """Whether its light is that of dust: the whole band is beyond 50 micron."""
        return bool(self.wavelength[0] > FAR_INFRARED)

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
        expected = "a fraction of the peak above 0 and up to 1"
        check_number(level, "level", 0.0, 1.0, above=True, expected=expected)
        inside = self.wavelength[self.transmission >= level * self.transmission.max()]
        return float(inside[0]), float(inside[-1])


BANDS = Registry("band", Band)
"""Registered bands, by name; those of instruments are made when needed."""


def _check_curve(name, wavelength, transmission):
    """Raise an error for a curve through which no flux can be computed."""
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
    """List the bands whose curves come with the package's dependencies.

    Returns
    -------
    list of str
        Canonical names, instrument by instrument: NIRCam, ACS/WFC, WFC3/IR, WFC3/UVIS, NIRISS,
        MIRI, and then those of `register_band`.

    Examples
    --------
    >>> from dustest.data.bands import list_bands
    >>> names = list_bands()
    >>> "F444W" in names, "NIRISS_F444W" in names, "F164N" in names
    (True, True, False)
    """
    bands = [
        _column_name(instrument, name)
        for instrument in INSTRUMENTS.values()
        for name in instrument.offline
    ]
    return [*bands, *BANDS]


def canonical_name(name):
    """Convert any usual spelling of a band to its canonical name, used in column names.

    Letter case, the order and kind of separators do not matter. The observatory and the instrument
    may be omitted, and so may the wide filter that NIRCam uses with a narrow one
    (``"f444w-f470n"``). The two chips of WFC3/UVIS count as one. A filter name without instrument
    is that of the first instrument that has it, in the order NIRCam, ACS/WFC, WFC3/IR, WFC3/UVIS,
    NIRISS, MIRI, ACS/HRC, ACS/SBC. For this instrument the canonical name is the filter
    (``"F277W"``); for any other, instrument and filter (``"NIRISS_F277W"``). An SVO identifier of
    other instruments keeps its spelling, with two underscores for the slash and the point
    (``"Paranal__VISTA__Ks"``). Bands of ALMA are ``"ALMA_B3"`` to ``"ALMA_B10"``, and bands of
    one wavelength or frequency beyond 50 micron ``"ALMA_1200um"`` or ``"ALMA_343.5GHz"``, with any
    word before the underscore.

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
        If the name is unknown; the message lists the closest known ones.

    Examples
    --------
    >>> from dustest.data.bands import canonical_name
    >>> canonical_name("nircam_f115w"), canonical_name("HST/ACS_WFC.F606W")
    ('F115W', 'F606W')
    >>> canonical_name("JWST/NIRISS.F150W"), canonical_name("f814wu-clear")
    ('NIRISS_F150W', 'WFC3_UVIS_F814W')
    >>> canonical_name("f350lpu"), canonical_name("f850lpu")
    ('F350LP', 'WFC3_UVIS_F850LP')
    >>> canonical_name("alma-band6"), canonical_name("1.2mm")
    ('ALMA_B6', 'FIR_1.2mm')
    """
    registered = BANDS.get(_check_text(name).strip())
    return _resolve(name)[0] if registered is None else registered.name


def get_band(name):
    """Look up a band by any name that `canonical_name` knows.

    The curves of NIRCam (mean of both modules), MIRI, NIRISS, ACS/WFC and WFC3 come from
    astro-sedpy, without network access (`list_bands`). Those of narrow filters and of any other
    band are fetched by SVO identifier from the SVO Filter Profile Service through astroquery, and
    are taken to be those of photon-counting detectors. The service is queried once for each band,
    and only once in total if it cannot be reached. Bands of ALMA, and those of one wavelength or
    frequency, have a constant transmission: over the default setup for continuum, or 16 GHz. The
    flux of dust changes by a factor of two or more across a receiver: name the frequency where it
    is known.

    Parameters
    ----------
    name : str or Band
        The name; a `Band` is returned unchanged.

    Returns
    -------
    Band
        The band; the same object for every spelling.

    Raises
    ------
    InputError
        If the name is unknown.
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
    if isinstance(name, Band):
        return name
    registered = BANDS.get(_check_text(name).strip())
    return _load_band(*_resolve(name)) if registered is None else registered


def register_band(band):
    """Add a band, whose fluxes and cutouts are then columns of samples.

    Parameters
    ----------
    band : Band
        A band with a new name. Its SVO identifier and its aliases are names too.

    Returns
    -------
    band : Band
        The same band.

    Raises
    ------
    InputError
        If a name is taken, or the band is known with another curve.

    Examples
    --------
    >>> from dustest.data import Band, canonical_name, register_band
    >>> curve = [14_000.0, 15_000.0, 17_000.0, 18_000.0], [0.0, 0.9, 0.9, 0.0]
    >>> band = register_band(Band("MyCamera_H", "Observatory/MyCamera.H", *curve))
    >>> canonical_name("Observatory/MyCamera.H")
    'MyCamera_H'
    """
    names = (band.name, *band.aliases) if isinstance(band, Band) else ()
    taken = [name for name in names if _find_instrument(name) is not None]
    if taken:
        msg = f"band {band.name!r} must have names of its own, got {taken[0]!r}: rename it"
        raise InputError(msg)
    return BANDS.register(band)


def has_curve(name):
    """Whether a band has a transmission curve, installed or at the SVO.

    Parameters
    ----------
    name : str or Band
        Any name of a band.

    Returns
    -------
    answer : bool
        False for a name that is unknown, and for a curve that cannot be fetched.

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
    """Band of resolved names: of constant transmission, from sedpy if it has it, or the SVO."""
    if isinstance(online_id, tuple):
        curve = top_hat(*online_id)
    else:
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
    """Canonical name, SVO identifier, sedpy name (None if there is none), and name to fetch.

    The ends of the band are in place of the latter for bands of constant transmission.
    """
    found = _find_instrument(name)
    if found is not None:
        instrument, filter_name = found
        offline = filter_name in instrument.offline
        sedpy_name = instrument.sedpy_prefix + filter_name.lower() if offline else None
        svo_id = instrument.svo_prefix + filter_name
        online_id = (instrument.online_prefix or instrument.svo_prefix) + filter_name
        return _column_name(instrument, filter_name), svo_id, sedpy_name, online_id
    if far := find_far_infrared(name):
        return far[0], "", None, far[1:]
    svo_id = name.strip().replace("__", "/", 1).replace("__", ".", 1)
    if _SVO_PATTERN.fullmatch(svo_id):
        return svo_id.replace("/", "__").replace(".", "__"), svo_id, None, svo_id
    raise InputError(_unknown_message(name))


def _find_instrument(name):
    """Instrument and filter of a spelling; None if it fits none of the instruments."""
    tokens = [t for t in re.split(r"[/._\-\s]+", name.lower()) if t and t not in _OPEN_PUPILS]
    blocking = {_BLOCKED_BY.get(token) for token in tokens}
    tokens = [token for token in tokens if token not in blocking]
    if not tokens:
        return None
    last, cameras = tokens[-1], set(tokens[:-1])
    candidates = [(last.upper(), cameras)]
    if last[-1] in _SUFFIXES:
        candidates.append((last[:-1].upper(), cameras | {_SUFFIXES[last[-1]]}))
    for filter_name, words in candidates:
        for instrument in INSTRUMENTS.values():
            if filter_name in instrument and words <= instrument.words:
                return instrument, filter_name
    return None


def _column_name(instrument, filter_name):
    """The filter for the first instrument that has it, else instrument and filter."""
    first = next(candidate for candidate in INSTRUMENTS.values() if filter_name in candidate)
    return filter_name if first is instrument else f"{instrument.name}_{filter_name}"


@lru_cache(maxsize=4096)
def _unknown_message(name):
    """Message for an unknown band with its most similar names."""
    known = [_column_name(each, f) for each in INSTRUMENTS.values() for f in each.filters]
    known += BANDS
    filter_name = re.split(r"[/._\-\s]+", name.strip())[-1]
    return (
        f"name {name!r} is not a known band: "
        f"{did_you_mean(name, known) or did_you_mean(filter_name, known)}give a name of "
        "list_bands() or an SVO identifier such as 'Paranal/VISTA.Ks'"
    )


def _sedpy_curve(sedpy_name):
    """Wavelength in Angstrom and transmission of a curve of sedpy."""
    from sedpy.observate import Filter

    curve = Filter(sedpy_name)
    return curve.wavelength, curve.transmission


_FAILURES = {}
"""Reasons why curves could not be fetched, by SVO identifier; under None, why the service could
not be reached. They are stored in the process, since another query may take long."""


def _svo_curve(svo_id):
    """Wavelength in Angstrom and transmission of a curve of the SVO, queried once."""
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
    """Store why a curve could not be fetched, and whether to query others."""
    if not isinstance(error, ImportError):
        _FAILURES[svo_id] = error
    # An answer with a status, such as "not found", shows that the network works.
    if isinstance(error, OSError) and getattr(error, "response", None) is None:
        _FAILURES[None] = error


def _explained(svo_id, problem):
    """Error for a curve that cannot be fetched."""
    if isinstance(problem, ImportError):
        return MissingDependencyError(
            f"the curve of band {svo_id!r} is fetched through astroquery, which is not "
            "installed: pip install astroquery"
        )
    return ReadError(
        f"the SVO Filter Profile Service gave no curve for band {svo_id!r}: leave the band out, "
        "or check the network and the identifier and start Python anew, which asks again"
    )
