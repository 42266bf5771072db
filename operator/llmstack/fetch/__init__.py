"""`llmstack fetch`, the init container: how does a model reach the cache?

main       arguments, signals, termination message
story      cache hit, or lock · locate · download · verify · publish
remote     where do the bytes lie now, and who may see the token?      client  one HTTP request
download   many ranges at once (board: who fetches what)      hashing  the sum, meanwhile
partial    the file in the making and its journal     cache  blobs, links, markers     lock
"""
