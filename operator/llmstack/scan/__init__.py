"""PURE. What is in a JSON body, found out byte by byte, without an object for each value?"""
