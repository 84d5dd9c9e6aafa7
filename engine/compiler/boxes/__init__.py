"""Which customers a condition can match, as boxes: for every fact the values that are left, missing among them.

`domain` holds the values of one axis, `axes` gives every fact and event its axis and every cell its region,
`search` looks for a customer whom several conditions match at once, and `witness` puts that customer into words.
"""
