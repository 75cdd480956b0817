"""The task of the networks: their inputs, their labels, and the quantities they predict."""

from dataclasses import dataclass, replace

import numpy as np

from dustest.data.errors import InputError
from dustest.data.flags import FLAGS
from dustest.data.kinds import KINDS
from dustest.data.quantities import QUANTITIES
from dustest.estimators._cnn.context import ContextLayout
from dustest.estimators._cnn.fluxes import add_fluxes
from dustest.estimators._cnn.inputs import CNNInputs, check_bands, without_images
from dustest.estimators._cnn.network.config import CNNConfig
from dustest.estimators._cnn.network.layers import seen

__all__ = ["Task"]


@dataclass(frozen=True)
class Task:
    """Inputs, labels and predictions of networks of one architecture.

    Parameters
    ----------
    config : CNNConfig
        Configuration of the networks.
    bands : tuple of str
        Bands of the images; empty for plain features.
    targets : tuple of str
        Quantities to predict.
    size : int
        Side of the images in pixels.
    snr_min : float
        Signal-to-noise ratio that a galaxy must have in at least one band.
    n_features : int
        Number of plain features; 0 for images.
    any_bands : bool
        Whether the networks learn all subsets of their bands.
    flux_bands : tuple of str
        Bands of total fluxes in the context; empty for none.
    """

    config: CNNConfig
    bands: tuple
    targets: tuple
    size: int
    snr_min: float
    n_features: int = 0
    any_bands: bool = False
    flux_bands: tuple = ()

    @property
    def layout(self):
        """Columns of the context by name (``ContextLayout``)."""
        return ContextLayout(len(self.bands), len(self.flux_bands))

    @property
    def head(self):
        """Predictions of the networks (``Head``)."""
        return self.config.head

    @property
    def shape(self):
        """Arguments of `build` (dict of str to int)."""
        return {
            "n_bands": len(self.bands),
            "n_context": self.n_features or len(self.layout),
            "n_targets": 1 if self.head.is_separate else len(self.head.latents(self.targets)),
            "size": self.size,
        }

    def with_config(self, config):
        """The same task for networks of another configuration."""
        return replace(self, config=config)

    def asked(self, other):
        """Use trained networks for another task, if it matches their own.

        Parameters
        ----------
        other : Task
            The other task; its configuration is ignored.

        Returns
        -------
        Task
            Their own task, with the smallest signal-to-noise ratio of the other.

        Raises
        ------
        InputError
            If they differ in inputs or outputs.
        """
        for name in ("n_features", "bands", "targets", "size"):
            known, wanted = getattr(self, name), getattr(other, name)
            if known != wanted:
                msg = f"{name} must be {known!r}, as the networks were trained, got {wanted!r}"
                raise InputError(msg)
        return replace(self, snr_min=other.snr_min)

    @property
    def seen_shape(self):
        """Task of networks that only predict: their input is cropped to the used part."""
        return self.shape | {"size": seen(self.config, self.size)}

    def read(self, sample):
        """Remove data that the networks do not use, so that they change no prediction.

        Random draws depend on the data of a galaxy, hence on all columns of its sample.

        Parameters
        ----------
        sample : GalaxySample
            n galaxies.

        Returns
        -------
        GalaxySample
            The columns that the networks use, in the order of their bands, without a copy.

        Raises
        ------
        InputError
            If there are no cutouts in any of the bands, nor fluxes that the networks read.
        """
        if not self.n_features and not set(self.flux_bands) & set(sample.bands):
            if self.bands:
                check_bands(self.bands, sample.cutout_bands)
            else:
                check_bands(self.flux_bands, sample.bands, "fluxes")
        read = ["features"] if self.n_features else self._columns()
        names = [name for name in ("id", "flags", *read) if name in sample.colnames]
        return type(sample)({name: sample[name] for name in names}, copy=False)

    def _columns(self):
        """Columns that networks for images, and the conversion of their predictions, use."""
        columns = ["redshift", "pixel_scale"] if self.bands else ["redshift"]
        if any(QUANTITIES[name].luminosity_power for name in self.targets):
            columns += ["magnification", "magnification_err"]
        roles = KINDS["cutout"].arrays
        columns += [KINDS["cutout"].column_name(c, b) for b in self.bands for c in roles]
        roles = [c for c in KINDS["flux"].arrays if c.role in ("value", "error")]
        return columns + [KINDS["flux"].column_name(c, b) for b in self.flux_bands for c in roles]

    def inputs(self, batch, *, whole=False):
        """Inputs of the networks.

        Parameters
        ----------
        batch : Batch
            n galaxies.
        whole : bool, optional
            Whether images include the border that networks do not use, from which augmentation
            takes pixels for shifts and rotations.

        Returns
        -------
        CNNInputs
            Their images and context.
        """
        if self.n_features:
            return _plain_inputs(batch.features)
        window = self.size if whole else self.seen_shape["size"]
        if set(self.bands) & set(batch.cutout_bands) or not self.flux_bands:
            options = {"size": self.size, "window": window, "snr_min": self.snr_min}
            images = self.head.inputs(batch, self.bands, **options)
        else:
            images = without_images(batch, len(self.bands), window)
        if not self.flux_bands:
            return images
        return add_fluxes(images, batch, self.flux_bands, self.snr_min)

    def labels(self, truth):
        """Labels of all networks.

        Parameters
        ----------
        truth : ndarray of shape (n, n_targets)
            True values, in the order of the targets.

        Returns
        -------
        ndarray of float32 of shape (n, n_labels)
            As defined by the head of the networks.
        """
        return self.head.labels(self.targets, truth).astype(np.float32)

    def samples(self, raw, usable, seeds):
        """Quantities from the outputs of all networks.

        Parameters
        ----------
        raw : ndarray of shape (n_networks, n, n_outputs)
            Outputs, as for the head of the networks.
        usable : ndarray of bool of shape (n,)
            Galaxies with an estimate.
        seeds : ndarray of uint64 of shape (n,)
            Seeds of the draws.

        Returns
        -------
        dict of str to ndarray of shape (n,) or (n, n_draws)
            By target.
        """
        quantities = self.head.samples(raw, self.targets, seeds)
        for values in quantities.values():
            values[~usable] = np.nan
        return quantities


def _plain_inputs(features):
    """Plain features as the context of networks without images."""
    n = len(features)
    usable = np.isfinite(features).all(axis=1)
    return CNNInputs(
        image=np.zeros((n, 0), dtype=np.float32),
        context=np.where(usable[:, None], features, 0.0).astype(np.float32),
        snr=np.full((n, 1), np.inf, dtype=np.float32),
        usable=usable,
        flags=np.where(usable, 0, FLAGS["NO_DATA"].value).astype(np.int32),
    )
