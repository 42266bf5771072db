{{/*
Is there a cluster to be asked? Not by `helm template` (and so not by Argo CD), and not where somebody
else made the roles: then the rights to ask are missing too.
*/}}
{{- define "llm-stack.cluster.asked" -}}
{{- if .Values.rbac.create -}}
{{- if include "llm-stack.lookup" (list "v1" "Namespace" "" "kube-system") | fromJson -}}
yes
{{- end -}}
{{- end -}}
{{- end }}

{{/*
What does the cluster hold? A list of API, kind, namespace and name gives the object as JSON.

Helm ends where the cluster refuses to say, and shows the name of the template that asked. So that one
is named by what the user can do.
*/}}
{{- define "llm-stack.lookup" -}}
{{- include "Without rights in the whole cluster, use rbac.create=false: see docs/chart.md" . -}}
{{- end }}

{{- define "Without rights in the whole cluster, use rbac.create=false: see docs/chart.md" -}}
{{- lookup (index . 0) (index . 1) (index . 2) (index . 3) | toJson -}}
{{- end }}

{{/*
Is the Secret with the keys of clients missing? Empty: it is there, none is wanted, or the cluster was not
asked. Only its existence is looked at.
*/}}
{{- define "llm-stack.keysMissing" -}}
{{- $name := .Values.gateway.auth.keysSecretRef.name -}}
{{- if and $name (include "llm-stack.cluster.asked" .) -}}
{{- if not (include "llm-stack.lookup" (list "v1" "Secret" .Release.Namespace $name) | fromJson) -}}
yes
{{- end -}}
{{- end -}}
{{- end }}
