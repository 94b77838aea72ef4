#!/bin/sh
# Puts what conf/elastic holds (mounted at CONTENT) into Elasticsearch or Kibana:
#   elastic-setup.sh elasticsearch|kibana
# Run by compose.yaml once the service is healthy. Running it again changes nothing.
set -eu
elastic=${ELASTIC_URL:-http://elasticsearch:9200}
kibana=${KIBANA_URL:-http://kibana:5601}
content=${CONTENT:-/content}

# ask METHOD URL [ARGUMENT…] prints the answer and fails for one that is no success.
ask() {
	method=$1 url=$2
	shift 2
	echo "$method $url"
	curl -sS --fail-with-body --max-time 60 -u "elastic:$ELASTIC_PASSWORD" -X "$method" "$url" "$@"
	echo
}

case ${1:-} in
elasticsearch)
	ask PUT "$elastic/_index_template/logs-secretwatch.findings" -H 'Content-Type: application/json' --data-binary "@$content/index-template.json"
	ask POST "$elastic/_security/user/kibana_system/_password" -H 'Content-Type: application/json' -d "{\"password\":\"$KIBANA_PASSWORD\"}"
	;;
kibana)
	for file in "$content"/*.ndjson; do
		case $file in
		# Detection rules have an interface of their own.
		*/detection-rule*) path=api/detection_engine/rules/_import ;;
		*) path=api/saved_objects/_import ;;
		esac
		ask POST "$kibana/$path?overwrite=true" -H 'kbn-xsrf: true' -F "file=@$file"
	done
	;;
*)
	echo "elastic-setup.sh: accepted: elasticsearch, kibana" >&2
	exit 2
	;;
esac
