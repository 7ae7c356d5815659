#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# The library has the probes that ksem-probes(7) lists, and the scripts of tools/trace show what a program does that
# meets all of them. Where bpftrace can't trace (no root, say), the scripts are skipped (77).
#   tests/trace.sh LIBRARY SOURCE PROGRAM     PROGRAM is traced.c
set -u
library=$(realpath "$1") source=$2 program=$3
work=$(mktemp -d)
trap '[ -z "${traced-}" ] || kill -KILL "$traced"; rm -rf "$work"' EXIT
failed=0

listed() { sed -n 's/^\.BR \([a-z_]*\) "(.*/\1/p' "$source/man/man7/ksem-probes.7" | sort; }
built() {
	LC_ALL=C readelf -n "$library" |
		awk '/Provider:/ { ours = $2 == "ksem" } ours && /Name:/ { print $2 }' | sort -u
}
if diff <(listed) <(built) >"$work/differ"; then
	echo "ok: the library has the probes of the page"
else
	echo "FAILED: ksem-probes(7) lists (<) other probes than the library has (>):"
	cat "$work/differ"
	failed=1
fi

# traces SECONDS ARGUMENT...: what bpftrace prints in that time
traces() {
	local seconds=$1
	shift
	timeout -s INT -k 10 "$seconds" bpftrace "$@" 2>&1 | grep -v 'RLIMIT_MEMLOCK'
}

"$program" >"$work/said" &
traced=$!
for ((i = 0; i < 600; i++)); do
	! grep -qx ready "$work/said" || break
	kill -0 "$traced" || exit 1
	sleep 0.1
done
libc=$(awk '$6 ~ /\/libc[.-]/ { print $6; exit }' "/proc/$traced/maps")
sleeps="uprobe:$libc:nanosleep,uprobe:$libc:clock_nanosleep { @ = count(); } interval:s:1 { exit(); }"
if ! command -v bpftrace >/dev/null || ! traces 10 -e "$sleeps" | grep -q '^@: [1-9]'; then
	echo "skipped: bpftrace can't trace here"
	exit $((failed ? 1 : 77))
fi

# shows SCRIPT PATTERN...: what it prints matches each. To attach may take it long, so it gets more time if it doesn't.
shows() {
	local script=$1 pattern seconds missing
	shift
	for seconds in 3 6 12 24; do
		traces $seconds "$source/tools/trace/$script" "$library" >"$work/shown"
		missing=
		for pattern; do
			grep -qE -- "$pattern" "$work/shown" || missing=$pattern
		done
		[ -n "$missing" ] || break
	done
	if [ -z "$missing" ]; then
		echo "ok: $script"
	else
		echo "FAILED: $script shows no $missing:"
		cat "$work/shown"
		failed=1
	fi
}

# Each probe is met.
each=
for name in $(built); do
	each+="usdt:$library:ksem:$name { @met[\"$name\"] = count(); } "
done
for seconds in 3 6 12 24; do
	traces $seconds -e "$each" | sed -n 's/^@met\[\([a-z_]*\)\]: [1-9].*/\1/p' | sort >"$work/met"
	! diff <(built) "$work/met" >"$work/differ" || break
done
if [ -s "$work/differ" ]; then
	echo "FAILED: these probes were never met:"
	cat "$work/differ"
	failed=1
else
	echo "ok: each probe is met"
fi

shows waits.bt '^@microseconds\[traced, [1-9][0-9]*\]' '^@microseconds\[traced, 0\]' \
	'^@ended\[traced, [1-9][0-9]*, 0\]: [1-9]' \
	'^\[.*\) +[1-9]'
shows wakes.bt '^@microseconds\[traced\]' '^\[.*\) +[1-9]'
shows revocations.bt '^@revocations\[traced, [1-9][0-9]*\]: [1-9]'
exit $failed
