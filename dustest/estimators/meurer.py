"""`MeurerEstimator`: dust from the slope of the ultraviolet continuum."""

from typing import ClassVar

import numpy as np

from dustest.data.checks.numbers import check_number
from dustest.data.errors import InputError
from dustest.data.flags import FLAGS
from dustest.data.kinds import KINDS
from dustest.data.messages import not_one_of
from dustest.estimators._uv_slopes import (
    fitted_slope_columns,
    fitted_slope_data,
    measure_slopes,
    slope_draws,
)
from dustest.estimators.base import DustEstimator
from dustest.estimators.run.batch import Estimates, ExtraColumn
from dustest.physics import IRX_BETA_RELATIONS, attenuation_ratio, get_dust_law, get_relation
from dustest.physics.dust_laws.lookup import DUST_LAWS, cite_law

__all__ = ["MeurerEstimator"]


_AT = 1600.0
"""Wavelength of the quantity A_1600, Angstrom."""
_METHODS = ("auto", "spectrum", "photometry")
_REFERENCES = ("A_V", "A_1600")
_SPECTRA_AT_ONCE = 128
"""Galaxies of a batch with spectra, which take 1 ms each, and 30 ms with errors of redshifts."""
_NEGATIVE = FLAGS["NEGATIVE_ATTENUATION"].value


