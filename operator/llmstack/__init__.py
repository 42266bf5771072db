"""llm-stack: open models on Kubernetes, scaled and balanced by llama.cpp slots."""
