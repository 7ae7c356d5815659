# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
# What scripts that check several things have in common. They source it; $work is a folder of theirs. A script ends by
# `exit $failed`.

failed=0

# check WHAT COMMAND...: runs it; says so, and shows what it said last, if it fails
check() {
	local what=$1
	shift
	if "$@" >"$work/log" 2>&1; then
		echo "ok: $what"
	else
		echo "FAILED: $what"
		tail -n 60 "$work/log" | sed 's/^/    /'
		failed=1
	fi
}
