"""Search for copies of galaxies on both sides of a split."""
