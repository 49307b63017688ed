"""Replicate's predictions, as a channel speaks them: one is created, and asked after until it has ended."""
