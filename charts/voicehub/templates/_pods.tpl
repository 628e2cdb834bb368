{{/* A value as it was written: Helm reads numbers of a file as floats, and would say 1e+06 of a million. */}}
{{- define "voicehub.plain" -}}
{{- if and (kindIs "float64" .) (eq . (floor .)) }}{{ int64 . }}{{ else }}{{ . }}{{ end }}
{{- end }}

{{/* PodSecurity "restricted", for every pod of the chart. */}}
{{- define "voicehub.podSecurity" -}}
runAsNonRoot: true
runAsUser: {{ int64 .Values.user.id }}
runAsGroup: {{ int64 .Values.user.group }}
fsGroup: {{ int64 .Values.user.group }}
fsGroupChangePolicy: OnRootMismatch
seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "voicehub.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end }}

{{/* What every pod says beside its containers. A token of the API is nobody's by default: see voicehub.tokenMount. */}}
{{- define "voicehub.podCommon" -}}
{{- $root := index . 0 }}{{ $component := index . 1 -}}
serviceAccountName: {{ include "voicehub.name" $root }}-{{ $component }}
automountServiceAccountToken: false
enableServiceLinks: false
securityContext: {{- include "voicehub.podSecurity" $root | nindent 2 }}
{{- with $root.Values.global.imagePullSecrets }}
imagePullSecrets: {{- toYaml . | nindent 2 }}
{{- end }}
{{- if $root.Values.topologySpread.enabled }}
topologySpreadConstraints:
  - maxSkew: 1
    topologyKey: {{ $root.Values.topologySpread.key }}
    whenUnsatisfiable: ScheduleAnyway
    labelSelector: {{ include "voicehub.selects" . }}
{{- end }}
{{- end }}

{{/* Components that make resources of the API, as JSON. */}}
{{- define "voicehub.callers" -}}
{{- $callers := list }}
{{- if .Values.operator.enabled }}{{ $callers = list "operator" "scanner" }}{{ end }}
{{- if eq .Values.training.mode "kubernetes" }}{{ $callers = append $callers "trainer" }}{{ end }}
{{- toJson $callers }}
{{- end }}

{{/* A token for the one container that calls the API, as automounting would lay it for all containers of the pod. */}}
{{- define "voicehub.tokenMount" -}}
- {name: token, mountPath: /var/run/secrets/kubernetes.io/serviceaccount, readOnly: true}
{{- end }}

{{- define "voicehub.tokenVolume" -}}
- name: token
  projected:
    defaultMode: 0440
    sources:
      - serviceAccountToken: {path: token, expirationSeconds: 3607}
      - configMap: {name: kube-root-ca.crt, items: [{key: ca.crt, path: ca.crt}]}
      - downwardAPI: {items: [{path: namespace, fieldRef: {fieldPath: metadata.namespace}}]}
{{- end }}

{{- define "voicehub.placement" -}}
{{- with .Values.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* Environment that every program of the hub has. */}}
{{- define "voicehub.calm" -}}
- {name: HOME, value: /tmp}
- {name: VOICEHUB_DATA, value: /var/lib/voicehub}
- {name: VOICEHUB_LOG_LEVEL, value: {{ .Values.logLevel }}}
- {name: PYTHONUNBUFFERED, value: "1"}
- {name: ORT_DISABLE_TELEMETRY, value: "1"}
- {name: HF_HUB_OFFLINE, value: "1"}
- {name: NUMBA_CACHE_DIR, value: /tmp/numba}
- {name: MPLCONFIGDIR, value: /tmp/matplotlib}
{{- end }}

{{/* One engine's URL, by reference where it holds a password. Arguments: list variable engine. */}}
{{- define "voicehub.engine" -}}
{{- $variable := index . 0 }}{{ $engine := index . 1 -}}
{{- if $engine.existingSecret }}
- name: {{ $variable }}
  valueFrom: {secretKeyRef: {name: {{ $engine.existingSecret }}, key: {{ $engine.key }}}}
{{- else if $engine.url }}
- {name: {{ $variable }}, value: {{ $engine.url | quote }}}
{{- end }}
{{- end }}

{{- define "voicehub.engines" -}}
{{- $e := .Values.engines -}}
{{- include "voicehub.engine" (list "VOICEHUB_DATABASE_URL" $e.database) }}
{{- include "voicehub.engine" (list "VOICEHUB_EVENTS_URL" $e.events) }}
{{- include "voicehub.engine" (list "VOICEHUB_OBJECTS_URL" $e.objects) }}
{{- include "voicehub.engine" (list "VOICEHUB_SEARCH_URL" $e.search) }}
{{- end }}

{{/* Ports: in one pod each service has its own; in pods of their own all have the same. Arguments: list root service. */}}
{{- define "voicehub.grpcPort" -}}
{{- if include "voicehub.production" (index . 0) }}50051{{ else }}{{ get (dict "catalog" "50051" "trainer" "50052" "scanner" "50053" "inference" "50054" "gateway" "50055") (index . 1) }}{{ end }}
{{- end }}

