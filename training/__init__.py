"""Making the models: data, training, evaluation, export."""
