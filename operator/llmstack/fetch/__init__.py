"""`llmstack fetch`, the init container: how does a model reach the cache?

main       arguments, signals, termination message
outside    what a model that is not in the cache needs; imported only then
story      cache hit, or lock · locate · space · headers · download · verify · publish
wanted     what the deployment asks, and whether the headers (inspect) allow it
remote     where do the bytes lie now, and who may see the token?
client     one HTTP request (proxies: through whom, answering and pace: how long it may take)
download   many ranges at once (board: who fetches what)      stream   one answer, from the start
hashing    the sum, meanwhile
partial    the file in the making and its journal     cache  blobs, links, markers     lock
"""
