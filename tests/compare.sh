#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Runs ksem-compare briefly: every scenario has a figure for ksem, every peer has figures or is named as left out, the
# JSON is JSON, and wrong arguments are refused.
#   tests/compare.sh PROGRAM
set -eu
program=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

fail()
{
	echo "FAILED: $*" >&2
	exit 1
}

"$program" --quick --rounds 1 --only '^(pair_1|create|open|crowd|bytes)$' --json "$work/json" --tsv "$work/tsv" \
	>"$work/out" 2>"$work/err" || { cat "$work/err" >&2; fail "it ended with an error"; }
python3 -m json.tool "$work/json" >"$work/pretty" || fail "not JSON"
for peer in 'ksem, pinned' 'ksem, pinned, inline' 'ksem, by id' 'ksem, by id, inline' 'glibc sem_t' 'musl sem_t' \
	'std::counting_semaphore (libstdc++)' 'std::counting_semaphore (libc++)' 'moodycamel Lightweight' \
	'Boost.Interprocess' 'abseil Mutex + Condition' 'nsync mu + cv' 'SysV semop' 'eventfd'; do
	grep -qF "\"$peer\"" "$work/json" || fail "$peer is neither measured nor left out by name"
	grep -qF "$peer" "$work/out" || fail "$peer isn't in the tables"
done
for scenario in pair_1 create crowd; do
	grep -q "\"scenario\": \"$scenario\", \"peer\": \"ksem, pinned\".*\"median\": [0-9]" "$work/json" ||
		fail "$scenario: no figure for ksem"
done
grep -q 'wake calls a wait call' "$work/out" || fail "wake calls weren't counted"
[ "$(wc -l <"$work/tsv")" -eq 6 ] || fail "the table for plotting has other than five scenarios"

for wrong in '--rounds 0' '--rounds 102' '--rounds x' '--rounds' '--only (' '--only nothing' '--peers nobody' \
	'--bogus'; do
	status=0
	# shellcheck disable=SC2086 # options are words
	"$program" $wrong >"$work/out" 2>"$work/err" || status=$?
	[ $status = 2 ] || fail "$wrong: status $status"
	grep -q '^ksem-compare: ' "$work/err" || fail "$wrong: no reason given"
done
"$program" --list --only pair_1 >"$work/out" || fail "--list"
grep -qx pair_1 "$work/out" || fail "--list lists no scenario"
echo ok
