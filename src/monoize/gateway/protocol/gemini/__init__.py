"""Google Gemini `generateContent`, as its callers and its provider speak it."""
