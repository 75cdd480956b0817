"""Far-infrared and millimetre bands, given by receiver, wavelength or frequency."""

import re
from dataclasses import dataclass

import numpy as np

__all__ = [
    "ALMA_RECEIVERS",
    "FAR_INFRARED",
    "Receiver",
    "explain_far_infrared",
    "find_far_infrared",
    "top_hat",
]

FAR_INFRARED = 5e5
"""Wavelength in Angstrom beyond which a band sees dust and no stars."""
_LIGHT_SPEED = 2.99792458e18  # Angstrom / s
_SPAN = 16.0
"""Width in GHz of a continuum setup of two sidebands, and of bands of a frequency."""
_IN_ANGSTROM = {"um": 1e4, "mm": 1e7}
_POINT = re.compile(
    r"(?:(?P<source>[a-z][a-z0-9]*)\s*[_\-/.]?\s*)?(?P<value>\d+(?:\.\d+)?)\s*(?P<unit>um|mm|ghz)",
    re.IGNORECASE,
)
_RECEIVER = re.compile(r"alma[\s_\-/.]*(?:band|b)?[\s_\-]*(?P<number>\d+)", re.IGNORECASE)
_SOURCE = "FIR"
"""Prefix of the name of a band that is given without one."""
_TELESCOPES = ("ALMA", "NOEMA", "SCUBA2", _SOURCE)
"""First words of names that are not those of a camera of the user."""


@dataclass(frozen=True)
class Receiver:
    """A receiver of ALMA.

    Parameters
    ----------
    number : int
        Number of the band.
    low, high : float
        Frequencies in GHz between which it observes.
    centre, width : float
        Mean frequency and span in GHz of the default setup for continuum; those of the whole
        receiver where there is no default.
    """

    number: int
    low: float
    high: float
    centre: float
    width: float = _SPAN


ALMA_RECEIVERS = {
    one.number: one
    for one in (
        Receiver(3, 84.0, 116.0, 97.5),
        Receiver(4, 125.0, 163.0, 145.0),
        Receiver(5, 163.0, 211.0, 187.0, 48.0),
        Receiver(6, 211.0, 275.0, 233.0, 20.0),
        Receiver(7, 275.0, 373.0, 343.5),
        Receiver(8, 385.0, 500.0, 405.0),
        Receiver(9, 602.0, 720.0, 679.0, 8.0),
        Receiver(10, 787.0, 950.0, 868.5, 163.0),
    )
}
"""Receivers by number (ALMA Technical Handbook; defaults of the ALMA Observing Tool, table of
default single continuum frequencies)."""


def find_far_infrared(name):
    """Interpret the name of a band of ALMA, or of one wavelength or frequency.

    Parameters
    ----------
    name : str
        Such as ``"ALMA_B6"``, ``"alma band 6"``, ``"ALMA_343.5GHz"``, ``"1.2mm"`` or
        ``"SCUBA2_850um"``, in any letter case.

    Returns
    -------
    canonical : str
        The name of the band in columns.
    low, high : float
        Its ends in Angstrom. None if the name is none of these, or not beyond 50 micron.

    Examples
    --------
    >>> from dustest.data.far_infrared_bands import find_far_infrared
    >>> name, low, high = find_far_infrared("alma-band6")
    >>> name, round(low / 1e7, 3), round(high / 1e7, 3)
    ('ALMA_B6', 1.234, 1.344)
    >>> find_far_infrared("1200um")[0], find_far_infrared("F277W")
    ('FIR_1200um', None)
    """
    text = name.strip()
    receiver = _RECEIVER.fullmatch(text)
    if receiver is not None:
        one = ALMA_RECEIVERS.get(int(receiver["number"]))
        return None if one is None else (f"ALMA_B{one.number}", *_ends(one.centre, one.width))
    point = _POINT.fullmatch(text)
    return None if point is None else _of_point(point)


def explain_far_infrared(name):
    """Explain why the name of a band of a far-infrared telescope is not understood.

    Parameters
    ----------
    name : str
        Name of an unknown band.

    Returns
    -------
    problem : str
        What the name must be; empty for the name of any other camera.

    Examples
    --------
    >>> from dustest.data.far_infrared_bands import explain_far_infrared
    >>> explain_far_infrared("NOEMA_1.2").split(",")[0]
    "'NOEMA_1.2' must be a wavelength or frequency beyond 50 micron with its unit"
    >>> explain_far_infrared("MyCamera_H")
    ''
    """
    first = re.split(r"[\s_\-/.]+", name.strip())[0].upper()
    if first not in _TELESCOPES:
        return ""
    receivers = [f"ALMA_B{number}" for number in ALMA_RECEIVERS]
    receiver = f"one of {receivers[0]} to {receivers[-1]}, or " if first == "ALMA" else ""
    return (
        f"{name!r} must be {receiver}a wavelength or frequency beyond 50 micron with its unit, "
        f"such as {first}_1.2mm or {first}_343.5GHz"
    )


def _of_point(found):
    """Name and ends in Angstrom of a band of one wavelength or frequency."""
    value, unit = float(found["value"]), found["unit"].lower()
    if value <= 0.0:
        return None
    source = (found["source"] or _SOURCE).upper()
    if unit == "ghz":
        frequency, unit = value, "GHz"
    else:
        frequency = 1e-9 * _LIGHT_SPEED / (value * _IN_ANGSTROM[unit])
    low, high = _ends(frequency, min(_SPAN, 0.1 * frequency))
    if low < FAR_INFRARED:
        return None
    return f"{source}_{value:g}{unit}", low, high


def _ends(centre, width):
    """Ends in Angstrom of a range of frequencies in GHz."""
    return tuple(1e-9 * _LIGHT_SPEED / (centre + side * width) for side in (0.5, -0.5))


def top_hat(low, high):
    """Curve of a band with constant transmission.

    Parameters
    ----------
    low, high : float
        Its ends in Angstrom.

    Returns
    -------
    wavelength, transmission : ndarray of shape (9,)
        The curve, zero at both ends.
    """
    wavelength = np.geomspace(low, high, 9)
    transmission = np.ones(9)
    transmission[[0, -1]] = 0.0
    return wavelength, transmission
