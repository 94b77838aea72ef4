#!/bin/sh
# Installs what tests run beside Go and a C compiler, where that can be done
# without asking: as root, with apt-get, and without a service manager that would
# start the server as a service. Otherwise it says what is missing, and the tests
# that need it are skipped. Called by scripts/test.sh; never fails.
set -eu
cd "$(dirname "$0")/.."

if command -v "${REDIS_SERVER:-redis-server}" >/dev/null || command -v valkey-server >/dev/null; then
	exit 0
fi
missing="redis-server is missing: tests with a real Redis will be skipped"
if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null || [ -d /run/systemd/system ]; then
	echo "$missing. To run them: apt-get install redis-server"
	exit 0
fi
mkdir -p build
log=build/apt-get.log
echo "redis-server is missing: installing it with apt-get for the tests (log: $log)"
export DEBIAN_FRONTEND=noninteractive
# In runlevel 1 the package does not start its service.
export RUNLEVEL=1
install() {
	apt-get -o Acquire::http::Timeout=10 install -y --no-install-recommends redis-server
}
# A fresh image has no package lists, an old one may have outdated ones.
if ! { install || { apt-get update && install; }; } >"$log" 2>&1; then
	echo "$missing. apt-get could not install it:"
	tail -n 3 "$log"
fi
