{{- define "llm-stack.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- define "llm-stack.fullname" -}}
{{- $name := include "llm-stack.name" . }}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 63 | trimSuffix "-" }}
{{- else if contains $name .Release.Name }}
{{- .Release.Name | trunc 63 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name $name | trunc 63 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- define "llm-stack.selectorLabels" -}}
app.kubernetes.io/name: {{ include "llm-stack.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: operator
{{- end }}

{{- define "llm-stack.gateway.selectorLabels" -}}
app.kubernetes.io/name: {{ include "llm-stack.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: gateway
{{- end }}

{{- define "llm-stack.labels" -}}
{{ include "llm-stack.selectorLabels" . }}
{{ include "llm-stack.releaseLabels" . }}
{{- end }}

{{- define "llm-stack.gateway.labels" -}}
{{ include "llm-stack.gateway.selectorLabels" . }}
{{ include "llm-stack.releaseLabels" . }}
{{- end }}

{{- define "llm-stack.releaseLabels" -}}
app.kubernetes.io/part-of: llm-stack
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end }}

{{- define "llm-stack.serviceAccountName" -}}
{{- .Values.serviceAccount.name | default (include "llm-stack.fullname" .) }}
{{- end }}

{{- define "llm-stack.gateway.fullname" -}}
{{- printf "%s-gateway" (include "llm-stack.fullname" . | trunc 50 | trimSuffix "-") }}
{{- end }}

{{- define "llm-stack.metrics.fullname" -}}
{{- printf "%s-metrics" (include "llm-stack.fullname" . | trunc 50 | trimSuffix "-") }}
{{- end }}

{{- define "llm-stack.gateway.serviceAccountName" -}}
{{- .Values.gateway.serviceAccount.name | default (include "llm-stack.gateway.fullname" .) }}
{{- end }}

{{- define "llm-stack.serviceDomain" -}}
{{- printf "%s.svc.%s" .Release.Namespace .Values.clusterDomain }}
{{- end }}

{{- define "llm-stack.rootSecretName" -}}
{{- .Values.rootSecretName | default (printf "%s-root" (include "llm-stack.fullname" .)) }}
{{- end }}

{{/* Where do the images come from, where only their registry is named? See images/README.md. */}}
{{- define "llm-stack.image.repository" -}}
{{- if .Values.image.repository -}}
{{- .Values.image.repository }}
{{- else -}}
{{- printf "%s/llm-stack/operator" (trimSuffix "/" .Values.image.registry) }}
{{- end -}}
{{- end }}

{{- define "llm-stack.image" -}}
{{- $repository := include "llm-stack.image.repository" . }}
{{- if .Values.image.digest }}
{{- printf "%s@%s" $repository .Values.image.digest }}
{{- else }}
{{- printf "%s:%s" $repository (.Values.image.tag | default .Chart.AppVersion) }}
{{- end }}
{{- end }}

{{- define "llm-stack.cpuServerImage" -}}
{{- if .Values.serverImages.cpu -}}
{{- .Values.serverImages.cpu }}
{{- else -}}
{{- printf "%s/llm-stack/llama-server:%s" (trimSuffix "/" .Values.image.registry) .Chart.AppVersion }}
{{- end -}}
{{- end }}

{{/* "true" if an autoscaler sets the number of gateways; values of an older chart have no such part. */}}
{{- define "llm-stack.gateway.autoscaled" -}}
{{- if (.Values.gateway.autoscaling | default dict).enabled -}}true{{- end -}}
{{- end }}

{{/* "true" if there may be several gateways not only in a rollout; else nothing. */}}
{{- define "llm-stack.gateway.several" -}}
{{- $most := .Values.gateway.replicas -}}
{{- if include "llm-stack.gateway.autoscaled" . -}}{{- $most = .Values.gateway.autoscaling.maxReplicas -}}{{- end -}}
{{- if gt (int $most) 1 -}}true{{- end -}}
{{- end }}

{{/*
The tolerations of each of several gateways: those of the values, and 5 seconds for a lost node (Kubernetes'
default is 5 minutes) unless the values already tolerate that taint.
*/}}
{{- define "llm-stack.gateway.tolerations" -}}
{{- $all := .Values.gateway.tolerations -}}
{{- range $taint := list "node.kubernetes.io/not-ready" "node.kubernetes.io/unreachable" -}}
{{- $said := false -}}
{{- range $.Values.gateway.tolerations -}}
{{- if has (default "" .key) (list "" $taint) -}}{{- $said = true -}}{{- end -}}
{{- end -}}
{{- if not $said -}}
{{- $all = append $all (dict "key" $taint "operator" "Exists" "effect" "NoExecute" "tolerationSeconds" 5) -}}
{{- end -}}
{{- end -}}
{{- toYaml $all -}}
{{- end }}
