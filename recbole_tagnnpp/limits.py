"""How large a number may be that a user gives."""

LARGEST_INTEGER = 2**31 - 1
"""More than any setting or rule has a use for, and small enough that nothing overflows."""
