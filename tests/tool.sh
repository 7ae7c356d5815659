#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# The program ksem: each command does what ksem(1) says, answers scripts by its exit status, and refuses wrong arguments
# without doing anything.
#   tests/tool.sh PROGRAM
set -u
ksem=$(realpath "$1")
work=$(mktemp -d -p /dev/shm ksem-test-XXXXXX)
trap 'rm -rf "$work"' EXIT
export KSEM_DIR=$work
failed=0

# check STATUS COMMAND...: its exit status is that
check() {
	local wanted=$1 got
	shift
	"$@" >"$work/.out" 2>"$work/.err"
	got=$?
	[ "$got" = "$wanted" ] && return
	echo "FAILED: $*: status $got, not $wanted"
	cat "$work/.out" "$work/.err"
	failed=1
}

# value NAME: of the semaphore
value() {
	"$ksem" show --json "$1" | python3 -c 'import json, sys; print(json.load(sys.stdin)["value"])'
}

is() {
	[ "$1" = "$2" ] && return
	echo "FAILED: ${3:-}: $1 is not $2"
	failed=1
}

check 2 "$ksem"
check 2 "$ksem" frobnicate
check 2 "$ksem" create
check 2 "$ksem" create --value -1 /a
check 2 "$ksem" create --value 4294967296 /a
check 2 "$ksem" create --mode 9 /a
check 2 "$ksem" wait --timeout never /a
check 2 "$ksem" run --name /a
check 2 "$ksem" run true
check 0 "$ksem" --help
is "$("$ksem" ls --json)" '[]' 'nothing was made'

check 1 "$ksem" show /a
check 1 "$ksem" create no-slash
check 0 "$ksem" create --value 2 --mode 0640 /a
check 1 "$ksem" create /a
is "$(value /a)" 2 'made with its value'
check 0 "$ksem" post --count 3 /a
is "$(value /a)" 5 'posted to'
check 1 "$ksem" post --count 4294967295 /a
check 0 "$ksem" wait /a
check 0 "$ksem" wait --timeout 0 /a
is "$(value /a)" 3 'taken from'
check 0 "$ksem" create '/"quoted"'
listed=$("$ksem" ls --json |
	python3 -c 'import json, sys; print([(s["name"], s["mode"]) for s in json.load(sys.stdin)])')
is "$(tr ')' '\n' <<<"$listed" | grep -c "('/\"quoted\"', '0600'\|('/a', '0640'")" 2 'listed'
is "$("$ksem" ls | wc -l)" 3 'a head and a line each'
check 0 "$ksem" unlink '/"quoted"'
check 1 "$ksem" unlink '/"quoted"'

# A permit is held while the program runs, and comes back however it ends.
check 0 "$ksem" create --value 1 /run
check 0 "$ksem" run --name /run -- bash -c "[ \"\$('$ksem' show --json /run | grep -o '\"value\": 0')\" ]"
check 7 "$ksem" run --name /run -- bash -c 'exit 7'
check 137 "$ksem" run --name /run -- bash -c 'kill -KILL $$'
check 127 "$ksem" run --name /run -- "$work/nothing"
is "$(value /run)" 1 'the permit is back'
"$ksem" run --name /run -- sleep 100 &
while [ "$(value /run)" = 1 ]; do sleep 0.02; done
check 3 "$ksem" run --name /run --timeout 0.05 -- true
check 3 "$ksem" wait --timeout 0.05 /run
kill -TERM $!
wait $!
is $? 143 'the signal was passed on'
is "$(value /run)" 1 'the permit is back after a signal'

# Waits are woken from elsewhere.
"$ksem" wait --timeout 20 /run && "$ksem" wait --timeout 20 /run &
while ! "$ksem" show --json /run | grep -q '"waiters": 1'; do sleep 0.02; done
"$ksem" post /run
wait $!
is $? 0 'a waiter goes on after a post by another process'
exit $failed
