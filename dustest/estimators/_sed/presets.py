"""Presets of SED fits: named settings of history, dust law and priors."""

from collections.abc import Mapping

__all__ = ["PRESETS", "with_preset_priors"]

PRESETS = {
    "default": {
        "sfh": "delayed_burst",
        "dust_law": "Salim",
        "priors": {"dust:Av": (0.0, 4.0), "dust:Av_prior": "uniform"},
        "joint_priors": ("slope_of_A_V",),
    },
    "Fu": {"sfh": "lognormal", "dust_law": "Calzetti", "priors": {}, "joint_priors": ()},
}
"""Parameters of `~dustest.BagpipesEstimator` by the name of the preset."""


def with_preset_priors(given, preset):
    """Add the priors of a preset to those that were given.

    Parameters
    ----------
    given : Mapping
        Flat mapping in Bagpipes' parameter names.
    preset : Mapping
        That of the preset.

    Returns
    -------
    priors : dict
        Those that were given, and those of the preset for other parameters. Limits that are given
        keep the shape of the preset; a shape that is given also replaces its limits.

    Examples
    --------
    >>> from dustest.estimators._sed.presets import with_preset_priors
    >>> preset = {"dust:Av": (0.0, 4.0), "dust:Av_prior": "uniform"}
    >>> with_preset_priors({"dust:Av": (0.0, 2.0)}, preset)
    {'dust:Av': (0.0, 2.0), 'dust:Av_prior': 'uniform'}
    >>> with_preset_priors({"dust:Av_prior": "log_10"}, preset)
    {'dust:Av_prior': 'log_10'}
    """
    if not isinstance(given, Mapping):
        return given
    shaped = {str(key).removesuffix("_prior") for key in given if str(key).endswith("_prior")}
    kept = {key: value for key, value in preset.items() if key.split("_prior")[0] not in shaped}
    return kept | dict(given)
