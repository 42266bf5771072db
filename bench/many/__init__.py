"""How does the operator stand up to a cluster with many LLMDeployments?"""
