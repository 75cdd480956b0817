"""Sizes of a reproduction."""

from dataclasses import dataclass, fields

from dustest.data.checks.numbers import check_number, check_whole
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
        Simulated views of galaxies for the networks, before the cut in signal-to-noise.
    copies : float
        Images per galaxy after augmentation on average, including the original.
    epochs : int
        Largest number of epochs of the networks of the paper.
    dustest_epochs : int
        Largest number of epochs of the ``dustest`` networks, which use every galaxy once an epoch.
    n_trials, trial_epochs, trial_rows : int
        Trials of the search for hyperparameters, their largest number of epochs, and of galaxies.
    n_observed : int
        Simulated galaxies that represent observed ones, for the figures with observations.

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
                value = _check(getattr(self, item.name), item.name, item.type)
                object.__setattr__(self, item.name, value)


def _check(value, name, kind):
    """A count, or a number of copies, as a plain Python number."""
    if kind is int:
        return check_whole(value, name)
    return check_number(value, name, 1.0)


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
        # 6,620 galaxies pass the cut of Fu et al., and 25,208 images result from augmentation.
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
    """Look up a profile.

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
