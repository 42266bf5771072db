"""Suites that others wrote, run against llama-server alone and through the gateway."""
