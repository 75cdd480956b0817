"""Choice of the likelihood of a galaxy."""

from dustest.estimators._sed.tabulated.data_likelihood import ClosedForm, WithLimits
from dustest.estimators._sed.tabulated.outliers import Robust

__all__ = ["make_likelihood"]


def make_likelihood(data, integral, *, robust=False):
    """Choose the likelihood of a galaxy.

    Parameters
    ----------
    data : Photometry
        Its photometry.
    integral : MassIntegral
        The integral over the mass of measured fluxes.
    robust : bool, optional
        Whether any band may be an outlier.

    Returns
    -------
    ClosedForm, WithLimits or Robust
        The likelihood.
    """
    if robust:
        return Robust(data)
    return (WithLimits if data.limited.size else ClosedForm)(data, integral)
