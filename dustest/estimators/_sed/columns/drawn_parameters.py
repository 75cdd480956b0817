"""Draws of the parameters of an SED fit, and the photometry that was fitted."""

import numpy as np

from dustest.data.quantities import QUANTITIES
from dustest.estimators._sed.clear_light import FRAC_CLEAR
from dustest.estimators._sed.columns.extra_columns import sed_columns, sed_values
from dustest.estimators._sed.posterior import A_V, DRAWN
from dustest.estimators._sed.priors.defaults import fit_instructions
from dustest.estimators._sed.priors.prior_transform import SEDPrior
from dustest.estimators._sed.tabulated.likelihoods.calibrated_spectrum import spectral_parameters
from dustest.estimators.run.batch import ExtraColumn
from dustest.estimators.run.fitted_data import fitted_columns, fitted_values

__all__ = ["data_columns", "fitted_data", "parameter_columns", "parameter_draws"]

_MASS = ":massformed"
_REDSHIFT = "redshift"
_ANY_REDSHIFT = 0.01
"""Redshift at which a model has the same free parameters as at any other."""


def parameter_columns(models, quantities, axes):
    """Parameters whose draws a result keeps.

    Parameters
    ----------
    models : sequence of Settings
        Settings of the fit, one for each model.
    quantities : sequence of str
        Quantities of the result, whose draws are kept anyway.
    axes : sequence of str
        What the models differ in: ``"sfh"``, ``"dust_law"``.

    Returns
    -------
    dict of str to ExtraColumn
        By name: the other quantities of a model, its free parameters in Bagpipes' names, and the
        numbers of its history and law.
    """
    columns = {
        name: ExtraColumn(QUANTITIES[name].unit) for name in DRAWN if name not in quantities
    }
    if any(model.free_redshift for model in models):
        columns[_REDSHIFT] = ExtraColumn()
    for model in models:
        arguments = model.sfh, model.dust_law, _ANY_REDSHIFT, None, model.priors, model.cosmology
        prior = SEDPrior(fit_instructions(*arguments, components=model.components))
        for name in prior.free:
            is_mass = name.endswith(_MASS)
            known = name == A_V and not prior.has(FRAC_CLEAR)
            if not (known or (is_mass and len(prior.masses) == 1)):
                columns[name] = ExtraColumn(magnified="log10" if is_mass else None)
        names = spectral_parameters(model.flux_scale, model.noise_scale)
        columns |= {name: ExtraColumn() for name in names}
    return columns | {axis: ExtraColumn() for axis in axes}


def parameter_draws(names, posterior, pairs):
    """Draws of parameters.

    Parameters
    ----------
    names : sequence of str
        Those of `parameter_columns`.
    posterior : Posterior
        The posterior, of one model or several.
    pairs : sequence of dict of str to int
        Numbers of the history and the law of each model, by the axes of `parameter_columns`.

    Returns
    -------
    dict of str to ndarray of shape (N_DRAWS,)
        By name; NaN where a model does not have a parameter.
    """
    mixture = posterior.mixture
    if mixture is None:
        return _of_model(names, posterior, {})
    parts = [_of_model(names, part, pairs[number]) for number, part in mixture.parts]
    return {name: mixture.joined([part[name] for part in parts]) for name in names}


def _of_model(names, posterior, numbers):
    """Draws of one model."""
    values = posterior.prior.transform(posterior.cube)
    formed = posterior.draws["log_mass_formed"] - posterior.prior.log_mass_formed(values)
    found = values | {name: values[name] + formed for name in posterior.prior.masses}
    found |= numbers | posterior.draws | posterior.spectral
    n = len(posterior.cube)
    return {name: np.full(n, found.get(name, np.nan), dtype=float) for name in names}


def data_columns(bands):
    """Columns of the data that were fitted, and of the models.

    Parameters
    ----------
    bands : sequence of str
        Bands of the sample.

    Returns
    -------
    dict of str to ExtraColumn
        By name.
    """
    return fitted_columns(bands) | (sed_columns(bands) if bands else {})


def fitted_data(batch, rows):
    """Data that were fitted, with the error floor, and the models.

    Parameters
    ----------
    batch : Batch
        Galaxies, with the errors of the fit.
    rows : sequence of (Galaxy, Posterior) or None
        Data and posterior, with spectra at `sed_wavelengths`; None without a posterior.

    Returns
    -------
    dict of str to ndarray of shape (n, ...)
        By column; NaN where there is no measurement. Empty if they are not kept.
    """
    if not batch.keeps_data:
        return {}
    return fitted_values(batch) | (sed_values(rows, batch.bands) if batch.bands else {})
