"""`BagpipesEstimator`: dust from fits of stellar populations to photometry and spectra."""

import json
from collections.abc import Mapping
from dataclasses import replace
from numbers import Integral
from typing import ClassVar

import numpy as np
from sklearn.base import clone

from dustest.data.bands import get_band
from dustest.data.checks.numbers import check_number, check_whole
from dustest.data.checks.units import FLUX_UNIT
from dustest.data.checks.values import to_floats
from dustest.data.containers.rows import RowTable
from dustest.data.errors import InputError
from dustest.data.flags import FLAGS
from dustest.data.quantities import QUANTITIES
from dustest.data.worker_processes import WORKER_LIMITS
from dustest.estimators._sed.averaging import Alternatives, average, several
from dustest.estimators._sed.bagpipes.loading import load_bagpipes
from dustest.estimators._sed.bagpipes.nested_sampling import fit_galaxy
from dustest.estimators._sed.columns.drawn_parameters import (
    data_columns,
    fitted_data,
    parameter_columns,
    parameter_draws,
)
from dustest.estimators._sed.columns.extra_columns import (
    EXTRAS,
    ExtraColumns,
    sed_wavelengths,
)
from dustest.estimators._sed.columns.rest_frame import REST_FRAME, RestFrame
from dustest.estimators._sed.components import AGN_NAMES, agn_models
from dustest.estimators._sed.data_corrections import (
    correct,
    floors_by_band,
    relative_errors,
    zero_point_factors,
)
from dustest.estimators._sed.far_infrared import (
    far_infrared_bands,
    usable_far_infrared,
)
from dustest.estimators._sed.fit_settings import ENGINES, settings_of, single_model
from dustest.estimators._sed.galaxies import usable_data, without_limits
from dustest.estimators._sed.parameter_checks import years
from dustest.estimators._sed.posterior import DRAWN, N_DRAWS
from dustest.estimators._sed.presets import PRESETS, with_preset_priors
from dustest.estimators._sed.priors.defaults import (
    BAGPIPES_REDSHIFT,
    MAX_REDSHIFT,
    MIN_REDSHIFT,
    PRIOR_SHAPES,
)
from dustest.estimators._sed.priors.prior_density import PriorDensities, has_closed_form
from dustest.estimators._sed.sample_checks import (
    refuse_densities,
    refuse_of_photometry,
    warn_of_draws,
    warn_of_far_infrared,
    warn_of_fixed_redshifts,
    warn_of_lines,
    warn_of_masked_spectra,
    warn_of_unknown_bands,
    without_data,
)
from dustest.estimators._sed.tabulated.importance_sampling import TabulatedEngine
from dustest.estimators._sed.tabulated.model_pool import check_parameters
from dustest.estimators._sed.tabulated.prior_models import draw_prior_models
from dustest.estimators._sed.zero_points import find_zero_points
from dustest.estimators.base import DustEstimator
from dustest.estimators.non_galaxies import COLOUR_BANDS, kinds_of_sources
from dustest.estimators.run.batch import Estimates, error_floor
from dustest.estimators.run.information import LEAST_INFORMATION
from dustest.estimators.run.workers import run_in_workers
from dustest.physics.dust_laws.lookup import DUST_LAWS, cite_law
from dustest.physics.histories import HISTORIES
from dustest.physics.joint_priors import JOINT_PRIORS
from dustest.physics.stellar_grids import STELLAR_GRIDS

__all__ = ["PRIOR_SHAPES", "BagpipesEstimator"]

_TABULATED_BATCH, _SHARED_BATCH = 64, 1024
_ESCALATED_BATCH = 8
_MIN_ESS = 400.0
_MAX_EDGE = 0.1
_MIN_PROBABILITY = 1e-4
_MIN_INFRARED = 1e-3
"""Probability of far-infrared data, given a fit of the other data, below which they conflict."""
_MAX_CHI2 = 10.0
"""Largest chi-squared of the best model per data point."""
_EVIDENCE_ERRORS = 2.0
_NO_DATA = FLAGS["NO_DATA"].value
_NOT_A_GALAXY = FLAGS["NOT_A_GALAXY"].value
_NO_DRAWS = np.full(N_DRAWS, np.nan)


