"""The interface of heads of networks."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

from dustest.data.errors import InputError

__all__ = ["Head"]


@dataclass(frozen=True)
class Head(ABC):
    """Predictions and training of a network, and their defaults.

    Attributes
    ----------
    name : str
        Name, the ``kind`` of a configuration.
    uncertainty : {"posterior", "none"}
        Kind of the percentiles.
    is_separate : bool
        Whether each target has its own networks.
    reads_context : bool
        Whether networks for images also have the context as input.
    learning_rate : float
        Highest learning rate of Adam.
    has_schedule : bool
        Whether the learning rate rises and falls; otherwise it is constant.
    momentum : float
        Of the statistics of batch normalisations.
    losses : dict
        Losses, for ``keras.Model.compile``, by their name; the default is that of None.
    references : tuple of str
        Keys of the references of the networks.
    augmentation_references : tuple of str
        Keys of the references of changed images.
    """

    name: ClassVar[str]
    uncertainty: ClassVar[str] = "posterior"
    is_separate: ClassVar[bool] = False
    reads_context: ClassVar[bool] = True
    learning_rate: ClassVar[float] = 3e-3
    has_schedule: ClassVar[bool] = True
    momentum: ClassVar[float] = 0.9
    losses: ClassVar[dict]
    references: ClassVar[tuple] = ()
    augmentation_references: ClassVar[tuple] = ()

    # ---- the network ------------------------------------------------------------------------

    def check(self, config):
        """Raise an error for a configuration that does not match the head.

        Parameters
        ----------
        config : CNNConfig
            The plan.

        Raises
        ------
        InputError
            If ``components`` is not 0; heads that have components accept others.
        """
        if config.components != 0:
            msg = (
                f"components of CNNConfig must be 0 for the kind {self.name!r}, got "
                f"{config.components}"
            )
            raise InputError(msg)

    def n_outputs(self, config, n_targets):  # noqa: ARG002 - heads with components need it
        """Number of outputs of a network.

        Parameters
        ----------
        config : CNNConfig
            Its configuration.
        n_targets : int
            Number of labels that one network learns.

        Returns
        -------
        int
            Number of units of its last layer.
        """
        return n_targets

    def describe(self, config):  # noqa: ARG002 - heads with components need it
        """Description of the last layer, for tables of layers (str)."""
        return ""

    @abstractmethod
    def inputs(self, batch, bands, *, size, window, snr_min):
        """Make the images and context of networks, as `~.inputs.prepare` does."""

    # ---- training -----------------------------------------------------------------------------

    @abstractmethod
    def labels(self, targets, truth):
        """Labels of networks.

        Parameters
        ----------
        targets : tuple of str
            Quantities.
        truth : ndarray of shape (n, n_targets)
            True values.

        Returns
        -------
        ndarray of shape (n, n_labels)
            Labels; NaN if unknown.
        """

    def latents(self, targets):
        """Names of the quantities of the labels, in their order (tuple of str)."""
        return tuple(targets)

    def get_loss(self, name=None):
        """Look up the loss of a network.

        Parameters
        ----------
        name : str, optional
            One of `losses`.

        Returns
        -------
        str or callable
            The loss, for ``keras.Model.compile``.

        Raises
        ------
        InputError
            If the head has no such loss.
        """
        if name in self.losses:
            return self.losses[name]
        options = " or ".join(repr(one) for one in self.losses if one) or "None"
        msg = f"loss must be {options} for a network of the kind {self.name!r}, got {name!r}"
        raise InputError(msg)

    @abstractmethod
    def prior_output(self, config, labels):
        """Output that describes the distribution of labels, independent of the input.

        Parameters
        ----------
        config : CNNConfig
            Configuration of the network.
        labels : ndarray of shape (n, n_targets)
            Labels, all of them finite.

        Returns
        -------
        ndarray of shape (n_outputs,)
            One row of output.
        """

    def augmentation(self, task, *, wide=False):  # noqa: ARG002 - for heads
        """Augmentation: a callable of image, context and generator, or None."""
        return

    # ---- predictions --------------------------------------------------------------------------

    @abstractmethod
    def samples(self, raw, targets, seeds):
        """Quantities from the outputs of all networks.

        Parameters
        ----------
        raw : ndarray of shape (n_networks, n, n_outputs)
            Outputs; if each target has its own networks, all targets of one network after the
            other.
        targets : tuple of str
            Quantities.
        seeds : ndarray of uint64 of shape (n,)
            Seeds of the draws.

        Returns
        -------
        dict of str to ndarray of shape (n,) or (n, n_draws)
            Values or draws by quantity.
        """

    def truth(self, labels, targets):  # noqa: ARG002 - for heads
        """Quantities of labels, for heads with distributions.

        Parameters
        ----------
        labels : ndarray of shape (n, n_labels)
            Result of `labels`.
        targets : tuple of str
            Quantities.

        Returns
        -------
        dict of str to ndarray of shape (n,)
            True values by quantity.

        Raises
        ------
        InputError
            If the head has no distributions.
        """
        msg = f"networks of the kind {self.name!r} give no distribution to be calibrated"
        raise InputError(msg)

    def columns(self, targets):
        """Labels of each network of one member of an ensemble (list of slice)."""
        if self.is_separate:
            return [slice(i, i + 1) for i in range(len(targets))]
        return [slice(None)]