class MeurerEstimator(DustEstimator):
    r"""Dust from the UV slope :math:`\beta`, by a relation :math:`A_{1600} = a + b\,\beta`.

    The slope is fitted to the spectrum if it covers the rest-frame ultraviolet, otherwise to the
    photometry of the bands inside it. A dust law converts the attenuation at 1600 Angstrom to A_V.
    A slope bluer than that of a galaxy without dust gives a negative attenuation, which is kept
    and flagged, since setting it to zero would bias a mean.

    The percentiles include the error of the slope (for photometry with its systematic part, see
    `~dustest.physics.photometric_beta`), the scatter of the dust-free slope, and, if the sample
    has a column ``redshift_err``, the error of the redshift: bands enter or leave the rest-frame
    ultraviolet within it. A galaxy whose spectrum or photometry is not a power law has the flag
    POOR_FIT: a chi-squared of probability below 1e-4, or above ten times the number of bands (of
    three or more) or pixels. A slope outside -5 to 2 by more than three of its errors has this
    flag too, since no galaxy has such a slope: two bands always fit, even if one is wrong.

    Parameters
    ----------
    relation : str, IRXBeta or None, optional
        The relation, see `~dustest.physics.get_relation`; None for that of the preset.
    reference : {"A_V", "A_1600"}, optional
        Content of the column A_V: the attenuation in V, or that of the relation without
        conversion. The second reproduces published comparisons that did not convert it.
    method : {"auto", "spectrum", "photometry"}, optional
        Data for the slope; ``"auto"`` prefers the spectrum, galaxy by galaxy.
    dust_law : str, DustLaw, dust_extinction model or None, optional
        Law for the conversion, see `~dustest.physics.get_dust_law`; None for that which the
        relation goes with.
    beta0_scatter : float, optional
        Standard deviation of the dust-free slope between galaxies, which is included in the
        percentiles together with the error of the slope.
    calibration : str, path-like or None, optional
        Correction of bias and intervals by simulated galaxies: that of a survey, ``"JADES-deep"``
        or ``"CEERS"``, or a file of ``CalibratedEstimator.save``; of the same relation,
        reference, law and scatter, or an error is raised. See `dustest.CalibratedEstimator`.
    extra : tuple of str, optional
        Further quantities of the result, with percentiles: ``"beta"``, the slope, and
        ``"A_1600"``.
    targets : str or tuple of str, optional
        Quantities that ``predict`` returns.
    preset : {"default", "Fu"}, optional
        The relation if none is given: ``"Reddy18-SMC"`` of Reddy et al. (2018), or ``"Meurer99"``,
        which Fu et al. use and dustest 0.1 did.

    Notes
    -----
    Further columns of the result: ``beta``, ``beta_err`` (at the given redshift, without the
    scatter) and ``A_UV``, the attenuation [mag] at the wavelength of the relation. With
    ``extra=("beta",)`` the column ``beta`` is the median over the errors of slope and redshift.
    ``estimate(..., draws=n)`` also keeps what ``plot_beta`` draws: ``fitted_redshift``,
    ``power_law_1600``, the flux density of the power law at 1600 Angstrom in the rest frame, and
    the data of the slope, in ``fitted_flux_<BAND>`` and ``fitted_flux_err_<BAND>``, or in
    ``fitted_wavelength``, ``fitted_spectrum`` and ``fitted_spectrum_err``.

    References
    ----------
    Meurer, Heckman & Calzetti 1999, ApJ 521, 64, eq. 11; for the scatter of the dust-free
    slope, 0.30 to 0.34, Wilkins et al. 2012, MNRAS 424, 1522; Reddy et al. 2018, ApJ 853, 56.

    Examples
    --------
    >>> from astropy import units as u
    >>> from astropy.table import QTable
    >>> from dustest import MeurerEstimator
    >>> galaxies = QTable({"redshift": [7.2], "flux_F150W": [60.0] * u.nJy,
    ...                    "flux_err_F150W": [3.0] * u.nJy, "flux_F200W": [65.0] * u.nJy,
    ...                    "flux_err_F200W": [3.0] * u.nJy})
    >>> table = MeurerEstimator().estimate(galaxies)
    >>> print(table["A_V", "A_V_p16", "A_V_p84", "beta"].to_pandas().round(2).to_string())
        A_V  A_V_p16  A_V_p84  beta
    0  0.22     0.12     0.32 -1.71
    """

    requires: ClassVar[tuple] = (("flux", "spectrum"), "redshift")
    optional: ClassVar[tuple] = ()
    references: ClassVar[tuple] = ("Calzetti1994", "Meurer1999")
    uncertainty: ClassVar[str] = "propagated"
    redshift_range: ClassVar[tuple] = (0.0, 30.0)
    # Conditions of a calibration contain which data a slope is of.
    without_effect: ClassVar[tuple] = ("method",)
    needs_curves: ClassVar[bool] = True
    registries: ClassVar[dict] = {"relation": IRX_BETA_RELATIONS, "dust_law": DUST_LAWS}
    gives: ClassVar[tuple] = ("A_V", "E_BV", "beta", "A_1600")
    presets: ClassVar[dict] = {
        "default": {"relation": "Reddy18-SMC"},
        "Fu": {"relation": "Meurer99"},
    }

    def __init__(
        self,
        relation=None,
        reference="A_V",
        method="auto",
        dust_law=None,
        beta0_scatter=0.3,
        calibration=None,
        extra=(),
        targets="A_V",
        preset="default",
    ):
        self.relation = relation
        self.reference = reference
        self.method = method
        self.dust_law = dust_law
        self.beta0_scatter = beta0_scatter
        self.calibration = calibration
        self.extra = extra
        self.targets = targets
        self.preset = preset

    @classmethod
    def _cite(cls, cited, parameters):
        """Add the references of the slope, the relation and the law."""
        super()._cite(cited, parameters)
        cited.record("relation", parameters.get("relation"), IRX_BETA_RELATIONS)
        cite_law(cited, parameters.get("dust_law"))
        if parameters.get("beta0_scatter") != 0:
            cited.use("Wilkins2012")

    def _estimate(self, batch):
        """Slopes, then the attenuation with its errors."""
        relation, law = self._relation_and_law
        slopes = measure_slopes(batch, self.method)
        a_uv = relation.a + relation.b * slopes.beta
        scale = 1.0
        if self.reference == "A_V":
            scale = 1.0 / attenuation_ratio(relation.wavelength, law)
        # In place, as the draws are the largest arrays.
        a_v = slope_draws(batch, slopes, self.beta0_scatter)
        a_v *= relation.b * scale
        a_v += relation.a * scale
        flags = slopes.flags | np.where(a_uv < 0, _NEGATIVE, 0).astype(np.int32)
        samples = {"A_V": a_v, "E_BV": a_v / law.r_v}
        if "beta" in self._wanted:
            samples["beta"] = slope_draws(batch, slopes, 0.0)
        if "A_1600" in self._wanted:
            from_relation = attenuation_ratio(_AT, law) / attenuation_ratio(
                relation.wavelength, law
            )
            samples["A_1600"] = a_v * (from_relation / scale)
        extra = {"beta": slopes.beta, "beta_err": slopes.error, "A_UV": a_uv}
        extra = {name: extra[name] for name in self._extra_columns(())}
        data = fitted_slope_data(batch, slopes) if batch.keeps_data else {}
        return Estimates(samples, flags, extra, data=data)

    def _rows_of_batch(self, sample):
        """Few if there are spectra, so that a run that is killed has stored most of them."""
        if self.method == "photometry" or not KINDS["spectrum"].is_in(sample):
            return super()._rows_of_batch(sample)
        return _SPECTRA_AT_ONCE

    @property
    def params_in_use(self):
        """Parameters by name; the relation that of the preset, the law that of the relation."""
        found = super().params_in_use
        if self.dust_law is None:
            found["dust_law"] = get_relation(found["relation"]).dust_law
        return found

    @property
    def _relation_and_law(self):
        """The relation and the dust law."""
        chosen = self.params_in_use
        return get_relation(chosen["relation"]), get_dust_law(chosen["dust_law"])

    def _conditions(self, batch):
        """Those of the photometry; a slope from the spectrum is of other data."""
        known = super()._conditions(batch)
        if not batch.has_spectrum.any():
            return known
        slopes = measure_slopes(batch, self.method)
        return known.with_data("spectrum", np.where(slopes.spectral, 1.0 / slopes.error, np.nan))

    @property
    def _prior_statement(self):
        """A slope has a flat, improper prior, and so has all that is linear in it."""
        return dict.fromkeys(self._drawn_quantities, "flat (improper)")

    def _log_prior(self, batch, estimates):  # noqa: ARG002
        """Zero: only ratios of an improper density matter."""
        draws = {name: estimates.samples[name] for name in self._drawn_quantities}
        return {name: np.where(np.isnan(one), np.nan, 0.0) for name, one in draws.items()}

    @property
    def _reason_without_prior(self):
        """Why there is no prior to draw from."""
        return "the prior of a slope is flat without limits, which has no draws"

    def _extra_columns(self, bands):  # noqa: ARG002 - independent of the bands
        """The slope, if it has no percentiles, and the attenuation in the ultraviolet."""
        names = ("beta", "beta_err", "A_UV")
        return {name: ExtraColumn() for name in names if name not in self._wanted}

    def _data_columns(self, bands):
        """Columns of the data of the slope, and of the power law."""
        return fitted_slope_columns(bands)

    def _check_parameters(self):
        """Raise an error for invalid parameters."""
        choices = {"reference": _REFERENCES, "method": _METHODS}
        for name, allowed in choices.items():
            value = getattr(self, name)
            if not (isinstance(value, str) and value in allowed):
                msg = not_one_of(name, value, allowed)
                raise InputError(msg)
        check_number(self.beta0_scatter, "beta0_scatter", 0.0)
        # Raises an error for laws that are unknown or do not cover the ultraviolet.
        relation, law = self._relation_and_law
        attenuation_ratio(relation.wavelength, law)
