{{/* Is the definition there, where nobody but the user brings it? */}}
{{- define "llm-stack.check.crds" -}}
{{- $state := include "llm-stack.crds.state" . -}}
{{- if and (not .Values.crds.apply) (has $state (list "missing" "older")) -}}
{{- fail (printf "crds.apply is false, and the definition llmdeployments.llmstack.dev in the cluster is %s: this chart needs that of version %s. Run `kubectl apply --server-side --force-conflicts -f crds/` with the crds/ of this version, or leave crds.apply true." (ternary "missing" "another one" (eq $state "missing")) .Chart.AppVersion) -}}
{{- end -}}
{{- end }}
