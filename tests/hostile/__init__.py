"""A corpus of hostile and broken inputs, made by the tests, each with the verdict that is right.

`python -m tests.hostile --long` runs the heavy ones at full size and prints what they cost.
"""
