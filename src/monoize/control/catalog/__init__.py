"""What may be called and what it costs us: the price book, and later models, providers and channels."""
