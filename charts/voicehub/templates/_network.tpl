{{/* Selects the pods of one component, as JSON. Arguments: list root component. */}}
{{- define "voicehub.selects" -}}
{{ dict "matchLabels" (include "voicehub.selector" . | fromYaml) | toJson }}
{{- end }}

{{/* Selects pods of this release that are one of the components, as JSON. Arguments: list root components. */}}
{{- define "voicehub.among" -}}
{{- $one := dict "key" "app.kubernetes.io/component" "operator" "In" "values" (index . 1) -}}
{{ dict "matchLabels" (dict "app.kubernetes.io/instance" (index . 0).Release.Name) "matchExpressions" (list $one) | toJson }}
{{- end }}

{{/* Where the API server is, as a JSON list of CIDRs: said in the values, else looked up; `helm template` finds nothing. */}}
{{- define "voicehub.apiServer" -}}
{{- $said := .Values.networkPolicy.apiServer.cidrs }}
{{- if $said }}{{ toJson $said }}
{{- else }}
{{- $found := list }}
{{- $service := lookup "v1" "Service" "default" "kubernetes" }}
{{- if $service }}{{ $found = append $found (printf "%s/32" $service.spec.clusterIP) }}{{ end }}
{{- range (lookup "discovery.k8s.io/v1" "EndpointSlice" "default" "").items }}
{{- if eq (index (.metadata.labels | default dict) "kubernetes.io/service-name" | default "") "kubernetes" }}
{{- range .endpoints }}{{ range .addresses }}{{ $found = append $found (printf "%s/32" .) }}{{ end }}{{ end }}
{{- end }}
{{- end }}
{{- toJson ($found | uniq) }}
{{- end }}
{{- end }}
