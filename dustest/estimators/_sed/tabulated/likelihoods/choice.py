"""Choice of the likelihood of a galaxy."""

from dustest.estimators._sed.tabulated.likelihoods.data_likelihood import (
    ClosedForm,
    Photometry,
    WithLimits,
)
from dustest.estimators._sed.tabulated.likelihoods.free_errors import FreeErrors
from dustest.estimators._sed.tabulated.likelihoods.outliers import Robust

__all__ = ["make_likelihood"]


def make_likelihood(galaxy, bands, integral, settings):
    """Choose the likelihood of a galaxy.

    Parameters
    ----------
    galaxy : Galaxy
        The galaxy.
    bands : tuple of str
        Bands of the models.
    integral : MassIntegral
        The integral over the mass of measured fluxes.
    settings : Settings
        Settings of the fit.

    Returns
    -------
    ClosedForm, WithLimits, Robust or FreeErrors
        The likelihood.
    """

    def make(data):
        if settings.robust:
            return Robust(data)
        return (WithLimits if data.limited.size else ClosedForm)(data, integral)

    data = Photometry.of(galaxy, bands)
    if settings.fractional_error is None:
        return make(data)
    return FreeErrors(data, bands, settings.fractional_error, make)
