#!/bin/sh
# Asks whether findings arrived, and which:
#   smoke.sh loki|elastic
# Waits at most TIMEOUT seconds (300) for the services and the findings. Exit status
# 0: the recorded attacks were found, with all severities; 1: not, or not in time, and
# why; 2: wrong use. LOKI_URL, PROMETHEUS_URL, GRAFANA_URL, ELASTIC_URL, KIBANA_URL and
# ELASTIC_PASSWORD are those of compose.yaml unless set. Of these, an empty PROMETHEUS_URL,
# GRAFANA_URL or KIBANA_URL is not asked.
# Needs curl and jq.
set -eu
loki=${LOKI_URL:-http://127.0.0.1:3100}
prometheus=${PROMETHEUS_URL-http://127.0.0.1:9090}
grafana=${GRAFANA_URL-http://127.0.0.1:3000}
elastic=${ELASTIC_URL:-http://127.0.0.1:9200}
kibana=${KIBANA_URL-http://127.0.0.1:5601}
password=${ELASTIC_PASSWORD:-secretwatch}
deadline=$(($(date +%s) + ${TIMEOUT:-300}))

for tool in curl jq; do
	command -v $tool >/dev/null || { echo "smoke.sh: $tool is not installed" >&2; exit 2; }
done

# get URL [ARGUMENT…] prints the answer, nothing where there is none or an error.
get() { curl -sf --max-time 10 "$@" 2>/dev/null || true; }

# await WHAT COMMAND [ARGUMENT…] repeats the command until it succeeds.
await() {
	what=$1
	shift
	until "$@"; do
		if [ "$(date +%s)" -ge "$deadline" ]; then
			echo "smoke.sh: not within ${TIMEOUT:-300} s: $what${found:+; there is:}" >&2
			[ -z "$found" ] || echo "$found" >&2
			exit 1
		fi
		sleep 1
	done
	echo "yes: $what"
}

# holds FILTER URL [ARGUMENT…]: the answer is JSON of which the filter of jq holds.
# (jq -e takes no answer for a good one in versions before 1.7.)
holds() {
	filter=$1
	shift
	[ "$(get "$@" | jq "$filter" 2>/dev/null)" = true ]
}
loki_ready() { [ "$(get "$loki/ready")" = ready ]; }
grafana_ready() { holds '.database == "ok"' "$grafana/api/health"; }
dashboard() { holds '.dashboard.panels | length > 0' "$grafana/api/dashboards/uid/secretwatch"; }
counted() { holds '.data.result | length > 0' "$prometheus/api/v1/query?query=secretwatch_findings_total"; }
elastic_ready() { holds '.status == "green" or .status == "yellow"' -u "elastic:$password" "$elastic/_cluster/health"; }
kibana_ready() { holds '.status.overall.level == "available"' "$kibana/api/status"; }

# findings_of_… print a line for each severity: its name and how many there are.
findings_of_loki() {
	get -G "$loki/loki/api/v1/query" --data-urlencode 'query=sum by (severity) (count_over_time({job="secretwatch"}[24h]))' |
		jq -r '.data.result[] | "\(.metric.severity) \(.value[1])"' 2>/dev/null
}
findings_of_elastic() {
	get -u "elastic:$password" "$elastic/logs-secretwatch.findings-default/_search" -H 'Content-Type: application/json' \
		-d '{"size": 0, "aggs": {"by": {"terms": {"field": "secretwatch.severity"}}}}' |
		jq -r '.aggregations.by.buckets[] | "\(.key) \(.doc_count)"' 2>/dev/null
}

# complete SERVICE: there is at least one finding of each severity.
complete() {
	found=$("findings_of_$1") || true
	for severity in low medium high critical; do
		case $found in
		*"$severity "[1-9]*) ;;
		*) return 1 ;;
		esac
	done
}

service=${1:-}
found=
case $service in
loki)
	await "Loki is ready" loki_ready
	if [ -n "$grafana" ]; then
		await "Grafana is healthy" grafana_ready
		await "Grafana has the dashboard" dashboard
	fi
	;;
elastic)
	await "Elasticsearch is healthy" elastic_ready
	[ -z "$kibana" ] || await "Kibana is available" kibana_ready
	;;
*)
	echo "smoke.sh: accepted: loki, elastic" >&2
	exit 2
	;;
esac
await "findings of each severity" complete "$service"
[ "$service" != loki ] || [ -z "$prometheus" ] || await "Prometheus has counted findings" counted
echo "$found"
