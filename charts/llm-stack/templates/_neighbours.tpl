{{/*
Does another release serve what this one would? Each binds a role `<fullname>-cluster`, to an account in
its namespace.
*/}}
{{- define "llm-stack.check.neighbours" -}}
{{- if include "llm-stack.cluster.asked" . -}}
{{- $bindings := include "llm-stack.lookup" (list "rbac.authorization.k8s.io/v1" "ClusterRoleBinding" "" "") | fromJson -}}
{{- range $binding := $bindings.items -}}
{{- $labels := $binding.metadata.labels | default dict -}}
{{- $operators := and (eq (get $labels "app.kubernetes.io/part-of") "llm-stack") (eq (get $labels "app.kubernetes.io/component") "operator") -}}
{{- if and $operators (hasSuffix "-cluster" $binding.metadata.name) -}}
{{- $other := dict "release" (get $labels "app.kubernetes.io/instance") "namespace" (first $binding.subjects).namespace "fullname" (trimSuffix "-cluster" $binding.metadata.name) -}}
{{- if not (and (eq $other.release $.Release.Name) (eq $other.namespace $.Release.Namespace)) -}}
{{- include "llm-stack.check.neighbour" (dict "root" $ "other" $other) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end }}

{{/* What is left of a release whose Deployment is gone serves nothing, but its names are taken. */}}
{{- define "llm-stack.check.neighbour" -}}
{{- $other := .other -}}
{{- $deployment := include "llm-stack.lookup" (list "apps/v1" "Deployment" $other.namespace $other.fullname) | fromJson -}}
{{- $theirs := include "llm-stack.namespaces.of" $deployment | splitList "," | compact -}}
{{- $ours := .root.Values.namespaces -}}
{{- $both := $ours -}}
{{- if and $ours $theirs -}}
{{- $both = list -}}
{{- range $ours }}{{ if has . $theirs }}{{ $both = append $both . }}{{ end }}{{ end -}}
{{- else if $theirs -}}
{{- $both = $theirs -}}
{{- end -}}
{{- $disjoint := and $ours $theirs (not $both) -}}
{{- if and $deployment (not $disjoint) -}}
{{- fail (printf "Release %s in namespace %s already serves %s, and two operators must not serve the same namespace. Upgrade the existing release: `helm upgrade %s … --namespace %s`. Or set `namespaces` of both releases so that they do not overlap." $other.release $other.namespace (join ", " $both | default "all namespaces") $other.release $other.namespace) -}}
{{- else if eq $other.fullname (include "llm-stack.fullname" .root) -}}
{{- fail (printf "Release %s in namespace %s already owns the ClusterRole %s, whose name this release would use. Install this release under another name, or uninstall the existing one: `helm uninstall %s --namespace %s`." $other.release $other.namespace $other.fullname $other.release $other.namespace) -}}
{{- end -}}
{{- end }}

{{/* Which namespaces does this Deployment of an operator serve? Nothing: all. */}}
{{- define "llm-stack.namespaces.of" -}}
{{- range dig "spec" "template" "spec" "containers" list . -}}
{{- range .env -}}
{{- if eq .name "LLMSTACK_NAMESPACES" }}{{ .value }}{{ end -}}
{{- end -}}
{{- end -}}
{{- end }}
