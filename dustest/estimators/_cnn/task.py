"""The task of the networks: which numbers go in, which come out, and what they mean."""

from dataclasses import dataclass, replace

import numpy as np

from dustest.data.errors import InputError
from dustest.data.flags import FLAGS
from dustest.estimators._cnn.inputs import (
    CNNInputs,
    context_names,
    prepare,
    prepare_paper,
)
from dustest.estimators._cnn.network.config import CNNConfig
from dustest.estimators._cnn.network.layers import seen
from dustest.estimators._cnn.network.mixture import Mixture
from dustest.estimators._cnn.targets import from_latent, latent_names, to_latent

__all__ = ["Domain", "Task"]

_DRAWS = 128
"""Draws of each network of an ensemble: the more Gaussians, the more of them it takes to find
percentiles within a twentieth of the error bar."""
_SCALE_MARGIN = 1.03
_BRIGHTNESS_MARGIN = 0.1
"""Dex beyond the brightest and the faintest galaxy of the training set."""


@dataclass(frozen=True)
class Task:
    """What networks of one plan are asked.

    Parameters
    ----------
    config : CNNConfig
        Plan of the networks.
    bands : tuple of str
        Bands of the images; empty for plain features.
    targets : tuple of str
        Quantities to predict.
    size : int
        Side of the images in pixels.
    snr_min : float
        Signal-to-noise ratio that a galaxy must have in a band.
    n_features : int
        Number of plain features; 0 for images.
    """

    config: CNNConfig
    bands: tuple
    targets: tuple
    size: int
    snr_min: float
    n_features: int = 0

    @property
    def is_paper(self):
        """Whether each target has networks of its own, which predict numbers."""
        return self.config.kind == "paper"

    @property
    def latents(self):
        """Quantities whose transforms the networks learn together."""
        return latent_names(self.targets)

    @property
    def shape(self):
        """Arguments of `build` (dict of str to int)."""
        return {
            "n_bands": len(self.bands),
            "n_context": self.n_features or len(context_names(self.bands)),
            "n_targets": 1 if self.is_paper else len(self.latents),
            "size": self.size,
        }

    def with_config(self, config):
        """The same task for networks of another plan."""
        return replace(self, config=config)

    def asked(self, other):
        """Ask networks another task, if it is the one that they were trained for.

        Parameters
        ----------
        other : Task
            The other task, of which the plan does not count.

        Returns
        -------
        Task
            Their own, with the least signal-to-noise ratio of the other.

        Raises
        ------
        InputError
            If they differ in what goes in or comes out.
        """
        for name in ("n_features", "bands", "targets", "size"):
            known, wanted = getattr(self, name), getattr(other, name)
            if known != wanted:
                msg = f"{name} must be {known!r}, as the networks were trained, got {wanted!r}"
                raise InputError(msg)
        return replace(self, snr_min=other.snr_min)

    @property
    def seen_shape(self):
        """The shape for networks that only predict: these get no more than they look at."""
        return self.shape | {"size": seen(self.config, self.size)}

    def inputs(self, batch, *, whole=False):
        """Inputs of the networks.

        Parameters
        ----------
        batch : Batch
            n galaxies.
        whole : bool, optional
            Whether images are to have the border that networks do not look at, from which
            augmentation takes what it shifts and turns in.

        Returns
        -------
        CNNInputs
            Their images and context.
        """
        if self.n_features:
            return _plain_inputs(batch.features)
        make = prepare_paper if self.is_paper else prepare
        window = self.size if whole else self.seen_shape["size"]
        return make(batch, self.bands, size=self.size, window=window, snr_min=self.snr_min)

    def labels(self, truth):
        """Labels of all networks.

        Parameters
        ----------
        truth : ndarray of shape (n, n_targets)
            True values, in the order of the targets.

        Returns
        -------
        ndarray of float32 of shape (n, n_labels)
            For the kind ``"paper"`` the truth; otherwise latent targets.
        """
        if self.is_paper:
            return truth.astype(np.float32)
        latent = to_latent(dict(zip(self.targets, truth.T, strict=True)), self.latents)
        return latent.astype(np.float32)

    def samples(self, raw, usable, seeds):
        """Quantities from the outputs of all networks.

        Parameters
        ----------
        raw : ndarray of shape (n_networks, n, n_outputs)
            Outputs; for the kind ``"paper"`` all targets of one network after the other.
        usable : ndarray of bool of shape (n,)
            Which galaxies have an answer.
        seeds : ndarray of uint64 of shape (n,)
            Seeds of the draws.

        Returns
        -------
        dict of str to ndarray of shape (n,) or (n, n_draws)
            By target.
        """
        if self.is_paper:
            values = raw.reshape(-1, len(self.targets), len(usable)).mean(axis=0, dtype=float)
            quantities = dict(zip(self.targets, values, strict=True))
        else:
            parts = [Mixture.from_raw(part, len(self.latents)) for part in raw]
            draws = Mixture.pooled(parts).draw(_DRAWS * len(raw), seeds)
            quantities = from_latent(draws, self.latents)
        for values in quantities.values():
            values[~usable] = np.nan
        return {name: quantities[name] for name in self.targets}


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


