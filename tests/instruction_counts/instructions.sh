#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Counts the instructions of the fast paths (instructions.c) under valgrind, and compares them with those on record: a
# fast path that has grown fails, and so does one that has shrunk, so that the record stays true.
#   tests/instruction_counts/instructions.sh PROGRAM COMPILER RECORD
#   tests/instruction_counts/instructions.sh --record PROGRAM COMPILER RECORD  writes what it counted to the record
# COMPILER: gcc or clang, as the record has it.
# Ends with 77 (skipped) where there is no valgrind, or the record has nothing of this compiler.
set -eu
write=no
[ "$1" != --record ] || { write=yes; shift; }
program=$1 compiler=$2 record=$3
command -v valgrind >/dev/null || exit 77
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# What each call from a measure function cost on average, with all that it called. callgrind gives a function a number
# where it first names it; after `calls=` comes a line with the cost.
for way in slots central unserved shared; do
	valgrind --tool=callgrind --callgrind-out-file="$work/out" "$program" $way 2>"$work/log" || {
		[ $? = 77 ] && exit 77
		cat "$work/log" >&2
		exit 1
	}
	awk -v compiler="$compiler" -v way=$way '
		function name_of(text,   number) {
			sub(/^c?fn=/, "", text)
			number = text
			sub(/\).*/, "", number)
			if (text ~ /\) /) { sub(/^[^ ]* /, "", text); name[number] = text }
			return name[number]
		}
		/^fn=/ { inside = name_of($0) ~ /^measure/ }
		/^cfn=/ { callee = name_of($0) }
		/^calls=/ {
			n = substr($1, 7)
			getline
			if (inside) { calls[callee] += n; cost[callee] += $2 }
		}
		END { for (f in calls) printf "%s %s %s %.2f\n", compiler, way, f, cost[f] / calls[f] }
	' "$work/out" >>"$work/counted"
done
grep -q ksem_post "$work/counted" || { echo "nothing was counted" >&2; exit 1; }
sort -o "$work/counted" "$work/counted"
cat "$work/counted"
if [ $write = yes ]; then
	{ grep -v "^$compiler " "$record" || true; cat "$work/counted"; } >"$work/new"
	cp "$work/new" "$record"
	exit 0
fi
grep "^$compiler " "$record" | sort >"$work/recorded"
[ -s "$work/recorded" ] || exit 77
diff "$work/recorded" "$work/counted" >"$work/difference" || {
	echo 'Not as on record (<). If it is meant: tests/instruction_counts/instructions.sh --record' >&2
	cat "$work/difference" >&2
	exit 1
}
