"""OpenAI's images, made from words (`/v1/images/generations`) or from images (`/v1/images/edits`, with a form)."""
