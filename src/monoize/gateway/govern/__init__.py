"""Governed requests on their way: gates are asked in their order, content is looked into, all is written down."""
