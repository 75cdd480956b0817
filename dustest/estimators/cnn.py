"""`CNNEstimator`: dust from images, with uncertainties."""

import json
from dataclasses import replace
from numbers import Integral
from typing import ClassVar

import numpy as np
from astropy.table import QTable
from sklearn.utils.validation import check_is_fitted

from dustest.data.checks.numbers import check_number
from dustest.data.checks.records import expect
from dustest.data.containers.rows import RowTable
from dustest.data.errors import InputError
from dustest.data.flags import FLAGS
from dustest.data.model_card import as_card
from dustest.data.quantities import QUANTITIES, point_column
from dustest.data.signal_to_noise import SNR_MIN
from dustest.estimators._calibration.conditions import Conditions
from dustest.estimators._cnn.context import conditions
from dustest.estimators._cnn.domain import Domain
from dustest.estimators._cnn.ensemble import MOST_AT_ONCE
from dustest.estimators._cnn.files.manifest import load_estimator, save_estimator
from dustest.estimators._cnn.files.pretrained import PRETRAINED, pretrained_file
from dustest.estimators._cnn.heads import HEADS
from dustest.estimators._cnn.network.config import CNNConfig, described_head, get_config
from dustest.estimators._cnn.network.layers import list_layers
from dustest.estimators._cnn.settings import FLUX, TARGETS, make_options, make_task
from dustest.estimators._cnn.shift.detection import OTHER_PIXELS, UNUSUAL, Detection
from dustest.estimators._cnn.training.adaptation import (
    Outcome,
    check_held_out,
    compare_outcomes,
)
from dustest.estimators._cnn.training.gathering import gather, sources
from dustest.estimators._cnn.training.learning import calibrated, learn
from dustest.estimators._cnn.training.tuning import TuningResult, search
from dustest.estimators.base import DustEstimator
from dustest.estimators.photometry import Photometry
from dustest.estimators.run.batch import Estimates, ExtraColumn, make_batch
from dustest.estimators.run.information import LEAST_INFORMATION
from dustest.estimators.run.requests import offered

__all__ = ["CNNConfig", "CNNEstimator", "TuningResult"]

_REASON = "domain_reason"
_GENTLER = 0.1
"""Learning rate of `CNNEstimator.finetune` over that of `CNNEstimator.fit`."""


