"""Training of networks: data sets, augmentation, epochs, tuning."""
