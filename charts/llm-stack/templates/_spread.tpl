{{/*
How are the pods of a part spread? As asked, and counted by the part's own labels unless told.

  constraints, and labels: those that select the part's pods
*/}}
{{- define "llm-stack.spread" -}}
{{- $own := dict "labelSelector" (dict "matchLabels" .labels) -}}
{{- $found := list -}}
{{- range .constraints -}}
{{- if hasKey . "labelSelector" -}}
{{- $found = append $found . -}}
{{- else -}}
{{- $found = append $found (merge (dict) . $own) -}}
{{- end -}}
{{- end -}}
{{- toYaml $found -}}
{{- end }}
