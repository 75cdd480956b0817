"""How much of the paper's work a reproduction does."""

from dataclasses import dataclass, fields
from math import isfinite
from numbers import Integral, Real

from dustest.data.errors import InputError

__all__ = ["PROFILES", "Profile", "get_profile"]


@dataclass(frozen=True)
class Profile:
    """Sizes of a reproduction.

    Parameters
    ----------
    name : str
        Its name.
    n_rows : int
        Views of galaxies that are simulated for the networks, before the cut in signal-to-noise.
    copies : float
        Images that augmentation makes of each galaxy on average, itself included.
    epochs : int
        Most epochs of the networks of the paper.
    dustest_epochs : int
        Most epochs of the ``dustest`` networks, which see every galaxy once an epoch.
    n_trials, trial_epochs, trial_rows : int
        Trials of the search for hyperparameters, their most epochs, and the galaxies they have.
    n_observed : int
        Galaxies that are simulated as a telescope observes them, for the figures of the sky.

    Raises
    ------
    InputError
        If a number is below 1, or a count is not whole.
    """

    name: str
    n_rows: int
    copies: float
    epochs: int
    dustest_epochs: int
    n_trials: int
    trial_epochs: int
    trial_rows: int
    n_observed: int

    def __post_init__(self):
        for item in fields(self):
            if item.name != "name":
                value = _checked(getattr(self, item.name), item.name, item.type)
                object.__setattr__(self, item.name, value)


def _checked(value, name, kind):
    """A count, or a number of copies, as Python's own number."""
    known, words = (Integral, "whole") if kind is int else (Real, "finite")
    is_number = isinstance(value, known) and not isinstance(value, bool)
    if not is_number or not isfinite(value) or value < 1:
        msg = f"{name} must be a {words} number from 1, got {value!r}"
        raise InputError(msg)
    return kind(value)


PROFILES = {
    profile.name: profile
    for profile in (
        Profile(
            "quick",
            n_rows=1200,
            copies=3.8,
            epochs=6,
            dustest_epochs=20,
            n_trials=4,
            trial_epochs=3,
            trial_rows=1000,
            n_observed=80,
        ),
        # 6,620 galaxies pass the cut of Fu et al., and augmentation makes 25,208 of them.
        Profile(
            "full",
            n_rows=9000,
            copies=3.8,
            epochs=10,
            dustest_epochs=30,
            n_trials=12,
            trial_epochs=6,
            trial_rows=4000,
            n_observed=400,
        ),
    )
}


def get_profile(profile):
    """Find a profile.

    Parameters
    ----------
    profile : str or Profile
        Name, or the profile itself.

    Returns
    -------
    Profile
        The profile.

    Raises
    ------
    InputError
        If there is none of this name.
    """
    if isinstance(profile, Profile):
        return profile
    if not isinstance(profile, str) or profile not in PROFILES:
        msg = f"profile must be one of {', '.join(PROFILES)} or a Profile, got {profile!r}"
        raise InputError(msg)
    return PROFILES[profile]
