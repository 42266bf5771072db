"""PURE. What must be known of an engine, and of no other?"""