@dataclass(frozen=True)
class Domain:
    """What the training set covers.

    Parameters
    ----------
    redshift, pixel_scale, log_scale : tuple of float or None
        Least and greatest redshift, pixel scale in arcsec, and log10 of the common scale of the
        images in nJy; None where not known of any galaxy.
    """

    redshift: tuple | None = None
    pixel_scale: tuple | None = None
    log_scale: tuple | None = None

    @classmethod
    def of(cls, data, bands):
        """Domain of a training set.

        Parameters
        ----------
        data : TrainingSet
            Galaxies.
        bands : tuple of str
            Bands of the images; without any nothing is covered.

        Returns
        -------
        Domain
            What they cover.
        """
        if not bands:
            return cls()
        brightness = _brightness(data.context, bands)
        return cls(_ends(data.redshift), _ends(data.pixel_scale), _ends(brightness))

    def __or__(self, other):
        """What either of two training sets covers."""
        pairs = zip(self.to_dict().items(), other.to_dict().values(), strict=True)
        return Domain(**{name: _ends([*(one or ()), *(two or ())]) for (name, one), two in pairs})

    def to_dict(self):
        """Limits by name, as JSON knows them (dict of str to list or None)."""
        limits = vars(self).items()
        return {name: None if ends is None else list(ends) for name, ends in limits}

    @classmethod
    def from_dict(cls, limits):
        """Read what `to_dict` gave.

        Parameters
        ----------
        limits : dict
            Two numbers or None by name.

        Returns
        -------
        Domain
            The domain.

        Raises
        ------
        InputError
            If a limit is not of this kind.
        """
        for name, ends in limits.items():
            if ends is not None and not (len(ends) == 2 and ends[0] <= ends[1]):
                msg = f"{name} must be None or two numbers in ascending order, got {ends!r}"
                raise InputError(msg)
        return cls(**{name: ends and tuple(map(float, ends)) for name, ends in limits.items()})

    def flags(self, batch, context, bands):
        """Flags of what lies outside.

        Parameters
        ----------
        batch : Batch
            n galaxies.
        context : ndarray of shape (n, n_context)
            From `Task.inputs`.
        bands : tuple of str
            Bands of the images.

        Returns
        -------
        ndarray of int32 of shape (n,)
            ``REDSHIFT_OUT_OF_RANGE`` where the redshift is unknown or outside;
            ``OUT_OF_DOMAIN`` where the pixel scale is known and more than 3 % outside, or the
            common scale more than 0.1 dex.
        """
        flags = np.zeros(len(batch), dtype=np.int32)
        if self.redshift is not None:
            low, high = self.redshift
            inside = (batch.redshift >= low) & (batch.redshift <= high)
            flags[~inside] |= FLAGS["REDSHIFT_OUT_OF_RANGE"].value
        outside = np.zeros(len(batch), dtype=bool)
        if self.pixel_scale is not None:
            low, high = self.pixel_scale
            outside |= (batch.pixel_scale < low / _SCALE_MARGIN) | (
                batch.pixel_scale > high * _SCALE_MARGIN
            )
        if self.log_scale is not None:
            brightness = _brightness(context, bands)
            low, high = self.log_scale
            outside |= brightness < low - _BRIGHTNESS_MARGIN
            outside |= brightness > high + _BRIGHTNESS_MARGIN
        flags[outside] |= FLAGS["OUT_OF_DOMAIN"].value
        return flags


def _brightness(context, bands):
    """Column of the context that has the logarithm of the common scale."""
    return context[:, context_names(bands).index("log_scale")]


def _ends(values):
    """Least and greatest of the finite values, or None."""
    values = np.asarray(values, dtype=float)
    values = values[np.isfinite(values)]
    return (float(values.min()), float(values.max())) if values.size else None
