#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Runs treehash on a tree made for it and on /usr/include: its digest must be the one that find, sort and sha256sum
# give, no more files may have been open than the limit lets, and what goes wrong must show in the exit status.
#   tests/examples/treehash.sh TREEHASH
set -euo pipefail
treehash=$(realpath "$1")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

fail()
{
	echo "treehash.sh: $*" >&2
	exit 1
}

# What sha256sum makes of the tree $1, whatever the names in it.
expected()
{
	(cd "$1" && find . -type f -print0 | LC_ALL=C sort -z | xargs -r0 sha256sum -z | tr '\0' '\n' | sha256sum) |
		cut -d ' ' -f 1
}

# The word in column $2 of the line of its report that begins with $1.
report()
{
	awk -v name="$1" -v column="$2" 'index($0, name) == 1 { print $column }' "$work/out"
}

# status EXPECTED ARGUMENTS... : runs treehash; leaves what it wrote in $work/out and $work/err.
status()
{
	local want=$1 got=0
	shift
	"$treehash" "$@" >"$work/out" 2>"$work/err" || got=$?
	if [ "$got" -ne "$want" ]; then
		cat "$work/out" "$work/err" >&2
		fail "treehash $*: exit status $got, not $want"
	fi
}

# same DIGEST FILES LIMIT ARGUMENTS... : the right digest and number of files, within the limit.
same()
{
	local digest=$1 files=$2 limit=$3 run highest
	shift 3
	run="treehash --limit $limit $*"
	status 0 --limit "$limit" "$@"
	[ "$(report digest 2)" = "$digest" ] || fail "$run: digest $(report digest 2), not $digest"
	[ "$(report files 2)" -eq "$files" ] || fail "$run: $(report files 2) files, not $files"
	highest=$(report 'open files' 3)
	[ "$highest" -ge 1 ] && [ "$highest" -le "$limit" ] || fail "$run: $highest files open at once"
}

make_tree()
{
	local i
	mkdir -p "$1"/many/{a,b,c} "$1/with a space" "$1/empty directory" "$1/deep/1/2/3/4/5/6/7/8/9/10"
	for i in {1..300}; do
		echo "file $i" >"$1/many/a/$i"
		echo "file $i" >"$1/many/b/$i"
		printf '%s' "$i" >"$1/many/c/$i.c"
	done
	: >"$1/empty"
	head -c 5000001 /dev/urandom >"$1/large"
	echo deep >"$1/deep/1/2/3/4/5/6/7/8/9/10/file"
	echo spaces >"$1/with a space/and another "
	echo order >"$1/many a" # sorts before many/..., though many sorts before it
	echo dash >"$1/-n"
	echo dots >"$1/..."
	echo newline >"$1/new
line"
	echo backslash >"$1/back\\slash"
	echo bytes >"$1/$(printf '\303\244\377')"
	ln -s large "$1/link to a file"
	ln -s .. "$1/many/link to above"
	ln -s nowhere "$1/dangling"
	mkfifo "$1/fifo" # whoever opens it hangs
}

# A tree whose file has a path that is too long to open, even for the superuser.
make_too_long()
{
	local name
	name=$(printf 'd%.0s' {1..200})
	mkdir "$1"
	(
		cd "$1"
		echo fine >fine
		for _ in {1..20}; do
			mkdir "$name"
			cd "$name"
		done
		echo lost >"$name"
	)
}

make_tree "$work/tree"
digest=$(expected "$work/tree")
files=$(find "$work/tree" -type f -printf x | wc -c)
same "$digest" "$files" 1 --workers 1 --walkers 1 --queue 1 "$work/tree"
same "$digest" "$files" 1 --workers 8 --walkers 4 --queue 1 "$work/tree"
same "$digest" "$files" 3 --workers 8 --walkers 1 --queue 2 "$work/tree"
same "$digest" "$files" 100 --workers 3 --walkers 8 --queue 1000 "$work/tree"

mkdir "$work/nothing"
same "$(expected "$work/nothing")" 0 2 "$work/nothing"

# Here the plain form, as treehash.c gives it; no name under /usr/include has a newline or a backslash.
plain=$(cd /usr/include && find . -type f | LC_ALL=C sort | xargs -r -d '\n' sha256sum | sha256sum | cut -d ' ' -f 1)
same "$plain" "$(find /usr/include -type f -printf x | wc -c)" 4

make_too_long "$work/long"
status 1 "$work/long"
[ "$(report unreadable 2)" -eq 1 ] && [ "$(report files 2)" -eq 1 ] || fail "a path too long: $(cat "$work/out")"
grep -q 'File name too long' "$work/err" || fail "a path too long is reported as: $(cat "$work/err")"

mkdir "$work/secret"
echo fine >"$work/secret/fine"
echo secret >"$work/secret/secret"
chmod 0 "$work/secret/secret"
if [ ! -r "$work/secret/secret" ]; then # the superuser may read it
	status 1 "$work/secret"
	[ "$(report unreadable 2)" -eq 1 ] || fail "a file without permission: $(cat "$work/out")"
	grep -q './secret: ' "$work/err" || fail "a file without permission is reported as: $(cat "$work/err")"
fi

status 1 "$work/absent"
grep -q absent "$work/err" || fail "a missing directory is reported as: $(cat "$work/err")"
status 1 "$work/tree/large"

for wrong in '--workers 0' '--walkers x' '--limit -1' '--queue 99999999999999999999' '--workers 257' '--limit 4x' \
	'--limit' '--other 1' '. .'; do
	# shellcheck disable=SC2086 # the words of $wrong are the arguments
	status 2 $wrong
	grep -q usage: "$work/err" || fail "treehash $wrong doesn't show its usage"
done
status 0 --help
echo "treehash.sh: all as sha256sum has it"
