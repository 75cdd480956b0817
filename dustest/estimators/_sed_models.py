"""Models at points of the prior, with their photometry from tables, at one redshift."""

from dataclasses import dataclass, fields

import numpy as np
from scipy.stats import qmc

from dustest.data.errors import InputError
from dustest.estimators._bagpipes_fit import LOG_SSFR_FLOOR
from dustest.estimators._bagpipes_model import DUST_LAWS, age_of_universe, fit_instructions
from dustest.estimators._sed_light import BandLight
from dustest.estimators._sed_prior import SEDPrior
from dustest.estimators._sed_table import SEDTable
from dustest.physics.star_formation import AgeGrid, history_weights

__all__ = ["ModelMaker", "Models", "band_light", "check_tabulated"]

_SHAPES = ("dust:delta", "dust:B", "dust:n")
_EMISSION = ("dust:qpah", "dust:umin", "dust:gamma")
_UNSUPPORTED = ("nebular:fesc", "nebular:metallicity", "nebular:velshift", "dla:", "noise:")
_BIRTH_CLOUD = 0.01
_METALS = ":metallicity"
_ANY_REDSHIFT = 7.0


@dataclass(frozen=True, eq=False)
class Models:
    """Models at some points of the prior.

    Parameters
    ----------
    cube : ndarray of shape (n, n_parameters)
        Points of the unit cube, in which the prior is flat.
    flux : ndarray of shape (n, n_bands)
        Fluxes in nJy per solar mass formed; zero where a model is not possible.
    low, high : ndarray of shape (n,)
        Limits of the log10 of the mass formed, between which the prior is flat.
    A_V, E_BV, log_sSFR : ndarray of shape (n,)
        Dust and star formation.
    log_living : ndarray of shape (n,)
        log10 of the living mass per mass formed.
    """

    cube: np.ndarray
    flux: np.ndarray
    low: np.ndarray
    high: np.ndarray
    A_V: np.ndarray
    E_BV: np.ndarray
    log_sSFR: np.ndarray  # noqa: N815
    log_living: np.ndarray

    def __len__(self):
        return len(self.cube)

    def take(self, index):
        """Some of the models."""
        return Models(*(getattr(self, item.name)[index] for item in fields(self)))

    def joined(self, other):
        """These models and others."""
        return Models(
            *(
                np.concatenate([getattr(part, item.name) for part in (self, other)])
                for item in fields(self)
            )
        )


class ModelMaker:
    """Makes models of one redshift and one set of bands.

    Parameters
    ----------
    settings : Settings
        What is fitted and how.
    redshift : float
        The redshift.
    light : BandLight
        Spectra of stars and gas for the bands, see `band_light`.

    Attributes
    ----------
    prior : SEDPrior
        The prior of the models.

    Raises
    ------
    InputError
        If the tables cannot do what the priors ask for.
    """

    def __init__(self, settings, redshift, light):
        self.prior = _prior(settings, redshift)
        self._sfh, self._law = settings.sfh, DUST_LAWS[settings.dust_law]
        dust = {
            key.removeprefix("dust:"): float(self.prior.fixed[key])
            for key in (*_SHAPES, *_EMISSION)
            if key in self.prior.fixed
        }
        self._table = SEDTable(
            redshift,
            light.bands,
            self._law.kind,
            dust,
            t_bc=_birth_cloud(self.prior),
            max_a_v=self.prior.largest("dust:Av") * self.prior.largest("dust:eta", 1.0),
            light=light,
        )
        self._grid = AgeGrid(timescales=(settings.sfr_timescale,))
        self._age = 1e9 * age_of_universe(redshift)

    def draw(self, n, seed):
        """Models drawn evenly from the prior.

        Parameters
        ----------
        n : int
            How many, a power of two.
        seed : int
            Seed of the scrambling.

        Returns
        -------
        Models
            At the points of a Sobol sequence.
        """
        sequence = qmc.Sobol(len(self.prior.free), rng=np.random.default_rng(seed))
        return self.at(sequence.random(n))

    def at(self, cube):
        """Models at points of the unit cube.

        Parameters
        ----------
        cube : ndarray of shape (n, n_parameters)
            The points.

        Returns
        -------
        Models
            One for each.
        """
        values = self.prior.transform(cube)
        metallicity = values[next(key for key in values if key.endswith(_METALS))]
        stars = history_weights(self._sfh, values, self._age, self._grid)
        weights = stars.weights[:, : self._table.age_edges.size - 1]
        flux = self._table.photometry(
            weights, metallicity, values["nebular:logU"], values["dust:Av"], values.get("dust:eta")
        )
        flux[~stars.possible] = 0.0
        living = self._table.surviving_fraction(weights, metallicity)
        with np.errstate(divide="ignore", invalid="ignore"):
            ssfr = np.log10(stars.rates[:, 0] / living)
        low, high = self.prior.log_mass_limits(values)
        return Models(
            cube=cube,
            flux=flux,
            low=low,
            high=high,
            A_V=values["dust:Av"],
            E_BV=values["dust:Av"] / self._law.r_v(values),
            log_sSFR=np.maximum(np.nan_to_num(ssfr, nan=LOG_SSFR_FLOOR), LOG_SSFR_FLOOR),
            log_living=np.log10(living),
        )


def band_light(settings, bands):
    """Spectra that the models of all redshifts share.

    Parameters
    ----------
    settings : Settings
        What is fitted and how.
    bands : tuple of str
        The bands.

    Returns
    -------
    BandLight
        For these bands.
    """
    return BandLight(bands, _birth_cloud(_prior(settings, _ANY_REDSHIFT)))


def check_tabulated(settings):
    """Refuse priors that tables cannot do.

    Parameters
    ----------
    settings : Settings
        What is fitted and how.

    Raises
    ------
    InputError
        If there is one.
    """
    _prior(settings, _ANY_REDSHIFT)


def _prior(settings, redshift):
    """The prior, after a check that tables can do what it asks for."""
    prior = SEDPrior(
        fit_instructions(settings.sfh, settings.dust_law, redshift, priors=settings.priors)
    )
    names = (*prior.free, *prior.fixed, *prior.settings)
    followers = (*prior.free, *prior.mirrors)
    refused = [key for key in followers if key in (*_SHAPES, *_EMISSION, "t_bc")]
    refused += [key for key in (*names, *prior.mirrors) if key.startswith(_UNSUPPORTED)]
    # One metallicity serves all stars; that of a second component has to mirror the first.
    refused += [key for key in names if key.endswith(_METALS) and key not in refused][1:]
    if refused:
        msg = (
            f"engine='tabulated' cannot fit {', '.join(refused)}: fix the shape of the dust law "
            "by priors such as {'dust:delta': -0.2, 'dust:B': 0.0}, leave the others out, or "
            "take engine='bagpipes'"
        )
        raise InputError(msg)
    if not prior.mass_is_scale:
        msg = (
            f"engine='tabulated' needs priors of {' and '.join(prior.masses)} that are free and "
            "uniform, as it integrates over the mass; take engine='bagpipes' for others"
        )
        raise InputError(msg)
    return prior


def _birth_cloud(prior):
    """Age in Gyr at which stars leave their birth clouds."""
    return float(prior.fixed.get("t_bc", _BIRTH_CLOUD))
