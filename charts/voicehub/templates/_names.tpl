{{- define "voicehub.name" -}}
{{- if eq .Release.Name "voicehub" }}voicehub{{ else }}{{ printf "%s-voicehub" .Release.Name | trunc 45 | trimSuffix "-" }}{{ end -}}
{{- end }}

{{/* Labels that select; `component` is one of the services, operator, triton, hub. Arguments: list root component. */}}
{{- define "voicehub.selector" -}}
app.kubernetes.io/name: voicehub
app.kubernetes.io/instance: {{ (index . 0).Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end }}

{{- define "voicehub.labels" -}}
{{ include "voicehub.selector" . }}
app.kubernetes.io/version: {{ (index . 0).Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ (index . 0).Release.Service }}
app.kubernetes.io/part-of: voicehub
helm.sh/chart: {{ printf "%s-%s" (index . 0).Chart.Name (index . 0).Chart.Version }}
{{- end }}

{{/* An image of the hub. Arguments: list root name. */}}
{{- define "voicehub.image" -}}
{{- $root := index . 0 }}{{ $name := index . 1 }}{{ $image := $root.Values.image -}}
{{ $root.Values.global.imageRegistry }}/{{ $image.prefix }}{{ $name }}
{{- with index $image.digests $name }}@{{ . }}{{ else }}:{{ $image.tag | default $root.Chart.AppVersion }}{{ end }}
{{- end }}

{{/* The image that a service runs from: trainings in the trainer's own pod need the worker's. Arguments: list root service. */}}
{{- define "voicehub.imageOf" -}}
{{- $root := index . 0 }}{{ $service := index . 1 -}}
{{- if and (eq $service "trainer") (eq $root.Values.training.mode "local") -}}
{{ include "voicehub.image" (list $root $root.Values.training.worker.image) }}
{{- else -}}
{{ include "voicehub.image" (list $root $service) }}
{{- end }}
{{- end }}

{{- define "voicehub.services" -}}
catalog trainer scanner inference gateway
{{- end }}

{{- define "voicehub.production" -}}
{{- if eq .Values.profile "production" }}yes{{ end }}
{{- end }}

{{- define "voicehub.tls" -}}
{{- if and (eq .Values.profile "production") (has .Values.tls.mode (list "cert-manager" "given")) }}yes{{ end }}
{{- end }}

{{/* The Secret with a service's certificate. Arguments: list root service. */}}
{{- define "voicehub.tlsSecret" -}}
{{- $root := index . 0 -}}
{{- if eq $root.Values.tls.mode "given" }}{{ index $root.Values.tls.existingSecrets (index . 1) }}
{{- else }}{{ include "voicehub.name" $root }}-{{ index . 1 }}-tls{{ end }}
{{- end }}

{{- define "voicehub.bootstrapSecret" -}}
{{ .Values.bootstrap.existingSecret | default (printf "%s-bootstrap" (include "voicehub.name" .)) }}
{{- end }}

{{- define "voicehub.sharedClaim" -}}
{{ .Values.storage.shared.existingClaim | default (printf "%s-shared" (include "voicehub.name" .)) }}
{{- end }}

{{- define "voicehub.scansClaim" -}}
{{ .Values.storage.scans.existingClaim | default (printf "%s-scans" (include "voicehub.name" .)) }}
{{- end }}

{{/* Where voices are computed. */}}
{{- define "voicehub.inferenceURL" -}}
{{- if eq .Values.triton.backend "none" }}onnxruntime://
{{- else }}triton://{{ include "voicehub.name" . }}-triton:8001/repository?backend={{ .Values.triton.backend }}&memory_mb={{ int64 .Values.triton.memoryMB }}{{ end }}
{{- end }}
