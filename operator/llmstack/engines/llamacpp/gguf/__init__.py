"""What is in a GGUF file, and does llama-server load it?"""
