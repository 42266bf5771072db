{{/*
How does the definition (CRD) in the cluster stand to the chart's?

  unknown   no cluster is asked
  missing
  older     of an older version, of none that is said, or of this one and edited
  newer
  same
*/}}
{{- define "llm-stack.crds.state" -}}
{{- if not (include "llm-stack.cluster.asked" .) -}}
unknown
{{- else -}}
{{- $live := include "llm-stack.lookup" (list "apiextensions.k8s.io/v1" "CustomResourceDefinition" "" "llmdeployments.llmstack.dev") | fromJson -}}
{{- $version := include "llm-stack.crds.version" $live -}}
{{- $ours := .Files.Get "crds/llmstack.dev_llmdeployments.yaml" | fromYaml -}}
{{- if not $live -}}
missing
{{- else if semverCompare (printf ">%s" .Chart.AppVersion) $version -}}
newer
{{- else if semverCompare (printf "<%s" .Chart.AppVersion) $version -}}
older
{{- else if ne (toJson $live.spec.versions) (toJson $ours.spec.versions) -}}
older
{{- else -}}
same
{{- end -}}
{{- end -}}
{{- end }}

{{- define "llm-stack.crds.version" -}}
{{- dig "metadata" "annotations" "llmstack.dev/version" "0.0.0" . }}
{{- end }}

{{/*
When does the Job run? Before an install only where Helm leaves a definition that is not the chart's.
*/}}
{{- define "llm-stack.crds.events" -}}
{{- if and .Release.IsInstall (has (include "llm-stack.crds.state" .) (list "missing" "older")) -}}
pre-install,
{{- end -}}
pre-upgrade,pre-rollback
{{- end }}

{{- define "llm-stack.crds.labels" -}}
app.kubernetes.io/name: {{ include "llm-stack.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: crds
{{ include "llm-stack.releaseLabels" . }}
{{- end }}

{{- define "llm-stack.crds.fullname" -}}
{{- printf "%s-crds" (include "llm-stack.fullname" . | trunc 50 | trimSuffix "-") }}
{{- end }}

{{/*
One task of `llmstack crds` as a hook: a Job, and rights for it that go when it is done.

  name, task, events, verbs   and root: the chart's own scope
*/}}
{{- define "llm-stack.crds.hook" -}}
apiVersion: v1
kind: ServiceAccount
metadata:
  name: {{ .name }}
  namespace: {{ .root.Release.Namespace }}
  labels: {{- include "llm-stack.crds.labels" .root | nindent 4 }}
  annotations: {{- include "llm-stack.crds.annotations" (dict "events" .events "weight" "-20") | nindent 4 }}
automountServiceAccountToken: false
---
# What may it do? This to the one definition by its name, and nothing else.
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata:
  name: {{ .name }}
  labels: {{- include "llm-stack.crds.labels" .root | nindent 4 }}
  annotations: {{- include "llm-stack.crds.annotations" (dict "events" .events "weight" "-20") | nindent 4 }}
rules:
  - apiGroups: [apiextensions.k8s.io]
    resources: [customresourcedefinitions]
    resourceNames: [llmdeployments.llmstack.dev]
    verbs: [{{ join ", " .verbs }}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata:
  name: {{ .name }}
  labels: {{- include "llm-stack.crds.labels" .root | nindent 4 }}
  annotations: {{- include "llm-stack.crds.annotations" (dict "events" .events "weight" "-20") | nindent 4 }}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: ClusterRole
  name: {{ .name }}
subjects:
  - kind: ServiceAccount
    name: {{ .name }}
    namespace: {{ .root.Release.Namespace }}
---
apiVersion: batch/v1
kind: Job
metadata:
  name: {{ .name }}
  namespace: {{ .root.Release.Namespace }}
  labels: {{- include "llm-stack.crds.labels" .root | nindent 4 }}
  annotations: {{- include "llm-stack.crds.annotations" (dict "events" .events "weight" "-10") | nindent 4 }}
spec:
  backoffLimit: 3
  activeDeadlineSeconds: 240
  # Status 1: it was refused, and would be each time.
  podFailurePolicy:
    rules:
      - action: FailJob
        onExitCodes: {containerName: crds, operator: In, values: [1]}
  template:
    metadata:
      labels: {{- include "llm-stack.crds.labels" .root | nindent 8 }}
    spec:
      restartPolicy: Never
      serviceAccountName: {{ .name }}
      automountServiceAccountToken: true
      enableServiceLinks: false
      {{- with .root.Values.imagePullSecrets }}
      imagePullSecrets: {{- toYaml . | nindent 8 }}
      {{- end }}
      securityContext:
        runAsNonRoot: true
        {{- if .root.Values.fixedIds }}
        runAsUser: 65532
        runAsGroup: 65532
        {{- end }}
        seccompProfile: {type: RuntimeDefault}
      containers:
        - name: crds
          image: {{ include "llm-stack.image" .root | quote }}
          imagePullPolicy: {{ .root.Values.image.pullPolicy }}
          args: [crds, {{ .task }}]
          # What it said last is in the pod's status too.
          terminationMessagePolicy: FallbackToLogsOnError
          resources:
            requests: {cpu: 50m, memory: 64Mi}
            limits: {memory: 256Mi}
          securityContext:
            allowPrivilegeEscalation: false
            readOnlyRootFilesystem: true
            capabilities: {drop: [ALL]}
          volumeMounts:
            - name: tmp
              mountPath: /tmp
      volumes:
        - name: tmp
          emptyDir: {sizeLimit: 16Mi}
      {{- with .root.Values.nodeSelector }}
      nodeSelector: {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with .root.Values.tolerations }}
      tolerations: {{- toYaml . | nindent 8 }}
      {{- end }}
{{- end }}

{{/* A Job that failed stays until the next one, to be asked why. */}}
{{- define "llm-stack.crds.annotations" -}}
helm.sh/hook: {{ .events }}
helm.sh/hook-weight: {{ .weight | quote }}
helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
{{- end }}
