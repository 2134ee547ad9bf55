"""Files of comments: reading and writing them row by row, whatever their size.

A format is one private module, for both directions. `opening` and `target` are the way in and out; the
rest of the service knows `rows` only.
"""
