"""OpenAI Responses: requests, answers and streams of this protocol, to and from the common language."""
