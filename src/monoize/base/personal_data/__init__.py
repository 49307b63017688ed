"""Personal data and secrets in text: where they are, and what may stand in their place.

Shapes, check digits and a few words decide, never a model: what is found can be explained, and is found again. Each
detector says honestly how sure it is. All are linear in the text, look at a bounded stretch around a place, and see
no value that goes beyond a cut (`cuts`), so a text in pieces is treated like a whole one.
"""
