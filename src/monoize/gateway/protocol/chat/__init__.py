"""OpenAI Chat Completions: requests, answers and streams of this protocol, to and from the common language.

What grew around it is spoken too: the reasoning of DeepSeek (`reasoning_content`) and of OpenRouter
(`reasoning_details`), the functions that came before tools, and usage wherever a provider puts it.
"""
