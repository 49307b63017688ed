"""The verbs of telemetry, by what they are about."""
