"""Choice of the likelihood of a galaxy."""

from dustest.estimators._sed.tabulated.likelihoods.calibrated_spectrum import CalibratedSpectrum
from dustest.estimators._sed.tabulated.likelihoods.data_likelihood import (
    ClosedForm,
    Photometry,
    WithLimits,
)
from dustest.estimators._sed.tabulated.likelihoods.free_errors import FreeErrors
from dustest.estimators._sed.tabulated.likelihoods.outliers import Robust

__all__ = ["make_likelihood"]


def make_likelihood(galaxy, channels, integral, settings):
    """Choose the likelihood of a galaxy.

    Parameters
    ----------
    galaxy : Galaxy
        The galaxy.
    channels : Channels
        Bands, pixels and lines of the models.
    integral : MassIntegral
        The integral over the mass of measured fluxes.
    settings : Settings
        Settings of the fit.

    Returns
    -------
    ClosedForm, WithLimits, Robust, FreeErrors or CalibratedSpectrum
        The likelihood.
    """

    def make(data):
        if settings.robust:
            return Robust(data)
        return (WithLimits if data.limited.size else ClosedForm)(data, integral)

    data = Photometry.of(galaxy, channels)
    if galaxy.spectrum is not None and (any(settings.flux_scale) or settings.noise_scale):
        return CalibratedSpectrum(data, channels.of_pixels, galaxy.spectrum[:, 0], settings)
    if settings.fractional_error is None:
        return make(data)
    return FreeErrors(data, channels.bands + channels.infrared, settings.fractional_error, make)
