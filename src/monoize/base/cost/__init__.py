"""What a provider request costs us: pure, exact, in whole nano-USD, with an unknown price never taken for nothing.

usage ─┐                                   ┌─ breakdown   as the JSON that is stored, and back
price ─┴─ sheet ── costing (`cost_of`) ────┤
            └───── bound (before the call) └─ totals, measures
"""
