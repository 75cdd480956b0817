"""The attenuation curves of Salim et al. (2018)."""

from dataclasses import dataclass

from dustest.physics.dust_laws.calzetti import Calzetti00
from dustest.physics.dust_laws.composition import Bump, ComposedLaw, Tilted

__all__ = ["LAWS", "Salim18"]


@dataclass(frozen=True, eq=False)
class Salim18(ComposedLaw):
    """The Calzetti curve tilted by a power law, with a bump at 2175 Angstrom.

    It is ``Bump(Tilted(Calzetti00(), delta), bump)``.

    Parameters
    ----------
    delta : float, optional
        Power-law index of the tilt; negative is steeper than Calzetti.
    bump : float, optional
        Strength of the bump, in units of k (Milky Way: about 3).

    Raises
    ------
    InputError
        If a parameter is not a finite number, or the tilt is so flat that no reddening is left
        (``delta`` above 0.98).

    References
    ----------
    Salim, Boquien & Lee 2018, ApJ 859, 11, equations 3 to 5.

    Examples
    --------
    >>> from dustest.physics import Salim18
    >>> round(Salim18(delta=-0.4).r_v, 2)
    2.75
    """

    delta: float = 0.0
    bump: float = 0.0
    name = "Salim"
    aliases = ("Salim18",)
    references = ("Salim2018",)

    def __post_init__(self):
        super().__post_init__()
        Tilted(Calzetti00(), self.delta)

    @property
    def law(self):
        """The law, composed of its parts."""
        return _PARTS.with_shape(delta=self.delta, strength=self.bump)


_PARTS = Bump(Tilted(Calzetti00(), 0.0), 0.0)

LAWS = (Salim18(),)