{{- define "voicehub.metricsPort" -}}
{{- if include "voicehub.production" (index . 0) }}9090{{ else }}{{ get (dict "catalog" "9091" "trainer" "9092" "scanner" "9093" "inference" "9094" "gateway" "9095") (index . 1) }}{{ end }}
{{- end }}

{{/* Where a service finds the others. Arguments: list root service. */}}
{{- define "voicehub.addresses" -}}
{{- $root := index . 0 }}{{ $self := index . 1 }}{{ $name := include "voicehub.name" $root -}}
{{- range splitList " " (include "voicehub.services" $root) }}
{{- $port := include "voicehub.grpcPort" (list $root .) }}
{{- if not (include "voicehub.production" $root) }}
- {name: VOICEHUB_{{ upper . }}_ADDRESS, value: "127.0.0.1:{{ $port }}"}
{{- else if eq . $self }}
- {name: VOICEHUB_{{ upper . }}_ADDRESS, value: "0.0.0.0:{{ $port }}"}
{{- else }}
- {name: VOICEHUB_{{ upper . }}_ADDRESS, value: "{{ $name }}-{{ . }}:{{ $port }}"}
{{- end }}
{{- end }}
- {name: VOICEHUB_METRICS_ADDRESS, value: "0.0.0.0:{{ include "voicehub.metricsPort" . }}"}
{{- end }}

{{/* How many proxies tell the gateway who asks. */}}
{{- define "voicehub.trustedProxies" -}}
{{- if ne (toString .Values.trustedProxies) "auto" }}{{ int .Values.trustedProxies }}{{ else if or .Values.ingress.enabled .Values.gatewayAPI.enabled }}1{{ else }}0{{ end }}
{{- end }}

{{/* The container of a service, the same in both profiles. Arguments: list root service. */}}
{{- define "voicehub.container" -}}
{{- $root := index . 0 }}{{ $service := index . 1 }}{{ $own := index $root.Values $service -}}
name: {{ $service }}
image: {{ include "voicehub.imageOf" . }}
imagePullPolicy: {{ $root.Values.image.pullPolicy }}
command: [python3, -m, services.{{ $service }}]
securityContext: {{- include "voicehub.containerSecurity" $root | nindent 2 }}
env:
  {{- include "voicehub.calm" $root | nindent 2 }}
  {{- include "voicehub.addresses" . | nindent 2 }}
  {{- include "voicehub.engines" $root | nindent 2 }}
  {{- if include "voicehub.tls" $root }}
  - {name: VOICEHUB_TLS, value: /tls}
  {{- end }}
  {{- if eq $service "inference" }}
  - {name: VOICEHUB_INFERENCE_URL, value: {{ include "voicehub.inferenceURL" $root | quote }}}
  {{- end }}
  {{- if and (eq $service "trainer") (eq $root.Values.training.mode "kubernetes") }}
  - {name: VOICEHUB_TRAINING_URL, value: "kubernetes://{{ $root.Release.Namespace }}/{{ $root.Values.training.queue.name }}"}
  {{- end }}
  {{- if and (eq $service "scanner") $root.Values.operator.enabled }}
  - {name: VOICEHUB_SANDBOX_URL, value: "kubernetes://{{ $root.Release.Namespace }}?volume=/scans"}
  {{- end }}
  {{- if eq $service "gateway" }}
  - {name: VOICEHUB_HTTP_ADDRESS, value: "0.0.0.0:8080"}
  - {name: VOICEHUB_PUBLIC_METRICS, value: "no"}
  - {name: VOICEHUB_TRUSTED_PROXIES, value: {{ include "voicehub.trustedProxies" $root | quote }}}
  {{- if $root.Values.bootstrap.enabled }}
  - {name: VOICEHUB_BOOTSTRAP_TOKEN_FILE, value: /bootstrap/token}
  {{- end }}
  {{- end }}
  {{- range $key, $value := $own.env }}
  - {name: {{ $key }}, value: {{ include "voicehub.plain" $value | quote }}}
  {{- end }}
ports:
  - {name: {{ if include "voicehub.production" $root }}grpc{{ else }}{{ $service }}{{ end }}, containerPort: {{ include "voicehub.grpcPort" . }}}
  - {name: {{ if include "voicehub.production" $root }}metrics{{ else }}m-{{ $service }}{{ end }}, containerPort: {{ include "voicehub.metricsPort" . }}}
  {{- if eq $service "gateway" }}
  - {name: http, containerPort: 8080}
  {{- end }}
{{- $port := include "voicehub.metricsPort" . }}
startupProbe:
  httpGet: {path: /livez, port: {{ $port }}}
  periodSeconds: 2
  timeoutSeconds: 5
  failureThreshold: 150
livenessProbe:
  httpGet: {path: {{ eq $service "gateway" | ternary "/healthz" "/livez" }}, port: {{ eq $service "gateway" | ternary "8080" $port }}}
  periodSeconds: 15
  timeoutSeconds: 6
  failureThreshold: 4
readinessProbe:
  httpGet: {path: /readyz, port: {{ $port }}}
  periodSeconds: 5
  timeoutSeconds: 3
  failureThreshold: 2
resources: {{- toYaml $own.resources | nindent 2 }}
{{- end }}
