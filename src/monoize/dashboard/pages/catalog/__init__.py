"""Pages of models, prices, providers and what their names mean."""
