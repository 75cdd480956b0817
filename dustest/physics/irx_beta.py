"""Relations between the UV slope and the UV attenuation (IRX-beta relations)."""

from dataclasses import dataclass

from dustest.data.checks.numbers import check_number
from dustest.data.errors import InputError
from dustest.data.registry import Registry

__all__ = ["IRX_BETA_RELATIONS", "IRXBeta", "get_relation", "register_relation"]


@dataclass(frozen=True)
class IRXBeta:
    """A relation between the UV slope and the UV attenuation, A = a + b beta.

    Parameters
    ----------
    name : str
        Name by which it is chosen.
    a, b : float
        Intercept [mag] and slope [mag] of the relation; the slope is above zero.
    publication : str, optional
        Where it was published.
    wavelength : float, optional
        Rest wavelength of the attenuation in Angstrom.
    dust_law : str, DustLaw or model of dust_extinction, optional
        Law that the relation goes with, which converts the attenuation to A_V unless another is
        asked for.
    references : tuple of str, optional
        BibTeX keys of the references of dustest, or BibTeX entries.
    aliases : tuple of str, optional
        Further names.

    Raises
    ------
    InputError
        If a number is not finite, or the slope or the wavelength not above zero.

    Examples
    --------
    >>> from dustest.physics import IRXBeta
    >>> round(IRXBeta("Mine", 4.43, 1.99).beta0, 2)
    -2.23
    """

    name: str
    a: float
    b: float
    publication: str = ""
    wavelength: float = 1600.0
    dust_law: object = "Calzetti"
    references: tuple = ()
    aliases: tuple = ()

    def __post_init__(self):
        for name in ("a", "b", "wavelength"):
            object.__setattr__(self, name, check_number(getattr(self, name), name))
        if self.b <= 0 or self.wavelength <= 0:
            msg = (
                f"b and wavelength must be above zero, got b={self.b!r} and "
                f"wavelength={self.wavelength!r}"
            )
            raise InputError(msg)

    @property
    def beta0(self):
        """Slope of a galaxy without dust."""
        return -self.a / self.b


IRX_BETA_RELATIONS = Registry(
    "IRX-beta relation",
    IRXBeta,
    [
        IRXBeta(
            "Meurer99",
            4.43,
            1.99,
            "Meurer, Heckman & Calzetti 1999, ApJ 521, 64, eq. 11",
            references=("Meurer1999",),
        ),
        IRXBeta(
            "Takeuchi12",
            3.06,
            1.58,
            "Takeuchi et al. 2012, ApJ 755, 144",
            1530.0,
            references=("Takeuchi2012",),
        ),
        IRXBeta(
            "Reddy15", 4.48, 1.84, "Reddy et al. 2015, ApJ 806, 259", references=("Reddy2015",)
        ),
        IRXBeta(
            "Reddy18-Calzetti",
            5.57,
            2.13,
            "Reddy et al. 2018, ApJ 853, 56",
            references=("Reddy2018",),
        ),
        IRXBeta(
            "Reddy18-SMC",
            2.79,
            1.07,
            "Reddy et al. 2018, ApJ 853, 56",
            dust_law="SMC",
            references=("Reddy2018",),
        ),
        IRXBeta(
            "Reddy18-Reddy15",
            4.77,
            1.82,
            "Reddy et al. 2018, ApJ 853, 56",
            dust_law="Reddy15",
            references=("Reddy2018",),
        ),
        IRXBeta(
            "McLure18-SMC",
            2.093,
            0.91,
            "McLure et al. 2018, MNRAS 476, 3991",
            dust_law="SMC",
            references=("McLure2018",),
        ),
    ],
)
"""The relations by name."""


def get_relation(relation):
    """Look up an IRX-beta relation.

    Parameters
    ----------
    relation : str or IRXBeta
        A name of ``IRX_BETA_RELATIONS`` in any letter case, or a relation, which is returned.

    Returns
    -------
    IRXBeta
        The relation.

    Raises
    ------
    InputError
        If there is none of that name.

    Examples
    --------
    >>> from dustest.physics import get_relation
    >>> get_relation("Meurer99").b
    1.99
    """
    if isinstance(relation, IRXBeta):
        return relation
    return IRX_BETA_RELATIONS.find(relation, "relation")


def register_relation(relation):
    """Add an IRX-beta relation, which `~dustest.MeurerEstimator` then knows by its name.

    Parameters
    ----------
    relation : IRXBeta
        The relation.

    Returns
    -------
    IRXBeta
        The same.

    Raises
    ------
    InputError
        If it is no relation, or another one has the name or an alias.

    Examples
    --------
    >>> from dustest import MeurerEstimator
    >>> from dustest.physics import IRXBeta, register_relation
    >>> relation = register_relation(IRXBeta("steep", 2.5, 1.1))
    >>> MeurerEstimator(relation="steep").relation
    'steep'
    """
    return IRX_BETA_RELATIONS.register(relation)
