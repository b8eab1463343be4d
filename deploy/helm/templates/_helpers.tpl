{{- define "pastiche.name" -}}
{{- $name := .Release.Name -}}
{{- if contains .Chart.Name $name }}{{ $name }}{{ else }}{{ printf "%s-%s" $name .Chart.Name }}{{ end -}}
{{- end }}

{{/* A list of the root and whether it is for a pod with a GPU. */}}
{{- define "pastiche.image" -}}
{{- $root := index . 0 -}}
{{- $image := ternary $root.Values.gpu.image $root.Values.image (and (index . 1) (ne $root.Values.gpu.image.repository "")) -}}
{{ $image.repository }}{{ if $image.digest }}@{{ $image.digest }}{{ else }}:{{ $image.tag | default $root.Chart.AppVersion }}{{ end }}
{{- end }}

{{/* Of all objects of one part: a list of the root and its name. */}}
{{- define "pastiche.selector" -}}
{{- $root := index . 0 -}}
app.kubernetes.io/name: {{ $root.Chart.Name }}
app.kubernetes.io/instance: {{ $root.Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end }}

{{- define "pastiche.labels" -}}
{{- $root := index . 0 -}}
{{ include "pastiche.selector" . }}
app.kubernetes.io/version: {{ $root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" $root.Chart.Name $root.Chart.Version }}
{{- end }}

{{/* PASTICHE_* of every pod, as YAML. Those of `settings` go before ours. */}}
{{- define "pastiche.settings" -}}
{{- $all := dict
    "PASTICHE_WORKERS" "0"
    "PASTICHE_TRUSTED_PROXIES" "*"
    "PASTICHE_DRAIN_SECONDS" (toString .Values.api.drainSeconds)
    "PASTICHE_DEADLINE_SECONDS" (toString .Values.api.deadlineSeconds)
-}}
{{- if .Values.storage.claim }}
{{- $_ := set $all "PASTICHE_STORAGE_URL" "file:///blobs" }}
{{- else }}
{{- $_ := set $all "PASTICHE_STORAGE_URL" .Values.storage.url }}
{{- $_ := set $all "AWS_DEFAULT_REGION" .Values.storage.region }}
{{- with .Values.storage.endpointUrl }}{{ $_ := set $all "PASTICHE_S3_ENDPOINT_URL" . }}{{ end }}
{{- end }}
{{- range $file := list "databaseUrl" "redisUrl" "apiKeys" "adminToken" }}
{{- with index $.Values.secret $file }}
{{- $_ := set $all (printf "PASTICHE_%s_FILE" (snakecase $file | upper)) (printf "/run/secrets/pastiche/%s" .) }}
{{- end }}
{{- end }}
{{- with .Values.traces.endpoint }}
{{- $_ := set $all "PASTICHE_TRACES" "otlp" }}
{{- $_ := set $all "OTEL_EXPORTER_OTLP_ENDPOINT" . }}
{{- end }}
{{- range $name, $value := .Values.settings }}
{{- $_ := set $all (printf "PASTICHE_%s" $name) $value }}
{{- end }}
{{- toYaml $all }}
{{- end }}

{{/* What keys of the Secret are files. */}}
{{- define "pastiche.secretFiles" -}}
{{- range $file := list "databaseUrl" "redisUrl" "apiKeys" "adminToken" }}
{{- with index $.Values.secret $file }}
- {key: {{ . }}, path: {{ . }}}
{{- end }}
{{- end }}
{{- end }}

{{/*
The specification of a pod: a dict of `root`, `part` (api, worker, trainer or migration), `command`, `values` of the
part, and `grace` seconds; `extra` is YAML of the container.
*/}}
{{- define "pastiche.pod" -}}
{{- $root := .root -}}
{{- $values := .values -}}
{{- $gpus := int (default 0 $values.gpus) -}}
{{- $photos := default "" $values.photosClaim -}}
{{- if ne .part "migration" }}
serviceAccountName: {{ include "pastiche.name" $root }}
{{- end }}
automountServiceAccountToken: false
enableServiceLinks: false
terminationGracePeriodSeconds: {{ .grace }}
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile: {type: RuntimeDefault}
{{- with $root.Values.imagePullSecrets }}
imagePullSecrets: {{- toYaml . | nindent 2 }}
{{- end }}
{{- $nodes := merge (deepCopy (default dict $values.nodeSelector)) (ternary $root.Values.gpu.nodeSelector dict (gt $gpus 0)) }}
{{- with $nodes }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with concat (default list $values.tolerations) (ternary $root.Values.gpu.tolerations list (gt $gpus 0)) }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.affinity }}
affinity: {{- toYaml . | nindent 2 }}
{{- end }}
containers:
  - name: {{ .part }}
    image: {{ include "pastiche.image" (list $root (gt $gpus 0)) }}
    imagePullPolicy: {{ $root.Values.image.pullPolicy }}
    command: {{ toJson .command }}
    {{- if eq .part "migration" }}
    # The hook comes before the ConfigMap and the service account. It reads the database alone.
    env:
      {{- range $name, $value := include "pastiche.settings" $root | fromYaml }}
      - {name: {{ $name }}, value: {{ $value | quote }}}
      {{- end }}
    {{- else }}
    envFrom:
      - configMapRef: {name: {{ include "pastiche.name" $root }}}
    {{- $secret := $root.Values.secret }}
    {{- if or $secret.awsAccessKeyId $photos }}
    env:
      {{- with $photos }}
      - {name: PASTICHE_PHOTOS_DIR, value: /photos}
      {{- end }}
      {{- if $secret.awsAccessKeyId }}
      - name: AWS_ACCESS_KEY_ID
        valueFrom: {secretKeyRef: {name: {{ $secret.name }}, key: {{ $secret.awsAccessKeyId }}}}
      - name: AWS_SECRET_ACCESS_KEY
        valueFrom: {secretKeyRef: {name: {{ $secret.name }}, key: {{ $secret.awsSecretAccessKey }}}}
      {{- end }}
    {{- end }}
    {{- end }}
    {{- $resources := deepCopy $values.resources }}
    {{- if gt $gpus 0 }}
    {{- $resources = merge $resources (dict "limits" (dict $root.Values.gpu.resource $gpus)) }}
    {{- end }}
    resources: {{- toYaml $resources | nindent 6 }}
    securityContext:
      allowPrivilegeEscalation: false
      readOnlyRootFilesystem: true
      capabilities: {drop: [ALL]}
    volumeMounts:
      - {name: data, mountPath: /data}
      - {name: tmp, mountPath: /tmp}
      - {name: secrets, mountPath: /run/secrets/pastiche, readOnly: true}
      {{- if $root.Values.storage.claim }}
      - {name: blobs, mountPath: /blobs}
      {{- end }}
      {{- with $photos }}
      - {name: photos, mountPath: /photos, readOnly: true}
      {{- end }}
    {{- with .extra }}
    {{- . | nindent 4 }}
    {{- end }}
volumes:
  - name: data
    emptyDir: {sizeLimit: {{ $root.Values.volumes.data }}}
  - name: tmp
    emptyDir: {sizeLimit: {{ $root.Values.volumes.tmp }}}
  - name: secrets
    secret:
      secretName: {{ $root.Values.secret.name }}
      optional: false
      items: {{- include "pastiche.secretFiles" $root | trim | nindent 8 }}
  {{- with $root.Values.storage.claim }}
  - name: blobs
    persistentVolumeClaim: {claimName: {{ . }}}
  {{- end }}
  {{- with $photos }}
  - name: photos
    persistentVolumeClaim: {claimName: {{ . }}, readOnly: true}
  {{- end }}
{{- end }}
