"""Use cases of meetings, one file for each group: plan, attend, floor, recording; view reads."""
