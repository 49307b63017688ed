"""What a request has to pass, gate by gate. Pure: asked of traffic, and of what was recorded for a draft."""
