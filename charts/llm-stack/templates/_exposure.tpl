{{/*
May the gateway be reached from outside? Only by who has a key.

  value   the one that leads there; and root: the chart's own scope
*/}}
{{- define "llm-stack.check.keys" -}}
{{- if not .root.Values.gateway.auth.keysSecretRef.name -}}
{{- fail (printf "%s exposes the gateway outside the cluster, but the gateway requires no API key, so anyone could use every model. Create keys with `llmstack key TENANT`, put their lines into a Secret in the namespace %s, and set gateway.auth.keysSecretRef.name to it." .value .root.Release.Namespace) -}}
{{- end -}}
{{- end }}

{{/*
Is a kind that others define there? Where no cluster is asked nobody knows (`helm template`, and so
Argo CD): there the API server says it.

  kind, api   of which GROUP/VERSION
  what        brings it
  value       the one that asks for it; and root: the chart's own scope
*/}}
{{- define "llm-stack.check.kind" -}}
{{- $asked := include "llm-stack.cluster.asked" .root -}}
{{- if and $asked (not (.root.Capabilities.APIVersions.Has (printf "%s/%s" .api .kind))) -}}
{{- fail (printf "%s requires the kind %s of %s, which this cluster does not have. Install %s first, or set %s to false." .value .kind .api .what .value) -}}
{{- end -}}
{{- end }}
