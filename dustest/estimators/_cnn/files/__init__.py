"""Files of networks: what is written and read, and the models that come with dustest."""
