{{/* Is it known where both images are? The project publishes none. */}}
{{- define "llm-stack.check.images" -}}
{{- $registry := .Values.image.registry -}}
{{- if contains "://" $registry -}}
{{- fail (printf "image.registry is %q, but must be a registry without a scheme, for example registry.example.com or registry.example.com/team." $registry) -}}
{{- end -}}
{{- if not (or $registry (and .Values.image.repository .Values.serverImages.cpu)) -}}
{{- $version := .Chart.AppVersion -}}
{{- $missing := ternary "Set serverImages.cpu to the llama-server image, with its tag" "Set image.repository to the operator's image" (ne .Values.image.repository "") -}}
{{- fail (printf "%s, or set image.registry for both. There is no public image of llm-stack yet: build the images with `make images`, push them as REGISTRY/llm-stack/operator:%s and REGISTRY/llm-stack/llama-server:%s, and install with --set image.registry=REGISTRY. See images/README.md." $missing $version $version) -}}
{{- end -}}
{{- end }}

{{/* Is the definition there, where nobody but the user brings it? */}}
{{- define "llm-stack.check.crds" -}}
{{- $state := include "llm-stack.crds.state" . -}}
{{- if and (not .Values.crds.apply) (has $state (list "missing" "older")) -}}
{{- fail (printf "crds.apply is false, and the CRD llmdeployments.llmstack.dev in the cluster %s: this chart needs version %s. Run `kubectl apply --server-side --force-conflicts -f crds/` with the crds/ of this version, or set crds.apply to true." (ternary "is missing" "has another version" (eq $state "missing")) .Chart.AppVersion) -}}
{{- end -}}
{{- end }}

{{/* Is each model where the operator looks, and does the definition know each of its fields? */}}
{{- define "llm-stack.check.models" -}}
{{- $definition := .Files.Get "crds/llmstack.dev_llmdeployments.yaml" | fromYaml -}}
{{- $schema := (first $definition.spec.versions).schema.openAPIV3Schema.properties.spec -}}
{{- range $name, $model := .Values.models -}}
{{- $namespace := $model.namespace | default $.Release.Namespace -}}
{{- if and $.Values.namespaces (not (has $namespace $.Values.namespaces)) -}}
{{- fail (printf "models.%s is in namespace %s, which is not in `namespaces` (%s). Set models.%s.namespace to one of these, or add %s to the list." $name $namespace (join ", " $.Values.namespaces) $name $namespace) -}}
{{- end -}}
{{- include "llm-stack.check.fields" (dict "path" (printf "models.%s.spec" $name) "value" $model.spec "schema" $schema) -}}
{{- end -}}
{{- end }}

{{/* A field that the server does not know it drops, and Helm only warns of it. */}}
{{- define "llm-stack.check.fields" -}}
{{- $known := .schema.properties -}}
{{- if and $known (kindIs "map" .value) -}}
{{- range $key, $value := .value -}}
{{- if not (hasKey $known $key) -}}
{{- fail (printf "%s.%s: unknown field. Valid fields are: %s." $.path $key (keys $known | sortAlpha | join ", ")) -}}
{{- end -}}
{{- include "llm-stack.check.fields" (dict "path" (printf "%s.%s" $.path $key) "value" $value "schema" (get $known $key)) -}}
{{- end -}}
{{- else if and .schema.items (kindIs "slice" .value) -}}
{{- range $index, $value := .value -}}
{{- include "llm-stack.check.fields" (dict "path" (printf "%s[%d]" $.path $index) "value" $value "schema" $.schema.items) -}}
{{- end -}}
{{- end -}}
{{- end }}

{{/* Would something be installed that needs the rights which are said to be missing? */}}
{{- define "llm-stack.check.rbac" -}}
{{- if and (not .Values.rbac.create) (or .Values.crds.apply (not .Values.crds.keep)) -}}
{{- fail "rbac.create is false, but the Jobs of `crds` need a ClusterRole: set crds.apply to false, leave crds.keep true, and let an administrator apply crds/. See docs/chart.md." -}}
{{- end -}}
{{- end }}

{{/* Rights in a namespace that there is not would fail with half of the release installed. */}}
{{- define "llm-stack.check.namespaces" -}}
{{- if include "llm-stack.cluster.asked" . -}}
{{- range $namespace := without .Values.namespaces .Release.Namespace -}}
{{- if not (include "llm-stack.lookup" (list "v1" "Namespace" "" $namespace) | fromJson) -}}
{{- fail (printf "namespaces: namespace %s does not exist in this cluster. Create it first: `kubectl create namespace %s`." $namespace $namespace) -}}
{{- end -}}
{{- end -}}
{{- range $name, $model := .Values.models -}}
{{- $namespace := $model.namespace | default $.Release.Namespace -}}
{{- if and (ne $namespace $.Release.Namespace) (not (include "llm-stack.lookup" (list "v1" "Namespace" "" $namespace) | fromJson)) -}}
{{- fail (printf "models.%s: namespace %s does not exist in this cluster. Create it first: `kubectl create namespace %s`." $name $namespace $namespace) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end }}
