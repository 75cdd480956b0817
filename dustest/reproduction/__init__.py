"""Reproduction of the paper: galaxies, networks, fits, tables and figures."""

from dustest.reproduction.pipeline import Reproduction, reproduce
from dustest.reproduction.profiles import PROFILES, Profile

__all__ = ["PROFILES", "Profile", "Reproduction", "reproduce"]
