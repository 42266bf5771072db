"""Bad input and faults on a real node: each ends in a reason, a message, and nothing lost."""
