"""Anthropic Messages: a request is turns of content blocks, an answer is one such turn. Pure, no I/O."""
