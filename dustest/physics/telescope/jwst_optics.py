"""Diffraction by the pupil of JWST, and further blur up to the mosaic."""

from functools import cache

import numpy as np
from astropy import units as u
from scipy import fft

from dustest.data.errors import MissingDependencyError

__all__ = ["blurred_diffraction", "drizzled_width"]

# The primary mirror of JWST: 18 hexagons of 1.32 m from flat to flat and 7 mm apart around a
# missing one, behind three struts of the secondary mirror.
_SEGMENT = 1.32
_GAP = 0.007
_STRUT_ANGLES = (0.0, 150.0, 210.0)
_STRUT_WIDTH = 0.1
_PUPIL_SAMPLES = 512
_DIAMETER = 6.5
_FWHM_OF_SIGMA = 2.0 * np.sqrt(2.0 * np.log(2.0))

# Fitted to the drizzled point-spread functions of CEERS at 0.04 arcsec, F090W to F444W.
_WAVEFRONT_RMS = 58e-9
_WAVEFRONT_LENGTH = 0.20
_SHORT_BLUR = 0.37
_LONG_BLUR = 0.43

_WAVELENGTHS = 5
_PER_ARCSEC = u.arcsec.to(u.rad)


def blurred_diffraction(band, scale, n_points):
    """Compute the image of a point source on the detector.

    Parameters
    ----------
    band : Band
        A band of JWST.
    scale : float
        Distance of the points, in arcsec.
    n_points : int
        Points along a side.

    Returns
    -------
    ndarray of shape (n_points, n_points)
        Intensity at the points, centred, with all blur except the pixels of the mosaic.

    Raises
    ------
    MissingDependencyError
        If poppy is not installed.
    """
    pixel, blur = _detector(band)
    frequency = fft.fftfreq(n_points, scale)
    squared = frequency**2 + frequency[:, np.newaxis] ** 2
    transfer = np.zeros(squared.shape, dtype=complex)
    system = _telescope(scale, n_points)
    for wavelength in _band_wavelengths(band):
        pattern = system.calc_psf(wavelength)[0].data
        transfer += fft.fft2(pattern) * _wavefront_transfer(wavelength, squared)
    transfer *= np.exp(-2.0 * (np.pi * blur) ** 2 * squared)
    transfer *= np.sinc(pixel * frequency) * np.sinc(pixel * frequency)[:, np.newaxis]
    return fft.ifft2(transfer).real


def drizzled_width(band, pixel_scale):
    """Approximate width of the point-spread function of a band, without computing it.

    The width of the diffraction pattern, and those of the pixels of detector and mosaic and of the
    blur between them, are added in quadrature.

    Parameters
    ----------
    band : Band
        A band of JWST.
    pixel_scale : float
        Side of a pixel of the mosaic, in arcsec.

    Returns
    -------
    width : float
        Full width at half maximum in arcsec.
    """
    pixel, blur = _detector(band)
    diffraction = band.pivot * 1e-10 / _DIAMETER / _PER_ARCSEC
    variance = blur**2 + (pixel**2 + pixel_scale**2) / 12.0
    return float(np.hypot(diffraction, _FWHM_OF_SIGMA * np.sqrt(variance)))


def _detector(band):
    """Side of a detector pixel and standard deviation of the blur, in arcsec."""
    instrument = band.svo_id.removeprefix("JWST/").split(".")[0]
    if instrument == "NIRCam" and band.pivot < 24_000.0:
        return 0.031, _SHORT_BLUR * 0.031
    pixel = {"MIRI": 0.111, "NIRISS": 0.0656}.get(instrument, 0.063)
    return pixel, _LONG_BLUR * pixel


def _band_wavelengths(band):
    """Wavelengths in metres that represent equal fractions of the light in a band."""
    share = np.cumsum(band.transmission * np.gradient(band.wavelength))
    middle = (np.arange(_WAVELENGTHS) + 0.5) / _WAVELENGTHS
    return np.interp(middle, share / share[-1], band.wavelength) * 1e-10


def _wavefront_transfer(wavelength, squared):
    """Factor of the transfer function by wavefront errors, at squared frequencies."""
    phase = 2.0 * np.pi * _WAVEFRONT_RMS / wavelength
    lag = squared * (wavelength / _PER_ARCSEC / _WAVEFRONT_LENGTH) ** 2
    return np.exp(-(phase**2) * -np.expm1(-lag))


def _telescope(scale, n_points):
    """JWST with a detector whose pixel scale is in arcsec."""
    try:
        import poppy
    except ImportError as error:
        msg = "make_psf needs the package poppy: pip install 'dustest[simulate]'"
        raise MissingDependencyError(msg) from error
    system = poppy.OpticalSystem(npix=_PUPIL_SAMPLES)
    system.add_pupil(_pupil())
    system.add_detector(scale * u.arcsec / u.pixel, fov_pixels=n_points, oversample=1)
    return system


@cache
def _pupil():
    """Pupil of JWST, sampled once: its points are the same for all wavelengths and detectors."""
    import poppy

    mirror = poppy.MultiHexagonAperture(flattoflat=_SEGMENT, gap=_GAP, rings=2)
    struts = poppy.AsymmetricSecondaryObscuration(
        secondary_radius=0.0, support_angle=_STRUT_ANGLES, support_width=_STRUT_WIDTH
    )
    pupil = poppy.CompoundAnalyticOptic([mirror, struts])
    compute, known = pupil.get_transmission, []

    def get_transmission(wave):
        if not known:
            known.append(compute(wave))
            known[0].setflags(write=False)
        return known[0]

    pupil.get_transmission = get_transmission
    return pupil
