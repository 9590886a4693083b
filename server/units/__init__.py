"""The bitemporal tree of units: provinces, districts, communes, villages, and the organs of each bloc."""
