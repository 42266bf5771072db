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

{{- define "llm-stack.image" -}}
{{- $hint := "This project has no public registry yet: `make images` builds the images; push them where your nodes can pull, and name them." }}
{{- $repository := required (printf "Set image.repository to the operator's image. %s" $hint) .Values.image.repository }}
{{- if .Values.image.digest }}
{{- printf "%s@%s" $repository .Values.image.digest }}
{{- else }}
{{- printf "%s:%s" $repository (.Values.image.tag | default .Chart.AppVersion) }}
{{- end }}
{{- end }}

{{- define "llm-stack.cpuServerImage" -}}
{{- required "Set serverImages.cpu to the llama-server image, with its tag: `make images` builds it." .Values.serverImages.cpu }}
{{- end }}