class CNNEstimator(DustEstimator):
    r"""Dust and star formation from images, by convolutional networks.

    The ``"dustest"`` networks read all bands of a galaxy on one scale, so that its colours are
    kept, with its signal-to-noise ratios, redshift and pixel scale. They predict a joint
    distribution of all targets: a mixture of Gaussians [1]_ in :math:`\operatorname{asinh}(A_V /
    0.1)`, :math:`\ln R_V` and log sSFR. The ``"paper"`` networks are those of Fu et al. [2]_: one
    for each target, which reads each band normalised on its own, and predicts a number.

    Training and tuning need Keras; trained networks predict with NumPy alone.

    Parameters
    ----------
    bands : sequence of str, optional
        Bands of the images, in any number; none for networks that read fluxes alone.
    targets : str or tuple of str, optional
        Quantities to learn: ``"A_V"``, ``"E_BV"``, ``"log_sSFR"``. R_V follows from the first
        two.
    architecture : {"dustest", "paper"} or CNNConfig, optional
        Plan of the networks.
    context : {"flux"} or None, optional
        ``"flux"`` for ``"dustest"`` networks that also read the total fluxes of a galaxy and their
        errors, in all bands that the training set has, see `Photometry`. Galaxies may lack any
        of the fluxes, or the images: training removes them at random.
    size : int, optional
        Side of the images in pixels, a multiple of 8. Larger stamps lose their border.
    n_networks : int, optional
        Networks of an ensemble [3]_, whose predictions are averaged.
    learning_rate : float, optional
        Highest learning rate of Adam; 0.003 for ``"dustest"``, where it rises and then falls along
        a cosine, and 0.001 for ``"paper"``, where it stays, by default.
    batch_size : int, optional
        Galaxies of one training step.
    epochs : int, optional
        Most epochs.
    patience : int, optional
        Epochs without gain in the validation loss after which training stops. The best weights
        are kept.
    validation_fraction : float, optional
        Share of the groups of the training set that decides when to stop; 0 for none.
    snr_min : float, optional
        Least signal-to-noise ratio, within 0.32 arcsec at 0.03 arcsec a pixel, that galaxies of
        the training set have in a band. Fainter galaxies are estimated and flagged.
    augment : bool or "wide", optional
        Whether to change images at random in training. For ``"dustest"``: rotations and flips,
        shifts below a pixel, wider point-spread functions, more noise, missing bands and
        redshifts, and with ``"wide"`` also shifts up to 3 pixels and of single bands, backgrounds,
        zero points, fainter neighbours, point sources in the centre, bad pixels, errors of
        redshifts and missing pixel scales; for ``"paper"``: rotations, flips, noise, or the image
        of its oriented gradients.
    any_bands : bool, optional
        Whether ``"dustest"`` networks learn all subsets of their bands: training removes bands at
        random, and at least one is left. Without it one of several bands is removed from 5 % of
        the galaxies.
    balance : float, optional
        From 0 to 1: how far galaxies count by the rarity of their first target. Intervals then no
        longer cover as they should, see the notes.
    loss : {"absolute", "percentage"}, optional
        Loss of ``"paper"`` networks; the mean absolute error by default. The percentage diverges
        where there is no dust.
    random_state : int, Generator or None, optional
        Seed of training and of draws.

    Attributes
    ----------
    history_ : RowTable
        A row for each epoch of each network: ``network``, ``epoch``, ``loss``, ``val_loss``,
        ``learning_rate``.
    domain_ : Domain
        Limits of the training set: ``redshift``, ``pixel_scale`` (arcsec) and ``log_scale``
        (brightness, log10 nJy).
    flux_bands_ : tuple of str
        Bands of the total fluxes, by wavelength; empty without ``context="flux"``.
    n_train_, n_validation_ : int
        Galaxies of the training set, and galaxies that decided when to stop.
    detector_ : Detection or None
        Detector of galaxies outside the training set, see `use_detector`.
    adaptation_ : QTable
        After `finetune` with held-out galaxies, a row for each ``set`` and ``quantity``: number
        ``n`` of galaxies; mean absolute errors ``mae_before`` and ``mae_after``; relative
        ``change``, negative for a gain, with its error ``change_err`` from a paired bootstrap
        over galaxies; and fractions ``coverage_before`` and ``coverage_after`` of truths within
        the 16 to 84 % interval.
    card_ : dict
        Description of the model as given to `save`; before, under ``"simulations"``, the manifests
        of simulations on disc that it was trained on.

    See Also
    --------
    ShiftDetector : Detector of galaxies outside the training set.
    dustest.validation.occlusion_map : Parts of an image that a prediction depends on.

    Notes
    -----
    A predicted distribution is a posterior whose prior is the training set. Its intervals have
    their nominal coverage for galaxies distributed as in the training set. Posteriors of dust are
    skewed: their medians, which have the least absolute error, lie below the truth on average.
    Their means do not, and are in the further columns ``A_V_mean``, ``E_BV_mean`` and
    ``log_sSFR_mean``.

    A prediction depends on the images in ``bands``, their errors and masks, the redshift and the
    pixel scale, and with ``context="flux"`` on total fluxes. Other columns do not change it.

    Flags: ``LOW_SNR`` below a signal-to-noise ratio of ``snr_min`` in all bands; ``MISSING_BAND``,
    ``EDGE``, ``BAD_PIXELS`` and ``NO_DATA``; ``REDSHIFT_OUT_OF_RANGE`` where the
    redshift is unknown, or not within that of the training set; ``OUT_OF_DOMAIN`` where the pixel
    scale is more than 3 % outside that of the training set, or the brightness more than 0.1 dex.
    With a detector, also where stamps differ from those of the training set, and ``NOT_A_GALAXY``
    where they look like a point source or an artefact; the column ``domain_reason`` then has the
    reason. ``PRIOR_DOMINATED`` where the joint posterior of all targets differs from the mean
    posterior over the training population at that redshift and signal-to-noise ratio, see
    `sample_prior`, by less than 1 bit: the Kullback-Leibler divergence of Gaussians in the normal
    scores of the draws. Only galaxies with ``NO_DATA`` have no prediction.

    Galaxies of one group, by the column ``group``, are on the same side of a split; without that
    column each row is a group.

    References
    ----------
    .. [1] Bishop 1994, Mixture Density Networks, Aston University NCRG/94/004.
    .. [2] Fu et al., "Dust Extinction Measures for z~8 Galaxies using Machine Learning on JWST
       Imaging" (section 3, Table 1, Figure 5).
    .. [3] Lakshminarayanan et al. 2017, Advances in Neural Information Processing Systems 30.

    Examples
    --------
    >>> from dustest import CNNEstimator
    >>> from dustest.testing import make_check_sample
    >>> sample, truth = make_check_sample()
    >>> cnn = CNNEstimator(["F277W", "F444W"], epochs=2, random_state=1).fit(sample, truth)
    >>> cnn.predict(sample).shape
    (4, 3)
    >>> cnn.history_.colnames
    ['network', 'epoch', 'loss', 'val_loss', 'learning_rate']
    """

    requires: ClassVar[tuple] = (("cutout", "features"),)
    rows_at_once: ClassVar[int] = MOST_AT_ONCE
    threaded: ClassVar[bool] = True
    packages: ClassVar[tuple] = ("numpy", "scipy")
    pretrained: ClassVar[tuple] = tuple(PRETRAINED)
    references: ClassVar[tuple] = (
        *("Abadi2016", "Bradley2016", "Chollet2015", "Fu2024", "Kingma2015", "Srivastava2014"),
    )
    tuning_references: ClassVar[tuple] = ("OMalley2019",)
    _learns: ClassVar[bool] = True

    @classmethod
    def _cite(cls, cited, parameters):
        """Add the references of the networks, and of how they learned."""
        super()._cite(cited, parameters)
        architecture = parameters.get("architecture")
        head = HEADS.get(described_head(architecture))
        cited.choose("architecture", architecture, None if head is None else head.references)
        if head is not None and parameters.get("augment"):
            cited.use(*head.augmentation_references)
        if parameters.get("context") == FLUX:
            cited.use(*Photometry.references)
        if parameters.get("n_networks", 1) != 1:
            cited.use("Lakshminarayanan2017")

    def __init__(
        self,
        bands=("F277W",),
        targets=TARGETS,
        architecture="dustest",
        *,
        context=None,
        size=32,
        n_networks=1,
        learning_rate=None,
        batch_size=128,
        epochs=40,
        patience=5,
        validation_fraction=0.1,
        snr_min=SNR_MIN,
        augment=True,
        any_bands=False,
        balance=0.0,
        loss=None,
        random_state=None,
    ):
        self.bands = bands
        self.targets = targets
        self.architecture = architecture
        self.context = context
        self.size = size
        self.n_networks = n_networks
        self.learning_rate = learning_rate
        self.batch_size = batch_size
        self.epochs = epochs
        self.patience = patience
        self.validation_fraction = validation_fraction
        self.snr_min = snr_min
        self.augment = augment
        self.any_bands = any_bands
        self.balance = balance
        self.loss = loss
        self.random_state = random_state

    @property
    def uncertainty(self):
        """What the percentiles are: those of a posterior, or none for ``"paper"`` networks."""
        return get_config(self.architecture).head.uncertainty

    def layers(self):
        """List the layers of one network, as the parameters describe it.

        Neither Keras nor training is needed. `dustest.report.figures.plot_network` draws the
        table.

        Returns
        -------
        layers : QTable
            A row for each layer: ``branch`` (a band, ``"all bands"``, ``"context"`` or
            ``"head"``), ``name``, ``kind``, ``side`` of its maps in pixels (0 for plain numbers),
            ``units`` (number of maps or numbers), ``setting``, and number of ``weights``, with
            the statistics of normalisations. Activations are settings of other layers.

        Raises
        ------
        InputError
            If a parameter is not of its type or out of range.

        Examples
        --------
        >>> from dustest import CNNEstimator
        >>> layers = CNNEstimator(["F277W"], ["E_BV"], "paper").layers()
        >>> print(layers["kind", "side", "units", "weights"][:4])
             kind     side units weights
        ------------- ---- ----- -------
                input   32     1       0
          convolution   32    36     360
        normalization   32    36     144
              pooling   16    36       0
        >>> int(layers["weights"].sum())
        122409
        """
        known = vars(self).get("n_features_in_", 0)
        task = make_task(self, known, getattr(self, "flux_bands_", ()))
        if self.context is not None and not task.flux_bands:
            msg = "networks with context='flux' have layers once fit has seen the bands: call fit"
            raise InputError(msg)
        layers = list_layers(task.config, **task.shape, bands=task.bands)
        return QTable(rows=[layer.to_row() for layer in layers])

    @property
    def required_data(self):
        """Required data besides the redshift: a tuple of tuples of alternatives."""
        if self.context != FLUX:
            return super().required_data
        return (("cutout", "flux", "features") if self.bands else ("flux", "features"),)

    @property
    def flux_bands_(self):
        """Bands of the total fluxes that trained networks read (tuple of str)."""
        check_is_fitted(self)
        return self.networks_.task.flux_bands

    # ---- learning -----------------------------------------------------------------------

    def fit(self, X, y=None, *, sample_weight=None, checkpoint=None, progress=None):
        """Train new networks.

        Parameters
        ----------
        X : GalaxySample, anything that `~dustest.data.as_sample` takes, or simulations on disc
            Galaxies with cutouts in any of the bands. A `~dustest.simulate.SimulatedSet`, or a
            list of them, is read chunk by chunk and need not fit into memory; its truth comes
            with it. A 2-D array of plain features is learned without images.
        y : Table or array_like of shape (n,) or (n, n_targets), optional
            Truth of the targets.
        sample_weight : array_like of shape (n,), optional
            How much each galaxy counts.
        checkpoint : path-like, optional
            Folder in which every epoch is kept: the same training goes on there after a kill, or
            is just loaded if it was at its end.
        progress : bool, optional
            Whether to show bars; by default on terminals and in notebooks.

        Returns
        -------
        self : CNNEstimator
            The estimator itself.

        Raises
        ------
        InputError
            If a parameter or the input cannot be used, or no galaxy is bright enough.
        DustestError
            If training diverges.
        MissingDependencyError
            If Keras is not installed.
        """
        return self._train(X, y, sample_weight, checkpoint, progress, make_options)

    def finetune(
        self,
        X,
        y=None,
        *,
        sample_weight=None,
        learning_rate=None,
        epochs=None,
        held_out=None,
        checkpoint=None,
        progress=None,
    ):
        """Train the networks further, on other galaxies.

        A few epochs on some thousand simulated galaxies that are like yours, see
        `dustest.simulate.GalaxySimulator.match`, adapt networks in minutes. With ``held_out``, the
        attribute ``adaptation_`` is a table that shows what was gained and lost. The detector of
        the old training set is removed, see `use_detector`.

        Parameters
        ----------
        X : GalaxySample or what `fit` takes
            Galaxies.
        y : Table or array_like of shape (n,) or (n, n_targets), optional
            Truth of the targets.
        sample_weight : array_like of shape (n,), optional
            How much each galaxy counts.
        learning_rate : float, optional
            First learning rate; a tenth of the parameter by default.
        epochs : int, optional
            Most epochs; the parameter by default.
        held_out : dict of str to (GalaxySample, Table), optional
            Sets of other galaxies with their truth, by name, such as simulations that are like
            your galaxies and others like the original training set. They are predicted before
            and after.
        checkpoint : path-like, optional
            Folder in which every epoch is kept, as in `fit`.
        progress : bool, optional
            Whether to show bars; by default on terminals and in notebooks.

        Returns
        -------
        self : CNNEstimator
            The estimator itself.

        Raises
        ------
        InputError
            If the input cannot be used, or no galaxy is bright enough.
        """
        check_is_fitted(self)
        sets = check_held_out(held_out)
        before = self._outcomes(sets)

        def options(estimator, task):
            given = {"learning_rate": learning_rate, "epochs": epochs}
            given = {name: value for name, value in given.items() if value is not None}
            parameters = estimator.get_params(deep=False) | given
            options = make_options(type(self)(**parameters), task)
            factor = _GENTLER if learning_rate is None else 1.0
            return replace(options, learning_rate=factor * options.learning_rate)

        start = self.networks_, self.domain_
        self._train(X, y, sample_weight, checkpoint, progress, options, start)
        if sets:
            targets, seed = self._target_names, self._base_seed()
            self.adaptation_ = compare_outcomes(before, self._outcomes(sets), targets, seed)
        return self

    def _outcomes(self, held_out):
        """Predictions for held-out galaxies."""
        outcomes = {}
        for name, (sample, truth) in held_out.items():
            try:
                rows, values = self._with_truth(sample, truth)
            except InputError as error:
                msg = f"held_out[{name!r}] must be galaxies and their truth: {error}"
                raise InputError(msg) from error
            outcomes[name] = Outcome.of(self, sample[rows], values)
        return outcomes

    def tune(
        self,
        X,
        y=None,
        *,
        sample_weight=None,
        preset="quick",
        n_trials=None,
        folder=None,
        progress=None,
    ):
        """Search for the layers, learning rate and batch size that validate best.

        Bayesian optimisation of the validation loss by keras-tuner. All trials have the same
        galaxies, the same split and one network each, and no two the same settings; the first is
        the estimator as it stands, where its settings are among those that are searched. All
        that is not searched stays as the parameters say. Networks of the kind ``"paper"`` are
        tuned for one target at a time.

        Parameters
        ----------
        X : GalaxySample or what `fit` takes
            Galaxies.
        y : Table or array_like of shape (n,) or (n, n_targets), optional
            Truth of the targets.
        sample_weight : array_like of shape (n,), optional
            How much each galaxy counts.
        preset : {"quick", "paper"}, optional
            What is searched: 16 trials of at most 8 epochs around the default network, or 200
            trials of all epochs over Table 1 of Fu et al.: 1 to 4 convolutional blocks of 4 to
            64 filters, 1 to 4 dense layers of 8 to 64 units, learning rates from 0.0001 to 0.01,
            batches of 16 to 64.
        n_trials : int, optional
            Trials, earlier ones in the folder included.
        folder : path-like, optional
            Folder in which every trial is kept: the same search goes on there after a kill, or
            with more trials. Searches of other data, parameters or seeds have other files.
        progress : bool, optional
            Whether to show a bar; by default on terminals and in notebooks.

        Returns
        -------
        result : TuningResult
            A table of the trials, and the parameters of the best. The estimator itself does not
            change.

        Raises
        ------
        InputError
            If a parameter or the input cannot be used, there are no two groups, or ``folder`` is
            given without a ``random_state`` by which the search could be found again.
        DustestError
            If training diverges in all trials.
        MissingDependencyError
            If Keras or keras-tuner is not installed.

        Examples
        --------
        >>> from dustest import CNNEstimator
        >>> from dustest.testing import make_check_sample
        >>> sample, truth = make_check_sample()
        >>> cnn = CNNEstimator(["F277W", "F444W"], epochs=1, random_state=1)
        >>> result = cnn.tune(sample, truth, n_trials=2)
        >>> print(result.trials["trial", "status", "learning_rate", "batch_size"])
        trial   status  learning_rate batch_size
        ----- --------- ------------- ----------
            0 completed         0.003        128
            1 completed         0.003        256
        >>> cnn = cnn.set_params(**result.best)
        """
        self._check_findable(folder)
        with gather(self, X, y, sample_weight) as (task, data):
            return search(
                task,
                data,
                make_options(self, task),
                preset,
                n_trials=n_trials,
                validation_fraction=self.validation_fraction,
                balance=self.balance,
                seed=self._base_seed(),
                folder=folder,
                progress=progress,
            )

    def calibrate(self, X, y=None):
        """Correct distributions by galaxies that were not learned from.

        What a mixture of Gaussians cannot follow, such as the edge that specific star-formation
        rates have where a galaxy formed all its stars within 100 Myr, makes intervals cover too
        much or too little. Ranks of the truth among the draws say which quantile to read in place
        of which, separately where little and where much of the first target is predicted.

        Parameters
        ----------
        X : GalaxySample or what `fit` takes
            Galaxies such as those that will be estimated. 10,000 give coverages to half a per
            cent; views of one galaxy, which have one truth, count as one.
        y : Table or array_like of shape (n,) or (n, n_targets), optional
            Truth of the targets.

        Returns
        -------
        self : CNNEstimator
            The estimator itself.

        Raises
        ------
        InputError
            If the input cannot be used, there are fewer than 500 galaxies, or the networks give
            no distributions.

        References
        ----------
        Kuleshov, Fenner & Ermon 2018, ICML, arXiv:1807.00263.
        """
        check_is_fitted(self)
        with gather(self, X, y, None, self.networks_) as (_, data):
            self.networks_ = calibrated(self.networks_, data)
        return self

    def use_detector(self, detector):
        """Flag galaxies outside the training set whenever these networks estimate.

        The detector is saved with the networks. Training removes it.

        Parameters
        ----------
        detector : ShiftDetector
            Fitted detector of stamps in the bands and size of the networks.

        Returns
        -------
        self : CNNEstimator
            The estimator itself.

        Raises
        ------
        InputError
            If it is no detector, or has other bands or another size.
        """
        check_is_fitted(self)
        task, found = self.networks_.task, getattr(detector, "detection_", None)
        if not isinstance(found, Detection):
            msg = f"detector must be a ShiftDetector after fit, got {detector!r:.100}"
            raise InputError(msg)
        if (found.kind, found.bands, found.size) != ("cutout", task.bands, task.size):
            msg = (
                f"detector must have kind='cutout', bands {', '.join(task.bands)} and "
                f"size={task.size} as the networks, got kind={found.kind!r}, bands "
                f"{', '.join(found.bands)} and size={found.size}"
            )
            raise InputError(msg)
        self.detector_ = found
        return self

    def _train(self, X, y, sample_weight, checkpoint, progress, make_options, start=None):
        """Gather a training set, and learn from it."""
        self._check_findable(checkpoint)
        networks, domain = start or (None, Domain())
        with gather(self, X, y, sample_weight, networks) as (task, data):
            learned = learn(
                task,
                data,
                make_options(self, task),
                n_networks=int(self.n_networks) if networks is None else networks.n_members,
                validation_fraction=self.validation_fraction,
                balance=self.balance,
                seed=self._base_seed(),
                start=networks,
                checkpoint=checkpoint,
                progress=progress,
            )
        self.networks_ = learned.networks
        self.domain_ = domain | Domain.of(data, task.layout)
        self.history_ = RowTable(rows=learned.history)
        self.n_train_, self.n_validation_ = learned.n_train, learned.n_validation
        self.detector_ = None
        self.card_ = as_card(sources(X))
        for name in ("n_features_in_", "adaptation_"):
            vars(self).pop(name, None)
        if task.n_features:
            self.n_features_in_ = task.n_features
        return self

    def _provenance(self, seed):
        """Flat record of how a table was made, and of the simulations that taught the networks."""
        card = getattr(self, "card_", None) or {}
        known = {name: card[name] for name in ("simulator", "simulations") if name in card}
        return super()._provenance(seed) | {"trained_on": json.dumps(known) if known else ""}

    def _check_findable(self, folder):
        """Refuse to keep in a folder what could never be found there again."""
        if folder is not None and not isinstance(self.random_state, Integral):
            msg = (
                "random_state must be an integer where work is kept in a folder, so that the same "
                f"is found again, got {self.random_state!r}"
            )
            raise InputError(msg)

    # ---- estimating ---------------------------------------------------------------------

    def _ready(self, X):
        """A sample to estimate, with the columns that the networks read."""
        sample = super()._ready(X)
        task = self.networks_.task
        trained = offered(task.targets)
        if not set(self._target_names) <= set(trained):
            msg = (
                f"targets must be quantities that the networks were trained on "
                f"({', '.join(trained)}), got {self.targets!r}: train networks on them"
            )
            raise InputError(msg)
        return task.read(sample)

    def _estimate(self, batch):
        """Distributions of the targets, and flags."""
        task = self.networks_.task
        inputs = task.inputs(batch)
        flags = inputs.flags | self.domain_.flags(batch, inputs.context, task.layout)
        samples = self.networks_.samples(inputs.image, inputs.context, inputs.usable, batch.seed)
        if self.networks_.mean_posterior is not None:
            known = conditions(inputs.context, task.layout)
            bits = self.networks_.mean_posterior.information(samples, *known)
            ignorant = inputs.usable & (bits < LEAST_INFORMATION)
            flags[ignorant] |= FLAGS["PRIOR_DOMINATED"].value
        extra = {}
        if task.head.uncertainty != "none":
            extra = {
                point_column(name, "mean"): draws.mean(axis=1) for name, draws in samples.items()
            }
        if self.detector_ is not None:
            verdict = self.detector_.judge(batch, inputs)
            flags |= verdict.flags
            is_outside = flags & FLAGS["OUT_OF_DOMAIN"].value != 0
            unexplained = is_outside & (verdict.reason == "")
            reason = np.where(unexplained, UNUSUAL, verdict.reason)
            # The stated pixel scale is certain; the detector judges its consequences.
            extra[_REASON] = np.where(self.domain_.has_other_pixels(batch), OTHER_PIXELS, reason)
        return Estimates(samples, flags, extra)

    @property
    def _prior_statement(self):
        """The prior is the mean posterior over the training population."""
        if self.networks_.mean_posterior is None:
            return {}
        known = "density of 256 draws: the mean posterior over the population of the training"
        return {name: known for name in self._target_names if name in self._drawn_quantities}

    def _log_prior(self, batch, estimates):
        """Densities of the mean posterior."""
        task = self.networks_.task
        known = conditions(task.inputs(batch).context, task.layout)
        draws = {name: estimates.samples[name] for name in self._prior_statement}
        return self.networks_.mean_posterior.log_density(draws, *known)

    @property
    def _drawn_quantities(self):
        """Targets of the networks."""
        return self.networks_.task.targets if hasattr(self, "networks_") else self._target_names

    def _conditions(self, batch):
        """Redshift, and signal-to-noise ratios of the images, or of fluxes without images."""
        task = self.networks_.task
        inputs, bands = task.inputs(batch), task.bands or task.flux_bands
        snr = np.where(np.isfinite(inputs.snr) & (inputs.snr != 0.0), inputs.snr, np.nan)
        return Conditions(batch.redshift, bands, snr[:, : len(bands)])

    def _extra_columns(self, bands):  # noqa: ARG002
        """Means of the targets, in the units of their quantities, and the reason of a flag."""
        names = () if self.uncertainty == "none" else self.networks_.task.targets
        columns = {
            point_column(name, "mean"): ExtraColumn(QUANTITIES[name].unit) for name in names
        }
        if self.detector_ is None:
            return columns
        width = max(map(len, (UNUSUAL, OTHER_PIXELS, *self.detector_.reasons)))
        return columns | {_REASON: ExtraColumn(dtype=f"U{width}")}

    def sample_prior(self, X, n_samples, random_state=None, *, truth=False):
        """Draw from the prior of galaxies: the mean posterior over the training population.

        It depends on the redshift and on the highest signal-to-noise ratio of the bands. The
        population is that of `calibrate`, or else of `fit`.

        Parameters
        ----------
        X : GalaxySample or anything that `~dustest.data.as_sample` takes
            n galaxies.
        n_samples : int
            Number of draws per galaxy.
        random_state : int, Generator or None, optional
            Seed of the draws; the estimator's own by default.
        truth : bool, optional
            Whether to draw true values of the population instead.

        Returns
        -------
        draws : dict of str to ndarray of shape (n, n_samples)
            By target of the networks, in the units of `~dustest.data.QUANTITIES`. Draws with the
            same number belong together.

        Raises
        ------
        InputError
            If the input is invalid, ``n_samples`` is not a positive integer, or the networks have
            no record of their prior, as those of version 0.1.

        Examples
        --------
        >>> from dustest import CNNEstimator
        >>> from dustest.testing import make_check_sample
        >>> sample, truth = make_check_sample()
        >>> cnn = CNNEstimator(["F277W", "F444W"], epochs=2, random_state=1).fit(sample, truth)
        >>> cnn.sample_prior(sample, 5)["A_V"].shape
        (4, 5)
        """
        check_number(n_samples, "n_samples", 1, kind=Integral, expected="a positive integer")
        expect(isinstance(truth, bool | np.bool_), "truth", "True or False", truth)
        sample = self._ready(X)
        task, prior = self.networks_.task, self.networks_.mean_posterior
        if prior is None:
            msg = "the networks have no record of their prior: calibrate or train them again"
            raise InputError(msg)
        seed = self._base_seed(random_state)
        parts = []
        for start in range(0, len(sample), self.rows_at_once):
            rows = slice(start, start + self.rows_at_once)
            batch = make_batch(sample, rows).seeded(seed)
            known = conditions(task.inputs(batch).context, task.layout)
            parts.append(prior.sample(*known, n_samples, batch.seed, truth=truth))
        return {name: np.concatenate([part[name] for part in parts]) for name in task.targets}

    # ---- files --------------------------------------------------------------------------

    def save(self, path, card=None):
        """Write the trained networks into one file.

        Parameters
        ----------
        path : str or path-like
            File, in a folder that exists.
        card : dict, optional
            What is to be known of the model, in plain JSON; ``card_`` by default.

        Returns
        -------
        sha256 : str
            Digest of the file, for `load`.

        Raises
        ------
        InputError
            If the file cannot be written there, or ``card`` is no plain JSON.

        Examples
        --------
        >>> cnn.save("mine.model")  # doctest: +SKIP
        """
        check_is_fitted(self)
        card = as_card(self.card_ if card is None else card)
        sha256 = save_estimator(self, path, card)
        self.card_ = card
        return sha256

    @classmethod
    def load(cls, path, sha256=None):
        """Read networks that `save` wrote.

        The file contains no code: the networks are rebuilt from their configuration. Files of
        version 0.1 can be read too.

        Parameters
        ----------
        path : str or path-like
            The file.
        sha256 : str, optional
            Digest that the file must have. Only this identifies who made the file.

        Returns
        -------
        estimator : CNNEstimator
            Ready to estimate.

        Raises
        ------
        ReadError
            If there is no file, or it was damaged, changed, or made by something else.

        Examples
        --------
        >>> cnn = CNNEstimator.load("mine.model")  # doctest: +SKIP
        """
        return load_estimator(cls, path, sha256)

    @classmethod
    def from_pretrained(cls, name):
        """Get networks that come with dustest.

        Parameters
        ----------
        name : {"nircam-1band", "nircam-3band", "nircam-wide"}
            For F277W; for F277W, F356W and F444W; or for any of the seven wide bands from F090W
            to F444W.

        Returns
        -------
        estimator : CNNEstimator
            Ready to estimate; ``card_`` tells how it was trained, and how well it does.

        Raises
        ------
        InputError
            If there is no such model.
        ReadError
            If its file is not the one that dustest came with.

        Examples
        --------
        >>> from dustest import CNNEstimator
        >>> CNNEstimator.from_pretrained("nircam-3band").bands
        ('F277W', 'F356W', 'F444W')
        """
        path, sha256 = pretrained_file(name)
        return cls.load(path, sha256)
