"""Parts of the detector of galaxies outside the training set."""