class BagpipesEstimator(DustEstimator):
    r"""Dust, star formation and mass from a Bayesian fit with the models of Bagpipes.

    Stellar populations (BC03, Kroupa initial mass function) with nebular emission, attenuation
    and the intergalactic medium of Bagpipes are fitted to photometry, spectra and emission lines.
    Upper limits of fluxes, ``flux_limit_<BAND>``, are part of the likelihood of the tables.
    The same seed gives the same bytes with any number of workers. A fit writes no files, prints
    nothing and changes no settings of the caller.

    Parameters
    ----------
    sfh : str, StarFormationHistory, tuple of them or None, optional
        Star-formation history: ``"lognormal"``, ``"delayed"``, ``"constant"``,
        ``"exponential"``, ``"double_delayed"``, ``"delayed_burst"``, ``"continuity"`` or another
        one, see `~dustest.physics.register_history`; None for that of the preset. Posteriors of
        several are averaged, see the notes.
    engine : {"tabulated", "bagpipes"}, optional
        Engine of the posterior: ``"tabulated"`` is importance sampling with tables of the
        photometry and spectra of Bagpipes; ``"bagpipes"`` is Bagpipes itself with a nested
        sampler, some ten thousand times slower, see the notes.
    dust_law : str, DustLaw, model of dust_extinction, tuple of them or None, optional
        The law, see `~dustest.physics.get_dust_law`; None for that of the preset. For the names
        ``"Salim"`` (tilt and bump) and ``"CF00"`` (slope and birth clouds) the shape is free; a
        law object has a fixed shape. Posteriors of several are averaged. See the notes.
    sfr_timescale : `~astropy.units.Quantity`, str or float, optional
        Duration over which the star-formation rate is averaged, such as ``100 * u.Myr`` or
        ``"100 Myr"``; a number is in Myr.
    priors : dict, optional
        Priors that replace or add to the defaults, as a flat mapping with Bagpipes' names: ``(low,
        high)`` frees a parameter, a number fixes it, the name of another parameter mirrors it,
        and ``"<parameter>_prior"`` sets the shape. An upper limit in Gyr may be the word
        ``"age_of_universe"``. Priors of the preset remain for parameters that are not named; a
        shape without limits has those of the notes.
    joint_priors : tuple of str or JointPrior, or None, optional
        Priors of quantities given others: ``"slope_of_A_V"``, ``"A_V_of_mass"``,
        ``"main_sequence"``, others of ``dustest.physics.JOINT_PRIORS``, or records of
        `~dustest.physics.JointPrior`; None for those of the preset, ``()`` for none. Only the
        tables take them; see the notes.
    redshift : {"fixed", "free"}, optional
        Whether the redshift is that of the sample, or has a prior: the ``redshift_density`` of the
        sample, otherwise that of its ``redshift_samples`` above 0, otherwise a Gaussian of the
        width ``redshift_err``, cut at three standard deviations. Galaxies without any of these
        keep a fixed redshift, with a warning. Only the tables take densities.
    cosmology : `~astropy.cosmology.FLRW`, optional
        Cosmology of the distances and of the ages of the Universe, by default that of Bagpipes,
        ``FlatLambdaCDM(H0=70, Om0=0.3)``. Only the tables take another one; their stars are at
        most 13.47 Gyr old in any.
    error_floor : float or mapping of str to float, optional
        Error of the photometry, as a fraction of the flux from 0 to 1, that is added in
        quadrature, for the accuracy of models and zero points; of all bands, or by band, where
        bands that are not named have 0.05. If the catalogue was read with an
        ``error_floor``, only the difference is added, so that the larger of the two applies;
        ``meta["error_floor"]`` of the result records it. Spectra have no floor.
    likelihood : {"gaussian", "robust"}, optional
        Distribution of the errors of the photometry. With ``"robust"``, any band may be an
        outlier, see the notes; only the tables have it.
    fractional_error : tuple of float or None, optional
        Limits ``(low, high)``, from 0 to 1, of the uniform prior of an error of the photometry as
        a fraction of the flux of the model, one for each instrument, that is integrated over; by
        default there is none. The columns ``fractional_error_<INSTRUMENT>`` are its posterior
        mean. It is added to the ``error_floor``, and multiplies the time of a fit by two to three
        for one instrument, by four for two; only the tables have it.
    agn : {False, True, "little_red_dot", "flagged"} or tuple of the first three, optional
        Light of an active galactic nucleus (AGN) besides that of stars: with True, a power law
        behind dust; for ``"little_red_dot"`` also a black body. Posteriors of several, such as
        ``(False, True)``, are averaged. ``"flagged"`` is ``(False, "little_red_dot")`` for sources
        that `~dustest.estimators.find_non_galaxies` finds, which get the flag ``NOT_A_GALAXY``,
        and False for others. Only the tables have it; see the notes.
    far_infrared : bool, optional
        Whether to fit fluxes and limits beyond 50 micron, such as ``flux_ALMA_B6``, by the energy
        that dust absorbs, see the notes. Without, and with Bagpipes itself, such bands are left
        out, with a warning.
    zero_points : mapping of str to float or `~astropy.units.Quantity`, Table or None, optional
        Corrections of zero points by band: factors by which fluxes, their errors and limits are
        multiplied, or offsets in mag that are added to magnitudes. Also the table that
        `fit_zero_points` returns. Bands that are not named are not corrected; those that the
        sample lacks give a warning.
    template_error : callable, Table, array_like of shape (n, 2) or None, optional
        Relative error of the models by rest wavelength in Angstrom, which is added in quadrature
        at the pivot wavelength of each band, as in EAZY: a function, or ascending
        wavelengths and errors from 0 to 1, which are interpolated linearly and constant beyond
        the ends. With a free redshift, it is that at the redshift of the sample.
    resolution : str, float or None, optional
        Resolving power of the spectra: that of NIRSpec's prism or a grating such as ``"G395M"``,
        see `~dustest.physics.resolving_power`; a constant; or None for infinite.
    slit_loss : float or None, optional
        Standard deviation of a factor of the spectrum relative to the photometry and the lines,
        around 1, that is integrated over.
    flux_calibration : tuple of float or None, optional
        Standard deviations of the coefficients of order 1, 2, ... of a Chebyshev polynomial of the
        wavelength, by which spectra of models are multiplied and that is integrated over, such as
        ``(0.1, 0.05)``.
    noise_scale : tuple of float or None, optional
        Limits ``(low, high)`` of a log-uniform prior of a factor of the errors of the spectrum
        that is integrated over.
    lyman_alpha : {"mask", "model"}, optional
        ``"mask"`` leaves out pixels of spectra up to 1280 Angstrom in the rest frame, which
        intergalactic gas, its damping wing or the line itself may change; ``"model"`` fits them
        with the mean transmission of the intergalactic medium, without a damping wing.
    nebular_law : str, DustLaw, model of dust_extinction or None, optional
        Law of the dust in front of the gas, whose colour excess is that of the stars over
        ``"dust:f"``, a parameter of ``priors`` that is 1 by default. None for the dust of the
        stars, unless ``"dust:f"`` is given: then it is ``"CCM89"``. See the notes.
    n_live : int, optional
        Live points of the nested sampler, at least 50. A fit takes some six minutes with the
        default of 2,000, five times as long as with 400, which miss part of the posterior of
        some galaxies; see the notes.
    n_effective : int, optional
        Effective number of posterior samples that either engine aims at: the nested sampler stops
        there, the tables draw further models below half of it.
    share_models : bool, optional
        Whether galaxies at one redshift share the models that the tables draw for them, which is
        several times faster for bins of one galaxy. They are fitted in batches of 1,024, and a
        result then depends, within its sampling noise, on the other galaxies of its batch.
        Galaxies with spectra, upper limits, or a free redshift have models of their own.
    timeout : float or None, optional
        Seconds after which a batch of galaxies is stopped; its galaxies are then tried one by one,
        and a galaxy that takes longer has the flag ``TIMED_OUT``.
    memory_limit : `~astropy.units.Quantity`, str or None, optional
        Memory that each worker process may use, such as ``"3 GB"``; on Linux only. A galaxy that
        needs more has the flag ``FAILED``, and the others are fitted. A worker uses 0.3 GB before
        its first galaxy, and less than 1 GB with photometry of eleven bands; memory for spectra
        and free redshifts comes to that.
    escalate : bool, optional
        Whether Bagpipes itself fits galaxies again for which the tables have less than 400
        effective samples. The result of the tables is kept if that of the sampler has less
        evidence, by more than twice the error of the difference, since the sampler then missed a
        part of the posterior.
    calibration : str, path-like or None, optional
        Correction of bias and intervals by simulated galaxies: that of a survey, ``"JADES-deep"``
        or ``"CEERS"``, or a file of ``CalibratedEstimator.save``; of the same law, history,
        priors and floor, or an error is raised. See `dustest.CalibratedEstimator`.
    extra : tuple of str, optional
        Names of further quantities of `~dustest.data.QUANTITIES`, which have columns with
        percentiles, and groups of columns: ``"redshift"``, ``"priors"``, ``"history"``,
        ``"sed"``, ``"star_formation_history"``, ``"photometry"`` and ``"spectrum"``, see the
        notes.
    targets : str or tuple of str, optional
        Quantities that ``predict`` returns.
    random_state : int, Generator or None, optional
        Seed.
    preset : {"default", "Fu"}, optional
        Settings that are not given: history, law, priors and joint priors. See the notes.

    Notes
    -----
    The preset ``"default"`` has a delayed history with a burst, the law of Salim et al. with the
    joint prior ``"slope_of_A_V"`` and a flat prior of A_V from 0 to 4 mag, which are least wrong
    on simulated galaxies, see :doc:`/user_guide/how_my_a_v_changes`. The preset ``"Fu"`` has the
    settings of Fu et al., those of dustest 0.1: a lognormal history, Calzetti, and A_V
    log-uniform in 1e-4 to 10 mag. Joint priors of a preset are those of its law: a law that is
    given has none. Other priors of both are those of Fu et al.: mass formed (log10, solar)
    uniform in 5 to 12; metallicity log-uniform in 1e-6 to 10 solar, where the models end at 0.005
    and 5 solar and are constant beyond; log U uniform in -4 to -2. The paper leaves the other
    shapes open. Here the epoch of the maximum and the width of the
    lognormal, the age of the constant, delayed and exponential histories and that of the burst
    are uniform from 0.001 Gyr to the age of the Universe; exponential time-scales are
    log-uniform in 0.01 to 10 Gyr; ``"continuity"`` has six bins, the first of 10 Myr and the
    others even in log lookback time, and Student-t priors on the ratios of adjacent rates.

    A joint prior is a Gaussian of one quantity given others. That of a free parameter, such as
    A_V given the mass, replaces the prior of this parameter between its limits, and leaves those
    of all others as they are. That of another quantity, such as log sSFR given mass and age of the
    Universe, multiplies the density of the models, whose own distribution of this quantity stays.
    Models are weighted by the ratio of the priors, averaged over their masses. A_V in joint priors
    is that of the screen if ``dust:frac_clear`` lets light through. Masses are those
    of the observed flux, without magnification. ``A_V_information`` and ``AT_PRIOR_EDGE`` refer to
    ``priors`` alone.

    The parameters of a law are parameters of the fit, ``"dust:<parameter>"``, which ``priors``
    may free: ``{"dust:delta": (-0.5, 0.5)}`` with ``Tilted(law, 0.0)``. Outside the range of a
    law, which must cover 1500 to 10000 Angstrom, the value at its end is used, unless its formula
    continues. ``engine="bagpipes"`` has the laws of Bagpipes only: Calzetti, SMC, CCM89 with
    R_V = 3.1, Salim, CF00 and power laws. Both engines use the curves of SMC and CCM89 as
    Bagpipes computes them, which differ from those of dust_extinction by up to 0.04 of A_V
    between 0.27 and 0.7 micron, and 0.07 at 3 micron.

    With several histories or laws, such as ``dust_law=("Calzetti", "SMC", "Salim")``, each pair of
    history and law is fitted, with equal prior probability, and draws come from each in
    proportion to its evidence (Bayesian model averaging). Further columns are
    ``log_evidence_<name>`` for each pair, of the history, the law, or both names joined by an
    underscore, and ``probability_<name>``, the posterior probability of each history and law that
    is one of several. ``priors`` of parameters that only some of the models have apply to these.
    ``chi2`` and ``"sed"`` are of the best model of all. The time is the sum over the pairs. The
    evidence depends on the priors of the parameters of a law: a law with a free shape is
    penalised for shapes that do not fit.

    A_V is the attenuation of the stars outside birth clouds. E_BV is A_V over the R_V of the
    law, which varies between draws if the shape does. log_sSFR is the rate over the surviving
    stellar mass; models that formed no star within ``sfr_timescale`` have -14.

    Below A_V of about 0.3, photometry only shows that there is not much dust, and the median
    follows the prior. The flags are ``PRIOR_DOMINATED`` if the data add less than 1 bit to the
    prior of A_V, so that the posterior still covers more than half of it; ``AT_PRIOR_EDGE`` if
    more than a tenth of the posterior of A_V is in the outermost 2 % of its prior; ``LOW_ESS``
    below 400 effective samples; ``NO_DATA`` for fewer than two usable bands or
    lines, one of them measured, and no spectrum.
    ``POOR_FIT`` marks data that are improbable under every model: the posterior predictive
    probability of the chi-squared is below 1e-4, or the chi-squared of the best model is more than
    ten times the number of data.

    Spectra are at the resolution of the spectrograph, in its pixels, by the steps of Bagpipes.
    Their calibration is a polynomial with Gaussian priors, integrated over in closed form for each
    mass. ``estimate(..., draws=n)`` keeps draws of its coefficients,
    ``spectrum:calibration_<ORDER>``, where order 0 is the slit loss, and of
    ``spectrum:noise_scale``. The evidence has no factor of the errors of a spectrum, as in
    Bagpipes. Lines, ``line_<LINE>``, are those of the gas alone: correct them for stellar
    absorption. Their wavelengths are those of Bagpipes, in air. Lyman alpha is left out, and
    ``engine="bagpipes"`` leaves all lines out, with a warning. Posteriors of spectra are narrow:
    they are found under powers of the likelihood that rise to one.

    With ``nebular_law`` or ``"dust:f"`` in ``priors``, lines and continuum of the gas are behind
    dust with the colour excess of the stars over f = E(B-V)_stars / E(B-V)_gas, and A_V remains
    that of the stars. f may be free, ``{"dust:f": (0.3, 1.0)}``, also with the joint prior
    ``"f_of_mass"``.

    A band with an upper limit alone adds the probability that its flux is measured below the
    limit. ``chi2`` and ``fit_probability`` are those of measured fluxes. ``engine="bagpipes"``
    does not use limits, with a warning, and ``escalate`` leaves out galaxies that have some.

    The light of an AGN is a fraction f, ``agn:fraction``, of the observed continuum at rest 5100
    Angstrom, so that fluxes remain proportional to one mass: :math:`f / (1 - f)` times the light
    of stars there behind their dust. The spectrum of the disc is a power law
    :math:`f_\lambda \propto \lambda^s` behind a screen of dust with the law of the SMC. Default
    priors are: ``agn:fraction`` uniform in 0 to 0.99; the slope ``agn:slope`` Gaussian, -1.7 +-
    0.3, about that of the composite of Selsing et al. (2016); ``agn:Av`` from 0 on, half a
    Gaussian of 0.3 mag, since 2 per cent of the quasars of Hopkins et al. (2004) have E(B-V) above
    0.1. Little red dots have a black body too: its share ``agn:black_body`` of the AGN at 5100
    Angstrom is uniform in 0 to 1, and ``agn:temperature`` Gaussian, 5000 +- 1000 K, in 2000 to
    8000 K, as typical temperatures are 5000 K with a tail to 2000 K (arXiv:2511.21820). There are
    no lines of the AGN. A_V is that of the stars. The columns ``agn_fraction`` are added; for
    several models also ``A_V_no_AGN``, ``A_V_AGN`` or ``A_V_little_red_dot``, with percentiles,
    and the evidences and probabilities of the models. Quantities of the rest frame, such as M_UV,
    are those of the stars alone.

    Dust emits in the far infrared the energy that it absorbs from stars, as an optically thin
    modified black body of one temperature. The cosmic microwave background heats it and is seen
    behind it (da Cunha et al. 2013). Default priors: ``dust:temperature``, that without the
    cosmic microwave background, is Gaussian, 45 +- 10 K, in 20 to 100 K (39 to 58 K at redshift 7,
    Sommovigo et al. 2022), and ``dust:emissivity`` Gaussian, 1.8 +- 0.3, in 1 to 2.6 (Witstok et
    al. 2023). Bands at rest wavelengths below 40 micron are left out, with a warning. The columns
    ``A_V_without_far_infrared`` are the result of a fit without these bands, and
    ``far_infrared_probability`` is the probability, under that fit, of far-infrared data at least
    as far from its prediction. Below 0.001, galaxies get the flag ``INFRARED_CONFLICT``. The
    light of an AGN heats no dust.

    With ``likelihood="robust"``, the error of each band has the distribution
    :math:`(1 - p) N(0, \sigma) + p C(0, 6 \sigma)`, where C is a Cauchy distribution. The
    share of outliers p has the prior Beta(1, 19), with a mean of 5 per cent, for each galaxy, and
    is integrated over (Hogg, Bovy & Lang 2010). The columns ``outlier_<BAND>`` are the posterior
    probabilities that bands are outliers, and ``chi2`` and ``fit_probability`` count those
    little. A fit takes some five times as long.

    Further columns of the result: ``log_mass`` (log10 of the living stellar mass in solar
    masses, median), ``chi2`` of the best model, ``fit_probability`` (the posterior predictive
    probability of a larger chi-squared), ``ess``, ``log_evidence`` (natural) and
    ``A_V_information`` (bits); with ``redshift="free"`` also ``redshift``. On request, by
    ``extra``, come the quantities of ``BagpipesEstimator.gives``, from the draws of the posterior,
    and the groups

    - ``"redshift"``: ``redshift_samples``, 200 draws of the redshift if it is free, which show
      all peaks of its posterior;
    - ``"priors"``: ``A_V_flat`` and ``A_V_log10``, A_V under a prior flat in A_V and one flat in
      its logarithm (from 1e-4 mag on), both between the limits of its own, from the same models;
    - ``"history"``: the quantities ``log_mass``, ``log_SFR_10``, ``log_SFR_100`` and ``log_age``;
    - ``"sed"``: ``model_<BAND>`` and ``dust_free_<BAND>``, photometry of the best model with and
      without its dust; ``SED_wavelength``, ``SED`` and ``SED_dust_free``, its spectrum in
      500 points over the bands of the sample; and the percentiles ``SED_p16`` and ``SED_p84`` of
      100 draws of the posterior;
    - ``"star_formation_history"``: ``SFH``, the mean star-formation rate in bins of lookback time
      of 0.1 dex, from ``SFH_lookback_low`` to ``SFH_lookback_high``, with percentiles of each bin;
    - ``"photometry"``: ``predicted_<BAND>`` and ``predicted_err_<BAND>``, mean and standard
      deviation of the photometry of the models over the posterior, from the tables, and
      ``predicted_covariance``, between all bands;
    - ``"spectrum"``: ``predicted_spectrum`` and ``predicted_spectrum_err``, mean and standard
      deviation of the spectrum of the models over the posterior in the pixels of the sample, from
      the tables, with the calibration and the slit loss of each model.

    Percentiles have the endings ``_p16`` and ``_p84``.

    ``estimate(..., draws=n)`` keeps n joint draws of the quantities of the result, of masses,
    rates and the mean age, and of each free parameter, in columns ``<name>_draws`` with the names
    of Bagpipes: times in Gyr, metallicities in units of 0.02, and log10 of the mass formed in each
    of several components in solar masses. ``redshift`` is among them if it is free, and ``sfh``
    and ``dust_law``, numbers in the tuples, if they are several. Parameters that the model of a
    draw does not have are NaN. The photometry of the fit, with its error floor, is in
    ``fitted_flux_<BAND>`` and ``fitted_flux_err_<BAND>``, the redshift in ``fitted_redshift``, and
    the columns of ``"sed"`` are kept, for ``plot_sed``. ``sample_posterior`` returns the same
    draws.

    At a fixed redshift, photometry is linear in the masses of stars that formed in bins of age.
    Tables of the light in the bands therefore replace the models of Bagpipes, at redshifts in
    steps of 0.01, or of three significant digits below 1. Beyond redshift 10, where Bagpipes
    ends, they have the intergalactic medium of `~dustest.physics.igm_transmission`, without the
    damping wing of neutral gas. The likelihood of one pool of models of the prior is computed for
    all galaxies at a redshift, with the mass integrated analytically. Further models are drawn
    around those that fit if the effective number is too small. The masses need priors that are
    free and flat in the logarithm; the tables do not use ``n_live``.

    A free redshift needs a pool for each galaxy, at about 60 redshifts or in steps of 0.05. In
    the tables, a prior that ends at the age of the Universe then does so at the redshift of each
    model; in Bagpipes, at the lowest redshift.

    The time of a fit of Bagpipes is about proportional to ``n_live``. A galaxy of the JADES
    Origins Field in 19 bands took 78, 209 and 385 seconds of one core at 400, 1,000 and 2,000
    live points, which gave medians of A_V of 0.234, 0.036 and 0.020 and ln evidences of 853.8,
    878.1 and 878.7, where the tables have 0.018 and 878.8. For a mock of A_V = 0.5 in nine bands,
    with errors of 1/15 of the brightest flux and default priors, 100 live points gave medians of
    0.02 to 0.09 under different seeds, 200 gave 0.05 to 0.07, 400 gave 0.22 to 0.28 and 1,000 gave
    0.31. Lower ``n_live`` only if priors are narrow or parameters fixed. A spectrum makes a fit
    several times longer.

    References
    ----------
    Carnall et al. 2018, MNRAS 480, 4379 (Bagpipes); Lange 2023, MNRAS 525, 3181 (nautilus);
    Leja et al. 2019, ApJ 876, 3 (continuity); Salim, Boquien & Lee 2018, ApJ 859, 11, and
    Charlot & Fall 2000, ApJ 539, 718 (dust laws); Cappe et al. 2004, J. Comput. Graph. Stat. 13,
    907 (adaptive importance sampling); Gelman, Meng & Stern 1996, Statistica Sinica 6, 733
    (posterior predictive probabilities); Hoeting et al. 1999, Statistical Science 14, 382
    (Bayesian model averaging); Hogg, Bovy & Lang 2010, arXiv:1008.4686, section 3, and
    Johnson et al. 2021, ApJS 254, 22 (outliers); Brammer, van Dokkum & Coppi 2008, ApJ 686, 1503
    (template error); Selsing et al. 2016, A&A 585, A87, Hopkins et al. 2004, AJ 128, 1112, and
    arXiv:2511.21820 (AGN); da Cunha et al. 2013, ApJ 766, 13, Sommovigo et al.
    2022, arXiv:2202.01227, and Witstok et al. 2023, arXiv:2305.09714 (far infrared).

    Examples
    --------
    >>> from dustest import BagpipesEstimator
    >>> sed = BagpipesEstimator(sfh="delayed", dust_law="SMC", random_state=1, extra=("priors",),
    ...                         priors={"dust:Av": (0.0, 3.0), "dust:Av_prior": "uniform"})
    >>> table = sed.estimate(sample, n_jobs=2)  # doctest: +SKIP
    """

    requires: ClassVar[tuple] = (("flux", "spectrum", "line"), "redshift")
    uncertainty: ClassVar[str] = "posterior"
    isolated: ClassVar[bool] = True
    needs_curves: ClassVar[bool] = True
    gives: ClassVar[tuple] = (*DRAWN, *REST_FRAME)
    presets: ClassVar[dict] = PRESETS
    extra_groups: ClassVar[dict] = EXTRAS
    packages: ClassVar[tuple] = ("bagpipes", "nautilus-sampler")
    without_effect: ClassVar[tuple] = (
        *("n_live", "resolution", "share_models", "zero_points", *WORKER_LIMITS),
    )
    references: ClassVar[tuple] = ("Draine2007", "Inoue2014")
    has_best_fit: ClassVar[bool] = True
    registries: ClassVar[dict] = {
        "sfh": HISTORIES,
        "dust_law": DUST_LAWS,
        "joint_priors": JOINT_PRIORS,
    }

    @classmethod
    def _cite(cls, cited, parameters):
        """Add the references of the models, the history, the law and the engine."""
        super()._cite(cited, parameters)
        cited.record("grid of stellar populations", "BC03", STELLAR_GRIDS)
        for sfh in several(parameters.get("sfh")):
            cited.record("star-formation history", sfh, HISTORIES)
        for law in several(parameters.get("dust_law")):
            cite_law(cited, law)
        for prior in parameters.get("joint_priors") or ():
            cited.record("joint prior", prior, JOINT_PRIORS)
        engine = parameters.get("engine")
        cited.choose("engine", engine, ENGINES.get(str(engine)))
        if parameters.get("escalate"):
            cited.use(*ENGINES["bagpipes"])
        if parameters.get("likelihood") == "robust":
            cited.use("Hogg2010")
        if parameters.get("agn"):
            cited.use("Selsing2016", "Hopkins2004")
        if parameters.get("template_error") is not None:
            cited.use("Brammer2008")

    def __init__(
        self,
        sfh=None,
        engine="tabulated",
        dust_law=None,
        sfr_timescale=100.0,
        priors=None,
        joint_priors=None,
        redshift="fixed",
        cosmology=None,
        error_floor=0.05,
        likelihood="gaussian",
        fractional_error=None,
        agn=False,
        far_infrared=True,
        zero_points=None,
        template_error=None,
        resolution="prism",
        slit_loss=None,
        flux_calibration=None,
        noise_scale=None,
        lyman_alpha="mask",
        nebular_law=None,
        n_live=2000,
        n_effective=1000,
        share_models=False,
        timeout=7200.0,
        memory_limit=None,
        escalate=False,
        calibration=None,
        extra=(),
        targets="A_V",
        random_state=None,
        preset="default",
    ):
        self.sfh = sfh
        self.engine = engine
        self.dust_law = dust_law
        self.sfr_timescale = sfr_timescale
        self.priors = priors
        self.joint_priors = joint_priors
        self.redshift = redshift
        self.cosmology = cosmology
        self.error_floor = error_floor
        self.likelihood = likelihood
        self.fractional_error = fractional_error
        self.agn = agn
        self.far_infrared = far_infrared
        self.zero_points = zero_points
        self.template_error = template_error
        self.resolution = resolution
        self.slit_loss = slit_loss
        self.flux_calibration = flux_calibration
        self.noise_scale = noise_scale
        self.lyman_alpha = lyman_alpha
        self.nebular_law = nebular_law
        self.n_live = n_live
        self.n_effective = n_effective
        self.share_models = share_models
        self.timeout = timeout
        self.memory_limit = memory_limit
        self.escalate = escalate
        self.calibration = calibration
        self.extra = extra
        self.targets = targets
        self.random_state = random_state
        self.preset = preset

    @property
    def params_in_use(self):
        """Parameters by name, those that are None as the preset has them (dict).

        Priors are also those of the preset of parameters that are not named. Joint priors of the
        preset are those of its law: a law that is given has none.
        """
        found = super().params_in_use
        preset = self.presets[self.preset]
        if self.priors is not None:
            found["priors"] = with_preset_priors(self.priors, preset["priors"])
        if self.joint_priors is None and self.dust_law is not None:
            found["joint_priors"] = ()
        return found

    def draw_models(self, n, bands, redshift, random_state=None):
        """Draw galaxies from the prior of the fit, with their photometry without noise.

        Parameters
        ----------
        n : int
            Number of models at each redshift, of which those without stars are left out. Powers of
            two cover the prior most evenly.
        bands : str or sequence of str
            Names of bands, see `dustest.data.canonical_name`.
        redshift : float or sequence of float
            One redshift or several; the nearest ones of the tables are used.
        random_state : int, Generator or None, optional
            Seed of the draws; the estimator's own by default.

        Returns
        -------
        models : RowTable
            Columns ``redshift``, ``flux_<BAND>`` and the quantities that follow from the
            parameters of a model, such as ``A_V``, ``log_sSFR`` and ``log_mass``.

        Raises
        ------
        InputError
            If an argument is invalid, a band is unknown, the tables do not support the priors, or
            the fit has several histories or laws, or joint priors.
        MissingDependencyError
            If Bagpipes is not installed.

        Notes
        -----
        Models are points of a low-discrepancy sequence in the unit cube in which the prior is
        flat. Averages over them have a smaller error than those over random draws.

        Examples
        --------
        >>> from dustest import BagpipesEstimator
        >>> sed = BagpipesEstimator(random_state=1)
        >>> models = sed.draw_models(1024, ["F200W", "F444W"], 7.0)  # doctest: +SKIP
        """
        n = check_whole(n, "n")
        listed = [bands] if isinstance(bands, str) else bands
        bands = tuple(get_band(name).name for name in listed)
        redshifts = _checked_redshifts(redshift, self.redshift_range)
        self._check_request()
        check_parameters(single_model(self, "draw_models"), "draw_models")
        request = (n, bands, redshifts, self._base_seed(random_state))
        tasks = [(0, request)]
        ((_, _, found),) = run_in_workers(self, _draw_models, tasks, n_workers=1)
        flux = found.pop("flux")
        models = RowTable({"redshift": found.pop("redshift")})
        for name, column in zip(bands, flux.T, strict=True):
            models[f"flux_{name}"] = column << FLUX_UNIT
        for name, values in found.items():
            unit = QUANTITIES[name].unit
            models[name] = values if unit is None else values << unit
        return models

    def sample_prior(self, X, n_samples, random_state=None):
        """Draw from the prior of galaxies: the posterior without their photometry.

        It depends on the redshift and its density, since ages end at the age of the Universe.
        Joint priors are included, and models that are not possible at the redshift left out. Both
        engines have the prior of the tables.

        Parameters
        ----------
        X : GalaxySample or anything that `~dustest.data.as_sample` takes
            n galaxies with photometry.
        n_samples : int
            Number of draws per galaxy.
        random_state : int, Generator or None, optional
            Seed of the draws; the estimator's own by default.

        Returns
        -------
        draws : dict of str to ndarray of shape (n, n_samples)
            As those of `sample_posterior`.

        Raises
        ------
        InputError
            If the input is invalid, ``n_samples`` is not a positive integer, or the tables do not
            support the priors.

        Examples
        --------
        >>> from dustest import BagpipesEstimator
        >>> sed = BagpipesEstimator(random_state=1)
        >>> sed.sample_prior(sample, 100)["A_V"].shape  # doctest: +SKIP
        (10, 100)
        """
        if self._recalibration is not None:
            return self._sample_calibrated_prior(X, n_samples, random_state)
        tables = clone(self).set_params(engine="tabulated", escalate=False)
        return tables.sample_posterior(without_data(self._coerce(X)), n_samples, random_state)

    def relative_errors(self, bands, redshift):
        """Relative errors that the fit adds to photometry: its floor and its template error.

        Parameters
        ----------
        bands : sequence of str
            Names of bands.
        redshift : ndarray of shape (n,)
            Redshifts of galaxies.

        Returns
        -------
        ndarray of shape (n, n_bands)
            The errors, as fractions of the flux.

        Examples
        --------
        >>> from dustest import BagpipesEstimator
        >>> sed = BagpipesEstimator(error_floor={"F606W": 0.1})
        >>> sed.relative_errors(["F606W", "F277W"], [7.0])
        array([[0.1 , 0.05]])
        """
        redshift = np.asarray(redshift, dtype=float)
        return relative_errors(bands, redshift, self.error_floor, self.template_error)

    def fit_zero_points(self, X, *, reference=None, n_iterations=6, n_jobs=None, progress=None):
        """Estimate zero points of bands from galaxies with known redshifts.

        Zero points are factors of the flux by band, as in EAZY, for the parameter ``zero_points``.
        They maximise the product of the evidences of all galaxies: in each iteration the sample is
        fitted, and residuals of the fluxes from the photometry of the posterior, and the freedom
        of the models to follow the fluxes, give a Newton step. A factor common to all bands is
        that of the masses, so that the median of the factors is one unless a band is the
        reference. Their logarithms have a Gaussian prior of 0.2.

        Parameters
        ----------
        X : GalaxySample or anything that `~dustest.data.as_sample` takes
            Galaxies with known redshifts, at least 30 in each band; several hundred, at different
            redshifts, tell a wrong zero point from the colours of the models.
        reference : str, optional
            Band whose zero point is not changed.
        n_iterations : int, optional
            Greatest number of fits of the sample.
        n_jobs : int, optional
            Number of processes, as in ``estimate``.
        progress : bool, optional
            Whether to show progress, as in ``estimate``.

        Returns
        -------
        zero_points : `~astropy.table.QTable`
            A row for each band with ``band``, ``zero_point``, its standard error
            ``zero_point_err`` and the number of galaxies ``n_galaxies``; ``meta["converged"]``
            says whether the last step was small.

        Raises
        ------
        InputError
            If a band has fewer than 30 galaxies, ``reference`` is not a band of the sample, or
            the engine is not that of the tables.

        Warns
        -----
        DustestWarning
            If the factors still change after the last iteration.

        Examples
        --------
        >>> zero_points = sed.fit_zero_points(known, n_jobs=2)  # doctest: +SKIP
        >>> sed.set_params(zero_points=zero_points).estimate(sample)  # doctest: +SKIP
        """
        if self.engine != "tabulated":
            msg = f"fit_zero_points needs engine='tabulated', got engine={self.engine!r}"
            raise InputError(msg)
        check_number(n_iterations, "n_iterations", 1, kind=Integral)
        options = {"reference": reference, "n_jobs": n_jobs, "progress": progress}
        return find_zero_points(self, X, n_iterations=int(n_iterations), **options)

    @property
    def redshift_range(self):
        """Redshifts that the engine can fit."""
        tables_alone = self.engine == "tabulated" and not self.escalate
        return MIN_REDSHIFT, MAX_REDSHIFT if tables_alone else BAGPIPES_REDSHIFT

    @property
    def uses_limits(self):
        """Whether upper limits of fluxes are used: the tables do."""
        return self.engine == "tabulated"

    @property
    def rows_at_once(self):
        """Number of galaxies with a common time limit: one, or as many as share tables."""
        if self.engine != "tabulated":
            return 1
        if self.escalate:
            return _ESCALATED_BATCH
        return _SHARED_BATCH if self.share_models else _TABULATED_BATCH

    def _extra_columns(self, bands):
        """Further columns, for any rows."""
        return self._columns(bands).declared

    def _columns(self, bands):
        """Further columns of the result."""
        return ExtraColumns(
            tuple(self.extra),
            tuple(bands),
            tuple(self._wanted),
            free_redshift=self.redshift == "free",
            robust=self.likelihood == "robust",
            free_errors=self.fractional_error is not None,
            models=self._alternatives.column_names,
            agn=self._agn_names,
            infrared=self.far_infrared and bool(far_infrared_bands(bands)),
        )

    @property
    def _agn_names(self):
        """Names of the AGN of the models in columns, empty if none has one."""
        models = agn_models(self.agn)
        return tuple(AGN_NAMES[one] for one in models) if any(models) else ()

    def _data_columns(self, bands):
        """Columns of the data that were fitted, and of the models."""
        return data_columns(bands)

    @property
    def _parameters(self):
        """Parameters of the fit whose draws are kept."""
        return parameter_columns(self._settings(), self._wanted, self._alternatives.axes)

    def _parameters_of(self, bands):
        """Those of a fit in some bands: with the far infrared, if it is among them."""
        settings = self._settings()
        if self.engine == "tabulated" and self.far_infrared and far_infrared_bands(bands):
            settings = [replace(one, far_infrared=True) for one in settings]
        return parameter_columns(settings, self._wanted, self._alternatives.axes)

    def _check_parameters(self):
        """Raise an error for invalid parameters."""
        every = self._settings()
        names = [name for name in self._wanted if name in REST_FRAME]
        for settings in every if names else ():
            what = f"engine={self.engine!r} computes {', '.join(names)} from tables, which"
            check_parameters(settings, what, "leave these out of extra and targets")

    def _warn_of_sample(self, sample):
        """Warn of galaxies that are not fitted as requested."""
        if self.redshift == "free":
            if self.redshift_range[1] < MAX_REDSHIFT:
                refuse_densities(sample)
            warn_of_fixed_redshifts(sample)
            warn_of_draws(sample)
        floors, factors = self.error_floor, zero_point_factors(self.zero_points)
        warn_of_unknown_bands(sample, error_floor=floors, zero_points=factors)
        missing = [band for band in COLOUR_BANDS if band not in sample.bands]
        if self._only_flagged and missing:
            msg = (
                f"agn='flagged' needs fluxes in {', '.join(COLOUR_BANDS)}, got none in "
                f"{', '.join(missing)}: take agn=(False, True) for all galaxies"
            )
            raise InputError(msg)
        if self.lyman_alpha == "mask":
            warn_of_masked_spectra(sample)
        warn_of_far_infrared(sample, self.engine, self.far_infrared)
        if self.engine == "tabulated":
            robust = None if self.likelihood == "gaussian" else self.likelihood
            fractions = self.fractional_error
            refuse_of_photometry(sample, likelihood=robust, fractional_error=fractions)
        else:
            warn_of_lines(sample)

    def _sample_provenance(self, sample):
        """Relative error of the photometry in the fit, including that of the catalogue."""
        floors = np.maximum(floors_by_band(self.error_floor, sample.bands), error_floor(sample))
        if not isinstance(self.error_floor, Mapping):
            return {"error_floor": max(float(self.error_floor), error_floor(sample))}
        return {"error_floor": json.dumps(dict(zip(sample.bands, floors.tolist(), strict=True)))}

    def _start_worker(self):
        """Import Bagpipes, and allocate tables."""
        every = self._settings()
        load_bagpipes()
        if self.engine == "tabulated":
            self._tables = [TabulatedEngine(settings) for settings in every]
        self._rest_frames = [RestFrame(settings) for settings in every]

    def _estimate(self, batch):
        """Fit the galaxies, one by one or all of a redshift together."""
        has_spectra = batch.bands and (batch.keeps_data or "sed" in self.extra)
        wavelength = sed_wavelengths(batch.bands) if has_spectra else None
        batch = batch if self.engine == "tabulated" else without_limits(batch)
        red = kinds_of_sources(batch) != "" if self._only_flagged else None
        batch = correct(batch, self.zero_points, self.error_floor, self.template_error)
        batch = usable_far_infrared(batch, self.far_infrared and self.engine == "tabulated")
        galaxies = [
            usable_data(batch, row, wavelength, self.lyman_alpha) for row in range(len(batch))
        ]
        has_data = np.array([galaxy is not None for galaxy in galaxies])
        usable = [galaxy for galaxy in galaxies if galaxy is not None]
        own_red = None if red is None else red[has_data]
        fitted = iter(self._posteriors(usable, batch.bands, own_red))
        rows = [None if galaxy is None else (galaxy, next(fitted)) for galaxy in galaxies]
        return Estimates(
            self._samples(rows),
            np.array([_NO_DATA if row is None else _flags(*row) for row in rows], np.int32)
            | np.int32(0 if red is None else red * _NOT_A_GALAXY),
            self._columns(batch.bands).values(rows, self._settings(), batch.wavelength),
            self._parameter_draws(rows, batch.bands),
            fitted_data(batch, rows),
            self._best(rows),
        )

    @property
    def _prior_statement(self):
        """How the priors of the quantities are known."""
        if self.engine != "tabulated":
            return {}
        known = "density of 2000 draws: models of the prior at the redshift"
        statement = {name: known for name in DRAWN if name in {*self._wanted, "log_mass"}}
        if has_closed_form(self._settings()):
            statement["A_V"] = "closed form"
        return statement

    def _log_prior(self, batch, estimates):
        """Densities of the prior at the draws of each galaxy."""
        found = estimates.parameters | estimates.samples
        names = tuple(self._prior_statement)
        if not hasattr(self, "_prior_densities"):
            exact = has_closed_form(self._settings())
            self._prior_densities = PriorDensities(self._posteriors, batch.bands, exact=exact)
        rows = [
            self._prior_densities.at(z, {name: found[name][row] for name in names})
            if np.isfinite(found["A_V"][row, 0])
            else dict.fromkeys(names, _NO_DRAWS)
            for row, z in enumerate(batch.redshift)
        ]
        return {name: np.array([row[name] for row in rows]) for name in names}

    def _conditions(self, batch):
        """Conditions of a calibration: spectra and lines are data beside the bands."""
        known = super()._conditions(batch)
        spectra = batch.spectrum_flux / batch.spectrum_flux_err
        for name, ratio in (("spectrum", spectra), ("line", batch.line / batch.line_err)):
            if ratio.size and np.isfinite(ratio).any():
                highest = np.where(np.isfinite(ratio), ratio, -np.inf).max(axis=1)
                known = known.with_data(name, np.where(np.isfinite(highest), highest, np.nan))
        return known

    def _calibrated_parameters(self):
        """Parameters on which a calibration depends, as the fit understands them."""
        found = super()._calibrated_parameters()
        timescale = years("sfr_timescale", self.sfr_timescale)
        return found | {"sfr_timescale": timescale, "priors": dict(found["priors"])}

    def _parameter_draws(self, rows, bands):
        """Draws of parameters; NaN for galaxies without a posterior."""
        names, numbers = tuple(self._parameters_of(bands)), self._alternatives.numbers
        blank = dict.fromkeys(names, _NO_DRAWS)
        draws = [blank if row is None else parameter_draws(names, row[1], numbers) for row in rows]
        return {name: np.array([one[name] for one in draws]) for name in names}

    def _best(self, rows):
        """Quantities of the most likely models; NaN for galaxies without a posterior."""
        names = [name for name in self._wanted if name in DRAWN]
        found = [{} if row is None else row[1].best_values for row in rows]
        return {name: np.array([one.get(name, np.nan) for one in found]) for name in names}

    def _samples(self, rows):
        """Draws of the requested quantities; NaN for galaxies without a posterior."""
        wanted = self._wanted
        drawn = [name for name in wanted if name in DRAWN]
        computed = [name for name in wanted if name in REST_FRAME]
        draws = []
        for row in rows:
            if row is None:
                draws.append(dict.fromkeys((*drawn, *computed), _NO_DRAWS))
            else:
                found = self._rest_frame(computed, *row) if computed else {}
                draws.append({name: row[1].draws[name] for name in drawn} | found)
        return {name: np.array([one[name] for one in draws]) for name in (*drawn, *computed)}

    def _rest_frame(self, names, galaxy, posterior):
        """Draws of quantities of the rest frame, by the models that they are of."""
        mixture = posterior.mixture
        if mixture is None:
            return self._rest_frames[0].quantities(names, galaxy, posterior)
        parts = [self._rest_frames[k].quantities(names, galaxy, one) for k, one in mixture.parts]
        return {name: mixture.joined([one[name] for one in parts]) for name in names}

    def _posteriors(self, galaxies, bands, red=None):
        """Posteriors of galaxies, averaged over models; those with an AGN for red ones only."""
        alternatives, every = self._alternatives, []
        for number, settings in enumerate(self._settings()):
            is_fitted = [True] * len(galaxies) if red is None or not settings.agn else red
            rows = np.flatnonzero(is_fitted).tolist()
            found = self._posteriors_of(number, settings, [galaxies[k] for k in rows], bands)
            every.append(dict(zip(rows, found, strict=True)))
        if not alternatives.are_several:
            return [*every[0].values()]
        return [
            average(
                [found[k] for found in every if k in found],
                alternatives if red is None or red[k] else alternatives.without_agn,
                galaxy.seed,
            )
            for k, galaxy in enumerate(galaxies)
        ]

    @property
    def optional(self):
        """Data that fits use besides those that they require (tuple of str)."""
        names = ("magnification",)
        if self.redshift == "free":
            names += ("redshift_density", "redshift_samples")
        # A little red dot is compact: its size in the images tells it from a red galaxy.
        return names + (("cutout", "pixel_scale") if self._only_flagged else ())

    @property
    def _only_flagged(self):
        """Whether only sources of the colours of little red dots have models with an AGN."""
        return isinstance(self.agn, str) and self.agn == "flagged"

    def _posteriors_of(self, number, settings, galaxies, bands):
        """Posteriors of galaxies for one history and dust law."""
        if self.engine == "bagpipes":
            return _sampled(galaxies, settings)
        posteriors = self._tables[number].fit(galaxies, bands)
        if not self.escalate:
            return posteriors
        return [
            _better(posterior, _sampled([galaxy], settings)[0])
            if posterior.ess < _MIN_ESS and not galaxy.limits.bands and not galaxy.lines.used
            else posterior
            for galaxy, posterior in zip(galaxies, posteriors, strict=True)
        ]

    @property
    def _alternatives(self):
        """Histories, dust laws and AGN of the fit."""
        chosen = self.params_in_use
        return Alternatives(chosen["sfh"], chosen["dust_law"], self.agn)

    def _settings(self):
        """The parameters, checked, for the engine: one record for each model."""
        self._check_request()
        return settings_of(self)


