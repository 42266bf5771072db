"""What becomes of what runs when the release is upgraded, rolled back, uninstalled, installed anew?

A cluster of their own, in which the version before this one comes first, CRD and all.

versions.py   what both versions are
life.py       the steps, and streams that run across them
"""
