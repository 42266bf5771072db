"""PURE. llama.cpp's llama-server, as this project builds it."""
