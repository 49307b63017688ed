"""OpenAI's embeddings: texts become vectors. They are asked for and answered in this protocol only."""
