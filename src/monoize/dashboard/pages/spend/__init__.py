"""What was asked of models, what it came to, and who paid."""
