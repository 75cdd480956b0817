"""What `CNNEstimator` is made of: inputs, networks, training, predictions, model files.

Nothing here is public. Modules are imported one by one, since some of them need Keras.
"""
