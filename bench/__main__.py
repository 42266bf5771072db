"""`make bench`: all tables of docs/, measured anew, one after the other."""

import subprocess
import sys

BENCHES = ("bench.fetch", "bench.stack", "bench.gateway", "bench.scaling")

for name in BENCHES:
    subprocess.run([sys.executable, "-m", name, "--write"], check=True)
