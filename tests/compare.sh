#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Runs ksem-compare briefly: every scenario has a figure for ksem, every peer has figures or is named as left out (those
# without their helper programs must be), the JSON is JSON, and wrong arguments are refused. That threads which
# should run anywhere do so, whatever was measured before, ksem-compare sees to: it ends with an error where they don't.
# Its pictures are drawn, where matplotlib is.
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

"$program" --quick --rounds 1 --only '^(pair_1|processes|create|open|crowd|bytes)$' --json "$work/json" \
	--tsv "$work/tsv" >"$work/out" 2>"$work/err" || { cat "$work/err" >&2; fail "it ended with an error"; }
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
grep -q 'crowd: wake calls' "$work/out" || fail "wake calls weren't counted"
scenarios=$(grep -c '"others":' "$work/json")
[ "$(wc -l <"$work/tsv")" -eq $((scenarios + 1)) ] || fail "the table for plotting hasn't $scenarios scenarios"
if python3 -c 'import matplotlib' 2>"$work/none"; then
	mkdir "$work/drawn"
	cp "$work/json" "$work/drawn/compare.json"
	python3 "$(dirname "$0")/../bench/compare/draw.py" "$work/drawn" || fail "nothing is drawn"
	[ "$(head -c 4 "$work/drawn/compare-ratios.png" | tail -c 3)" = PNG ] || fail "no picture of the ratios"
fi
for peer in 'ksem, pinned' 'ksem, by id'; do # processes can't share them: to be said, where there are two processors
	grep -q '"scenario": "processes"' "$work/json" || continue
	grep '"scenario": "processes".*"without"' "$work/json" | grep -qF "\"$peer\"" ||
		fail "processes: not said that $peer is missing"
done

# Where the helper programs are not: a copy of the program alone.
library=$(ldd "$program" | sed -n 's/.*libksem[^ ]* => \(.*\) (0x.*/\1/p')
cp "$program" "$work/alone"
LD_LIBRARY_PATH=$(dirname "$library") "$work/alone" --quick --rounds 1 --only '^pair_1$' \
	--peers 'glibc|musl|libc[+][+]' --json "$work/json" --tsv "$work/tsv" >"$work/out" 2>"$work/err" ||
	{ cat "$work/err" >&2; fail "without its helpers it ended with an error"; }
for peer in 'musl sem_t' 'std::counting_semaphore (libc++)'; do
	grep -F '"left_out"' "$work/json" | grep -qF "\"$peer\"" || fail "$peer isn't named as left out"
	grep -qxF "left out: $peer" "$work/out" || fail "$peer isn't named as left out in the tables"
done

for wrong in '--rounds 0' '--rounds 102' '--rounds x' '--rounds' '--only (' '--only nothing' '--peers nobody' \
	'--bogus'; do
	status=0
	# shellcheck disable=SC2086 # options are words
	"$program" $wrong >"$work/out" 2>"$work/err" || status=$?
	[ $status = 2 ] || fail "$wrong: status $status"
	grep -q '^ksem-compare: ' "$work/err" || fail "$wrong: no reason given"
done
status=0
"$program" --only '^pair_1$' --json "$work/no/such" >"$work/out" 2>"$work/err" || status=$?
[ $status = 1 ] || fail "a file that can't be written: status $status"
[ ! -s "$work/out" ] || fail "it measured before it saw that the file can't be written"
"$program" --list --only pair_1 >"$work/out" || fail "--list"
grep -qx pair_1 "$work/out" || fail "--list lists no scenario"
"$program" --list >"$work/out" || fail "--list"
"$(dirname "$0")/../tools/compare" --list >"$work/all" || fail "tools/compare --list"
while read -r name; do
	grep -qxF -- "$name" "$work/all" || fail "tools/compare --list lacks $name"
done <"$work/out"
echo ok
