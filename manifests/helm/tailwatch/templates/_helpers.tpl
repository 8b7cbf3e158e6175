{{- define "tailwatch.labels" -}}
app.kubernetes.io/name: tailwatch
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end }}

{{- define "tailwatch.selector" -}}
app.kubernetes.io/name: tailwatch
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "tailwatch.redisSelector" -}}
app.kubernetes.io/name: tailwatch-redis
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "tailwatch.usesRedis" -}}
{{- if or .Values.redis.enabled .Values.redis.external }}true{{ end }}
{{- end }}

{{- define "tailwatch.settings" -}}
{{- range $name, $value := .Values.settings }}
{{ $name }}: {{ $value | quote }}
{{- end }}
DATA_DIR: /data
RULES_FILE: /etc/tailwatch/rules.yaml
OPS_PORT: "9464"
{{- end }}
