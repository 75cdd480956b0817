"""Posteriors of A_V and mass on a grid, without the engine: for models of one fixed shape."""

import numpy as np

N_A_V, N_MASS = 400, 120
MASS_REACH = 8.0


def on_grid(models, bands, a_v_limits):
    """Fluxes of one solar mass on a grid of A_V, even in its logarithm: (N_A_V,), (N_A_V, n)."""
    order = np.argsort(models["A_V"].value)
    scale = 10.0 ** models["log_mass_formed"]
    log_a_v = np.linspace(*np.log(a_v_limits), N_A_V)
    known = np.log(models["A_V"].value[order])
    flux = np.stack(
        [
            np.interp(log_a_v, known, np.log(models[f"flux_{b}"].value / scale)[order])
            for b in bands
        ]
    )
    return log_a_v, np.exp(flux.T)


def fit_mock(log_a_v, unit_flux, flux, error):
    """Median, half width of the 68 % interval of A_V, and bits over a prior flat in its logarithm.

    The mass is integrated on a grid even in its logarithm, as flat as its prior.
    """
    precision = np.sum(np.square(unit_flux / error), axis=1)
    best = np.maximum(unit_flux @ (flux / error**2) / precision, 1e-3 / np.sqrt(precision))
    reach = np.minimum(MASS_REACH / np.sqrt(precision) / best, 3.0)
    log_mass = np.linspace(-1.0, 1.0, N_MASS) * reach[:, np.newaxis] + np.log(best)[:, np.newaxis]
    chi2 = np.square((np.exp(log_mass)[..., np.newaxis] * unit_flux[:, np.newaxis] - flux) / error)
    chi2 = chi2.sum(axis=-1)
    weight = np.exp(-0.5 * (chi2 - chi2.min())).sum(axis=1) * reach
    weight /= weight.sum()
    low, median, high = np.exp(np.interp([0.16, 0.5, 0.84], np.cumsum(weight), log_a_v))
    known = weight > 0.0
    bits = np.sum(weight[known] * np.log2(weight[known] * len(weight)))
    return median, 0.5 * (high - low), bits
