"""Which settings does a process start with?

Each role reads its own from the environment, once, at its start: nothing reads the environment
later. A setting that cannot work is a ConfigurationError that names the variable. One file a role
lists its variables, with what each means: `operator` (with `lease` and `metrics`), `gateway` (with
`limits`) and `fetch`. docs/settings.md is made from them.
Each file is imported by itself: the init container starts faster without those of the others.
"""
