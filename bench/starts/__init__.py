"""Where does the time go from an apply to Ready, and from the first request to the first token?

timeline   moments and what lies between them; the medians of several runs
node       what the node's container runtime and the containers' logs tell of a pod
watching   what the API server's watches tell, as it comes
"""
