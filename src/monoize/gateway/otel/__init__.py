"""What requests came to, told to a collector of OpenTelemetry. Nothing of this is loaded unless one is named."""
