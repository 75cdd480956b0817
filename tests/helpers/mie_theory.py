"""Mie theory for spheres, written as in Bohren & Huffman (1983), chapter 4."""

import numpy as np


def sphere(x, m):
    """Efficiencies of extinction and scattering, and mean cosine, of a sphere.

    x is the circumference over the wavelength, m the complex refractive index.
    """
    n_terms = int(x + 4.0 * x ** (1 / 3) + 2)
    n = np.arange(1, n_terms + 1)
    a, b = _coefficients(n, x, m)
    weight = 2 * n + 1
    extinction = 2.0 / x**2 * np.sum(weight * (a + b).real)
    scattering = 2.0 / x**2 * np.sum(weight * (np.abs(a) ** 2 + np.abs(b) ** 2))
    inner = np.sum(weight / (n * (n + 1)) * (a * b.conj()).real)
    outer = (n * (n + 2) / (n + 1))[:-1] * (a[:-1] * a[1:].conj() + b[:-1] * b[1:].conj()).real
    return extinction, scattering, 4.0 / x**2 * (inner + outer.sum()) / scattering


def size_distribution(wavelength, m, smallest, largest, index, n_sizes=400):
    """Extinction on any scale, albedo and mean cosine of spheres whose sizes are a power law."""
    radius = np.geomspace(smallest, largest, n_sizes)
    spheres = np.array([sphere(2.0 * np.pi * r / wavelength, m) for r in radius])
    area = radius ** (3.0 - index)
    extinction = np.trapezoid(area * spheres[:, 0], np.log(radius))
    scattering = np.trapezoid(area * spheres[:, 1], np.log(radius))
    forward = np.trapezoid(area * spheres[:, 1] * spheres[:, 2], np.log(radius))
    return extinction, scattering / extinction, forward / scattering


def _coefficients(n, x, m):
    """Coefficients a and b of the scattered field."""
    last = int(max(n[-1], abs(m * x))) + 16
    ratio = np.zeros(last + 1, dtype=complex)
    for k in range(last, 0, -1):
        ratio[k - 1] = k / (m * x) - 1.0 / (ratio[k] + k / (m * x))
    psi, chi = [np.cos(x), np.sin(x)], [-np.sin(x), np.cos(x)]
    for k in n:
        psi.append((2 * k - 1) * psi[-1] / x - psi[-2])
        chi.append((2 * k - 1) * chi[-1] / x - chi[-2])
    psi, xi = np.array(psi), np.array(psi) - 1j * np.array(chi)
    a, b = (ratio[n] / m + n / x), (ratio[n] * m + n / x)
    return tuple((s * psi[n + 1] - psi[n]) / (s * xi[n + 1] - xi[n]) for s in (a, b))
