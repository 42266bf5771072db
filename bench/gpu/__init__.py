"""What does llama-server do on a real accelerator, and what is it worth to know its slots there?"""
