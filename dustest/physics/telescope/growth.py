"""Curves of growth: the light of a galaxy within circles, after convolution."""

import numpy as np
from scipy import fft
from scipy.optimize import brentq
from scipy.special import gamma, j1, kv

from dustest.data.checks.records import expect
from dustest.data.checks.values import to_floats
from dustest.data.errors import InputError

__all__ = ["PROFILES", "growth_curves"]

PROFILES = {
    "gaussian": np.inf,
    "exponential": 0.5,
    "intermediate": 0.0,
    "steep": -0.4,
    "de_vaucouleurs": -0.6,
}
"""Index of the profile of Spergel (2010), from that of a Gaussian to one that is close to that of
de Vaucouleurs."""


_RINGS = 4000
"""Rings in Fourier space per cycle per pixel."""


def growth_curves(psf, radii, half_light_radii, *, profile="exponential"):
    r"""Compute the fraction of the light of round galaxies within circles.

    Parameters
    ----------
    psf : PSF
        Point-spread function of the image.
    radii : array_like of shape (n_radii,) or `~astropy.units.Quantity`
        Radii of the circles, in arcsec.
    half_light_radii : array_like of shape (n_sizes,) or `~astropy.units.Quantity`
        Radii in arcsec that contain half the light before convolution; 0 for a point source.
    profile : str, optional
        Surface brightness of the galaxy: ``"gaussian"``, ``"exponential"``, ``"intermediate"``,
        ``"steep"`` or ``"de_vaucouleurs"``, each more concentrated than the one before.

    Returns
    -------
    ndarray of shape (n_sizes, n_radii)
        Fractions of all light of the galaxy.

    Raises
    ------
    InputError
        If a radius is negative or no number, or the profile is unknown.

    Notes
    -----
    The transforms of the profiles are :math:`(1 + (k r_0)^2)^{-(1 + \nu)}` [1]_, so that the
    convolution and the sum within circles are products in Fourier space. The exponential disc has
    :math:`\nu = 0.5`, the others 0, -0.4 and -0.6, which is close to the profile of de
    Vaucouleurs; the Gaussian is the limit of large :math:`\nu`.

    References
    ----------
    .. [1] Spergel 2010, ApJS 191, 58.

    Examples
    --------
    >>> import numpy as np
    >>> from dustest.physics import PSF, growth_curves
    >>> y, x = np.mgrid[-60:61, -60:61]
    >>> psf = PSF(np.exp(-0.5 * (x**2 + y**2) / 2.0**2), pixel_scale=0.03)
    >>> growth_curves(psf, [0.15, 0.3], [0.0, 0.1]).round(2)
    array([[0.95, 1.  ],
           [0.6 , 0.94]])
    """
    expect(profile in PROFILES, "profile", f"one of {', '.join(PROFILES)}", profile)
    radii = _radii(radii, "radii") / psf.pixel_scale
    sizes = _radii(half_light_radii, "half_light_radii") / psf.pixel_scale
    # Twice the size, so that light that leaves the image does not reappear at its other side.
    side = fft.next_fast_len(2 * psf.size, real=True)
    image = np.zeros((side, side))
    image[: psf.size, : psf.size] = psf.image
    image = np.roll(image, (-(psf.size // 2),) * 2, axis=(0, 1))
    across, along = fft.fftfreq(side)[:, np.newaxis], fft.rfftfreq(side)
    transfer = fft.rfft2(image).real * np.sinc(across) * np.sinc(along)
    transfer[:, 1 : (side + 1) // 2] *= 2.0
    # Profiles and circles are round, so that only the distance from the origin counts.
    distance = np.hypot(across, along).ravel()
    ring = np.rint(distance * _RINGS).astype(int)
    n_waves = np.bincount(ring)
    used = n_waves > 0
    frequency = np.bincount(ring, distance)[used] / n_waves[used]
    transfer = np.bincount(ring, transfer.ravel())[used]
    circles = np.array([_circle(frequency, radius) for radius in radii]) * transfer / side**2
    shapes = [_profile(frequency, size, PROFILES[profile]) for size in sizes]
    return np.array([circles @ shape for shape in shapes]).reshape(len(sizes), len(radii))


def _radii(values, name):
    """Radii in arcsec."""
    from astropy import units as u

    radii = np.atleast_1d(to_floats(values, name, unit=u.arcsec))
    if radii.ndim != 1 or not np.all(radii >= 0.0):
        msg = f"{name} must be radii in arcsec from 0 on, got {values!r:.80}"
        raise InputError(msg)
    return radii


def _circle(frequency, radius):
    """Transform of a circle."""
    argument = 2.0 * np.pi * frequency * radius
    ratio = np.full(argument.shape, 0.5)
    np.divide(j1(argument), argument, out=ratio, where=argument > 0.0)
    return 2.0 * np.pi * radius**2 * ratio


def _profile(frequency, half_light_radius, index):
    """Transform of a profile."""
    if np.isinf(index):
        return np.exp(-((np.pi * frequency * half_light_radius) ** 2) / np.log(2.0))
    scale = half_light_radius / _half_light(index)
    return (1.0 + (2.0 * np.pi * frequency * scale) ** 2) ** -(1.0 + index)


def _half_light(index):
    """Half-light radius of a profile in units of its scale: Spergel 2010, equation 3."""

    def outside(ratio):
        bessel = (ratio / 2.0) ** (index + 1.0) * kv(index + 1.0, ratio)
        return 2.0 * (1.0 + index) * bessel / gamma(index + 2.0) - 0.5

    return brentq(outside, 1e-3, 10.0)
