#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Where no tool watches the program, the loader binds its calls to the plain ones (api/watched.c), which tell nobody.
#   tests/users/unwatched.sh FOLDER SOURCE      of libksem.so, with its symbols
# Ends with 77 (skipped) if there is no nm.
set -eu
library=$(realpath "$1")/libksem.so source=$(realpath "$2")
command -v nm >/dev/null || exit 77
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Prints where a call leads to, from the library's first byte on.
cat >"$work/bound.c" <<'END'
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <ksem/ksem.h>

int main(void)
{
	int (*volatile post)(struct ksem_proc *, ksem_id_t) = ksem_post;
	Dl_info info;

	if (!dladdr((void *)post, &info))
		return 1;
	printf("%lx\n", (unsigned long)((char *)post - (char *)info.dli_fbase));
	return 0;
}
END
${CC:-cc} -I"$source/include" "$work/bound.c" -o "$work/bound" "$library" -Wl,-rpath,"$(dirname "$library")" -ldl
bound=$("$work/bound")
nm "$library" | grep -i "^0*$bound t plain_ksem_post$" || {
	echo "FAILED: ksem_post is bound to $bound, not to the plain call"
	nm "$library" | grep -i "^0*$bound " || true
	exit 1
}
