"""Load tests that speak HTTP to a running server: journeys at the ATM, on the web and in the branch, and its promises.

Nothing here knows the product's packages; what a touchpoint could not see over HTTP, the load test does not see either.
"""