def _draw_models(estimator, request):
    """Models of the prior, in a worker."""
    return draw_prior_models(single_model(estimator, "draw_models"), *request)


def _checked_redshifts(redshift, limits):
    """Redshifts as floats, within those of the models."""
    redshifts = np.atleast_1d(to_floats(redshift, "redshift"))
    low, high = limits
    if (
        redshifts.ndim != 1
        or not redshifts.size
        or not np.all((redshifts >= low) & (redshifts <= high))
    ):
        msg = f"redshift must be numbers from {low:g} to {high:g}, got {redshift!r}"
        raise InputError(msg)
    return tuple(redshifts.tolist())


def _sampled(galaxies, settings):
    """Posteriors from Bagpipes; priors without room at a redshift fail its galaxies alone."""
    try:
        return [fit_galaxy(galaxy, settings) for galaxy in galaxies]
    except InputError as error:
        redshifts = sorted({round(galaxy.redshift, 4) for galaxy in galaxies})
        msg = f"no model at redshift {', '.join(map(str, redshifts))}: {error}"
        raise RuntimeError(msg) from error


def _better(tabulated, sampled):
    """The sampled posterior, unless it holds less evidence than the tables found.

    A sampler that misses a part of the posterior finds too little. The relative error of either
    evidence is about one over the root of the effective number.
    """
    error = np.hypot(tabulated.ess**-0.5, sampled.ess**-0.5)
    missing = tabulated.log_evidence - sampled.log_evidence
    return tabulated if missing > _EVIDENCE_ERRORS * error else sampled


def _flags(galaxy, posterior):
    """Flag bits that follow from a posterior."""
    raised = {
        "POOR_FIT": posterior.fit_probability < _MIN_PROBABILITY
        or posterior.chi2 > _MAX_CHI2 * galaxy.n_data,
        "LOW_ESS": posterior.ess < _MIN_ESS,
        "PRIOR_DOMINATED": posterior.information < LEAST_INFORMATION,
        "AT_PRIOR_EDGE": posterior.edge > _MAX_EDGE,
        "INFRARED_CONFLICT": posterior.infrared is not None
        and posterior.infrared.probability < _MIN_INFRARED,
    }
    return sum(FLAGS[name].value for name, is_raised in raised.items() if is_raised)
