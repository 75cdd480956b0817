"""Far-infrared light of dust: flux of the energy that it absorbs from stars."""

import numpy as np

from dustest.data.bands import get_band
from dustest.estimators._sed.components import DUST_EMISSIVITY, DUST_TEMPERATURE
from dustest.physics.warm_dust import dust_spectrum

__all__ = ["InfraredLight"]

_NANOJANSKY = 1e-32  # erg / (s cm2 Hz)


class InfraredLight:
    """Flux densities of dust over the luminosity that it absorbs.

    Parameters
    ----------
    bands : sequence of str
        Names of bands beyond 50 micron.
    dilution : Callable
        Function of a redshift: flux density of one solar luminosity per Angstrom, see
        `BandLight`.
    """

    def __init__(self, bands, dilution):
        self._curves = [_weights(get_band(name)) for name in bands]
        self._dilution = dilution

    def flux(self, parameters, redshift, wavelength=None):
        """Flux densities in the bands, or at single wavelengths.

        Parameters
        ----------
        parameters : dict of str to ndarray of shape (n,)
            ``dust:temperature`` in K, that without the cosmic microwave background, and
            ``dust:emissivity``.
        redshift : ndarray of shape (n,)
            Redshift of each model.
        wavelength : ndarray of shape (n_wave,), optional
            Observed wavelengths in Angstrom in place of the bands.

        Returns
        -------
        ndarray of shape (n, n_bands) or (n, n_wave)
            In nJy per solar luminosity absorbed.
        """
        temperature, emissivity = (
            np.asarray(parameters[name], dtype=float)[:, np.newaxis]
            for name in (DUST_TEMPERATURE, DUST_EMISSIVITY)
        )
        stretch = 1.0 + np.asarray(redshift, dtype=float)[:, np.newaxis]

        def seen(observed):
            return dust_spectrum(observed / stretch, temperature, emissivity, stretch - 1.0)

        if wavelength is None:
            values = [seen(each) @ weight for each, weight in self._curves]
            spectra = np.stack(values, axis=1)
        else:
            spectra = seen(wavelength)
        return spectra * stretch**2 * self._dilutions(stretch[:, 0] - 1.0) / _NANOJANSKY

    def _dilutions(self, redshift):
        """Dilution (n, 1) by redshift, computed once for each."""
        different, place = np.unique(redshift, return_inverse=True)
        values = np.array([self._dilution(one) for one in different.tolist()])
        return values[place][:, np.newaxis]


def _weights(band):
    """Wavelengths of a band, and weights of a mean flux density per frequency of photons."""
    weight = np.gradient(band.wavelength) * band.transmission / band.wavelength
    return band.wavelength, weight / weight.sum()
