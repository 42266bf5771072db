"""`make up`: from nothing to a curl line that answers.

    tools ─> cluster ─────────> images loaded ─> chart ─> model source ─> sample ─> Ready ─> curl
    images: built beside the first two ┘

Every step can be done again, so a run that was killed anywhere is simply started once more.
"""

from __future__ import annotations

import os
import sys
from functools import cached_property
from pathlib import Path

from tests.e2e.cluster import packages
from tests.e2e.cluster.binaries import binary
from tests.e2e.cluster.provider import HOME, Provider, attach, start_cluster

from . import curl, images, source
from .errors import StackError
from .release import GATEWAY, NAME, NAMESPACE, Release
from .stack import GATEWAY_PORT, Stack
from .steps import Progress, Step, StepFailed

SAMPLE_NAMESPACE = "default"
SAMPLE_NAME = "smollm2"
READY_SECONDS = 600
HOST_TOOLS = {"curl": "curl"}

AGAIN = "mend what the message names, and run `make up` again: what is done stays done."
FRESH = (
    f"{AGAIN} If it fails again, start afresh with `make down`. The log is .cluster/cluster.log."
)


def up(say: Progress) -> int:
    """Does all steps; the exit status."""
    run = Up(say)
    try:
        say.perform(run.steps())
    except StepFailed:
        return 1
    finally:
        run.end()
    return 0


class Up:
    """The steps and what they hand on to each other."""

    def __init__(self, say: Progress, home: Path = HOME) -> None:
        self._say = say
        self._home = home
        self._build: images.Build | None = None
        self._cluster: Provider | None = None
        self._model_url = ""

    def steps(self) -> list[Step]:
        """What is done, in order."""
        return [
            Step("tools: kubectl, helm, curl", self.tools, AGAIN),
            Step("cluster", self.cluster, FRESH),
            Step("images built", self.images_built, AGAIN),
            Step("images on the node", self.images_loaded, FRESH),
            Step(f"helm upgrade --install {NAME}", self.chart, FRESH),
            Step("model source", self.model_source, FRESH),
            Step("kubectl apply of the sample", self.sample, FRESH),
            Step("sample is Ready", self.ready, self._look()),
            Step("curl through the gateway", self.ask, self._look()),
        ]

    def end(self) -> None:
        """Lets go of what runs beside the steps."""
        if self._build is not None:
            self._build.cancel()

    # The steps ---------------------------------------------------------------------------------

    def tools(self) -> str:
        packages.ensure(HOST_TOOLS)
        if not self._existing:
            # Begun here, needed three steps later.
            self._build = images.Build()
        links = self._home / "bin"
        links.mkdir(parents=True, exist_ok=True)
        for name in ("kubectl", "helm"):
            link(links / name, binary(name))
        return f"in {links}"

    def cluster(self) -> str:
        there = attach(self._home)
        ran = there is not None and there.running()
        self._cluster = start_cluster(detached=True, home=self._home)
        return f"{self._cluster.provider}, {'already running' if ran else 'started'}"

    def images_built(self) -> str | None:
        if self._build is None:
            self._images = images.named(os.environ)
            return "yours"
        self._built = self._build.wait()
        self._images = images.references(self._built)
        return None

    def images_loaded(self) -> str:
        if self._build is None:
            return "its nodes pull them"
        loaded = images.load(self._running, self._built.values())
        return f"{loaded} of {len(self._built)} were missing"

    def chart(self) -> None:
        Release(self._running).install(self._images)

    def model_source(self) -> str:
        if source.nodes_reach_hub(self._running, lambda: source.hub_answers(os.environ)):
            return "the model hub"
        source.serve(self._running, self._images)
        self._model_url = source.URL
        return f"no way to the model hub, so {source.URL}"

    def sample(self) -> None:
        body = source.sample()
        if self._model_url:
            body = source.with_source(body, self._model_url)
        self._stack.apply(body)

    def ready(self) -> None:
        said = ""
        for now in self._stack.follow(SAMPLE_NAME, READY_SECONDS):
            found = now.get("Ready", {})
            if found.get("status") == "True":
                # Where the sample was changed, the old replica may be what is ready.
                self._stack.kubectl(
                    "rollout", "status", f"deployment/{SAMPLE_NAME}", "--timeout=5m"
                )
                return
            words = f"{found.get('reason', 'Waiting')}: {found.get('message', 'no status yet')}"
            if words != said:
                self._say.line(f"  {words}")
            said = words
        raise StackError(f"Not Ready in {READY_SECONDS} s.\n{self._stack.explain(SAMPLE_NAME)}")

    def ask(self) -> None:
        url = self._running.forward(NAMESPACE, GATEWAY, GATEWAY_PORT)
        # In full: on an existing cluster others may have a model of that name, too.
        line = curl.line(url, self._stack.full_name(SAMPLE_NAME))
        answer = curl.answer(line)
        print(CLOSING.format(line=line, answer=answer, url=url, home=self._home.absolute()))

    # Handed on -----------------------------------------------------------------------------------

    @property
    def _existing(self) -> bool:
        return os.environ.get("CLUSTER") == "existing"

    @property
    def _running(self) -> Provider:
        assert self._cluster is not None
        return self._cluster

    @cached_property
    def _stack(self) -> Stack:
        return Stack(self._running, SAMPLE_NAMESPACE, self._model_url)

    def _look(self) -> str:
        kubectl = f"KUBECONFIG={self._home}/kubeconfig {self._home}/bin/kubectl"
        return (
            f"look with `{kubectl} describe llmd {SAMPLE_NAME}`; the README's troubleshooting says "
            f"what each reason means. Then {AGAIN}"
        )


CLOSING = """
It answers:

  {answer}

Ask it yourself:

{line}

Any OpenAI client does, at {url}/v1 (api_key: anything).

Look around:

export KUBECONFIG={home}/kubeconfig PATH={home}/bin:$PATH
kubectl get llmd
"""


def link(at: Path, target: Path) -> None:
    """Makes a symlink, or points it elsewhere; whoever looks finds one at all times."""
    aside = at.with_name(f".{at.name}.new")
    aside.unlink(missing_ok=True)
    aside.symlink_to(target)
    aside.rename(at)


def status() -> int:
    """How do the cluster and what runs in it stand? Prints what kubectl says."""
    cluster = attach()
    if cluster is None or not cluster.running():
        print("No cluster is running: `make up` starts one.", file=sys.stderr)
        return 1
    print(f"The {cluster.provider} cluster runs: export KUBECONFIG={cluster.kubeconfig}")
    for what in ("nodes", "llmdeployments --all-namespaces", "pods --all-namespaces"):
        print("\n" + cluster.kubectl("get", *what.split()), end="")
    return 0
