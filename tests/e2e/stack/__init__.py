"""How do a cluster, the images, the chart and a sample become a stack that answers?

steps.py      what a step is, and how steps are shown
up.py         the steps of `make up`, in order: read this first
down.py       how it all goes away
release.py    the chart, installed by helm
source.py     where the sample's model comes from
images.py     which images a cluster runs, and how they get there
stack.py      an installed stack, as tests and `make up` use it
fixtures.py   the same for pytest
"""
