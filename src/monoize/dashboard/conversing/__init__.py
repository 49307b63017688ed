"""Conversations that people hold in the pages: with models through the gateway, with agents on their machines."""
