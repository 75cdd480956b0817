"""Files of networks: reading, writing, and the models that come with dustest."""
