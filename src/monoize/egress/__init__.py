"""The forward proxy of agents, a data plane of its own: whoever runs on a machine gets out through here, counted.

It knows no SQL and nothing of the control plane but what crosses the wall (`contract/egress`). From the outside in:
proxy → visit → admission (who) → reach (where to) → dial → tunnel | forward. `meter` counts what goes by, `flusher`
hands it over, `follower` hears of changes. heads, bodies, targets, credentials, addresses and reach are pure.
"""
