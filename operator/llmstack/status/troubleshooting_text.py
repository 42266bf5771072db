"""What does docs/troubleshooting.md say around its reasons?"""

from llmstack.api.conditions import ConditionType

QUESTIONS = {
    ConditionType.SPEC_VALID: "Can the objects be built, and does the API server take them?",
    ConditionType.MODEL_READY: "Is the model in the cache, verified, and does it fit?",
    ConditionType.SCHEDULED: "Has every replica a node, with its volume and its devices?",
    ConditionType.PROGRESSING: "Do the replicas come up?",
    ConditionType.UP_TO_DATE: "Does every replica run the newest spec? Wait for it after an edit.",
    ConditionType.AUTOSCALING: "Does the number of replicas follow the load?",
    ConditionType.READY: "Does it answer? The reason is that of the condition in the way.",
}
"""By condition, in the order in which a deployment comes up."""

HEAD = """\
# When it is not Ready

<!-- Generated from operator/llmstack/status by `make pages`. Do not edit. -->

`kubectl get llmd` shows a reason. Below, each reason that may need somebody says how to see more
and how to mend it, the likeliest first. *Words in italics* are from the message: they tell which
line is yours. Commands can be pasted once the words in capitals are replaced: NAME and NAMESPACE
are the LLMDeployment's; the release is taken to be `llm-stack` in the namespace `llm-stack`.

```sh
kubectl -n NAMESPACE describe llmd NAME      # all conditions in words, and the Events
```

The condition that has the same reason as Ready is where to look. In this order they build on each
other:"""

INSIDE = """\
## After mending

A change of the spec replaces the replicas at once, and what failed is tried anew. What was mended
elsewhere (a Secret, DNS, a file at its source) counts with the next try, which the kubelet makes at
most five minutes later. To have it at once, delete the pod that fails; others are not touched:

```sh
kubectl -n NAMESPACE delete pod POD
```

### Chart values

```sh
helm upgrade llm-stack charts/llm-stack --namespace llm-stack --reuse-values --set VALUE=…
```

An upgrade of the release never restarts running models, so a value that goes into the replicas
(`fetchEnv`, `caBundle`, `serverImages`) counts for an LLMDeployment from its next change of spec
on. Any change that reaches the pods will do:

```sh
kubectl -n NAMESPACE patch llmd NAME --type=merge \\
  --patch '{"spec": {"pod": {"annotations": {"renewed": "1"}}}}'
```

### Look from inside

A pod with the rights and the network of a replica, and its cache. IMAGE is the replicas' own, which
has a shell and curl; CLAIM is a claim (without one, leave `volumes` and `volumeMounts` out):

```sh
kubectl -n NAMESPACE get deployment NAME \\
  -o jsonpath='{.spec.template.spec.containers[0].image}{"\\n"}'
kubectl -n NAMESPACE get pvc
kubectl -n NAMESPACE apply -f - <<'END'
apiVersion: v1
kind: Pod
metadata: {name: look}
spec:
  securityContext: {runAsNonRoot: true, runAsUser: 65532, runAsGroup: 65532, fsGroup: 65532,
    fsGroupChangePolicy: OnRootMismatch, seccompProfile: {type: RuntimeDefault}}
  containers:
    - name: look
      image: IMAGE
      command: [sleep, "3600"]
      securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}
      volumeMounts: [{name: cache, mountPath: /models}]
  volumes: [{name: cache, persistentVolumeClaim: {claimName: CLAIM}}]
END
kubectl -n NAMESPACE exec look -- sh -c 'id; df -h /models; ls -lan /models /models/*'
kubectl -n NAMESPACE exec look -- curl -sSIL URL
kubectl -n NAMESPACE delete pod look
```

## What is no condition

- `kubectl apply` prints a message and nothing is stored: the API server refuses it. The message
  names the field and what to write; all limits are in [api.md](api.md).
- It is Ready, and clients get errors: the gateway says why in the answer, and
  [gateway.md](gateway.md#what-a-client-is-promised) what each status means. 401: no key, or an
  unknown one. 404: no deployment, or two, have that name. 429: the queue is full
  (`spec.queue.maxRequests`). 503: no replica came up in time
  (`spec.queue.coldStartTimeoutSeconds`). 504: no slot was free in time
  (`spec.queue.timeoutSeconds`); [sizing.md](sizing.md) says how many slots are enough.
- There are no conditions at all: see [Pending](#pending)."""
