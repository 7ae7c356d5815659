#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# The script ksem-run: programs that the library serves run on it; others run too, and are warned of; what can't be run
# is said, in words that are safe for a terminal.
#   tests/posix/ksem_run.sh SCRIPT LIBRARY     with the compiler CC
set -u
script=$(realpath "$1") library=$(realpath "$2")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
export KSEM_POSIX_LIBRARY=$library PATH=$PATH:/usr/sbin:/sbin
unset LD_PRELOAD
failed=0

# runs STATUS OUTPUT ERRORS COMMAND...: under ksem-run; OUTPUT and ERRORS are patterns
runs() {
	local status=$1 output=$2 errors=$3 got
	shift 3
	got=$(timeout 60 "${as[@]}" "$script" "$@" 2>err </dev/null)
	set -- "$?" "$@"
	# shellcheck disable=SC2053 # patterns
	[ "$1" = "$status" ] && [[ $got == $output ]] && [[ $(cat err) == $errors ]] && return
	echo "FAILED: ksem-run ${*:2}: status $1, not $status; or not '$output', '$errors':"
	printf '%s\n' "$got"
	cat err
	failed=1
}
as=(env)

cat >program.c <<'PROGRAM'
#include <semaphore.h>
#include <stdio.h>
#include <string.h>

/* Whose semaphores? */
int main(int argc, char **argv)
{
	FILE *maps = fopen("/proc/self/maps", "r");
	char line[4096];
	int ours = 0;
	sem_t sem;

	while (maps && fgets(line, sizeof(line), maps))
		ours |= strstr(line, "libksem_posix") != NULL;
	if (sem_init(&sem, 0, 1) || sem_wait(&sem) || sem_post(&sem))
		return 1;
	printf("%s:%s\n", ours ? "ksem" : "libc", argc > 1 ? argv[1] : "");
	return 7;
}
PROGRAM
cc=${CC:-cc}
# shellcheck disable=SC2086 # words
$cc program.c -o served -pthread || exit 1
command -v musl-gcc >/dev/null && musl-gcc program.c -o musl 2>/dev/null

# ---- Served ----

runs 7 'ksem:a b' '' ./served 'a b'
printf '#!%s\n' "$work/served" >script
printf '#!/usr/bin/env served\n' >by_env
printf './served inside\n' >without_a_line
chmod +x script by_env without_a_line
runs 7 'ksem:./script' '' ./script
runs 7 'ksem:*' '' env PATH="$work:$PATH" by_env
PATH=$work:$PATH runs 7 'ksem:x' '' served x
runs 7 'ksem:inside' '' ./without_a_line
runs 7 'ksem:x' '' -- ./served x
runs 7 'ksem:' '' "$script" ./served
mkdir -p deep/1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16/17/18/19/20
cp served deep/1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16/17/18/19/20
runs 7 'ksem:' '' deep/1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16/17/18/19/20/served
as=(env LD_PRELOAD='libm.so.6 libdl.so.2')
# shellcheck disable=SC2016
runs 0 '*libksem_posix.so*:libm.so.6 libdl.so.2' '' sh -c 'echo "$LD_PRELOAD"'
runs 0 '[1-9]*' '' grep -c libm.so /proc/self/maps
as=(env)
# shellcheck disable=SC2016
[ "$("$script" sh -c 'echo "$LD_PRELOAD"')" = "$("$script" "$script" sh -c 'echo "$LD_PRELOAD"')" ] ||
	{ echo 'FAILED: nested, the library is preloaded twice'; failed=1; }

# LD_PRELOAD can't have a blank in a path.
mkdir -p 'a  b'
cp "$library" 'a  b/libksem_posix.so.0'
as=(env KSEM_POSIX_LIBRARY="a  b/libksem_posix.so.0" LD_LIBRARY_PATH=/nothing)
runs 7 'ksem:' '' ./served
runs 7 'ksem:' '' "$script" ./served
# By its name alone, musl's loader finds a library that is installed where it looks, and the program ends: ksem-run(1).
if [ -e musl ]; then
	LD_PRELOAD=libksem_posix.so.0 ./musl >/dev/null 2>&1
	if [ $? -eq 127 ]; then
		echo "skipped: musl's loader finds an installed libksem_posix.so.0"
	else
		runs 7 'libc:' '' sh -c ./musl
	fi
fi
# A link without a blank leads there.
ln -s 'a  b' link
as=(env KSEM_POSIX_LIBRARY=link/libksem_posix.so.0 LD_LIBRARY_PATH=/nothing)
runs 7 'ksem:' '' ./served
# shellcheck disable=SC2016
runs 0 "/*/link/libksem_posix.so.0 /nothing" '' sh -c 'echo "${LD_PRELOAD##*/..} $LD_LIBRARY_PATH"'
[ ! -e musl ] || runs 7 'libc:' '' sh -c ./musl
as=(env)

# ---- Not served ----

if $cc -static program.c -o static -pthread 2>/dev/null; then
	runs 7 'libc:' 'ksem-run: warning: ./static is linked statically*' ./static
	printf '#! %s -x\n' "$work/static" >script
	runs 7 'libc:-x' "ksem-run: warning: $work/static is linked statically*" ./script
	printf '#!/usr/bin/env -S A=1 static\n' >script
	PATH=$work:$PATH runs 7 'libc:./script' 'ksem-run: warning: *static is linked statically*' ./script
	mkdir "$work/$(printf 'a\033[31m b')"
	cp static "$work/$(printf 'a\033[31m b')"
	runs 7 'libc:' 'ksem-run: warning: ./a\\x1b\[31m b/static is linked*' "./$(printf 'a\033[31m b')/static"
	# shellcheck disable=SC2016
	runs 7 'libc:*ksem:' '' sh -c './static; ./served'
fi
if $cc -static-pie -fPIE program.c -o static_pie -pthread 2>/dev/null; then
	runs 7 'libc:' 'ksem-run: warning: ./static_pie is linked statically*' ./static_pie
fi
if [ -e musl ]; then
	runs 7 'libc:' 'ksem-run: warning: ./musl is built for musl*' ./musl
	runs 7 'libc:' '' sh -c ./musl # what a program that is served starts, starts
	printf '#!%s\n' "$work/musl" >script
	runs 7 'libc:./script' "ksem-run: warning: $work/musl is built for musl*" ./script
fi
# shellcheck disable=SC2016
echo 'void _start(void) { __asm__("mov $1, %eax; mov $9, %ebx; int $0x80"); }' >other.c
if $cc -m32 -nostdlib -static other.c -o other 2>/dev/null && ./other || [ $? = 9 ]; then
	runs 9 '' 'ksem-run: warning: ./other is for another processor than the library, or for 32 bits*' ./other
fi
if [ "$(id -u)" = 0 ]; then
	chmod 755 "$work"
	cp served set_user && chown 65534 set_user && chmod 4755 set_user
	runs 7 '*' 'ksem-run: warning: ./set_user changes its user*' ./set_user
	cp served set_group && chgrp 65534 set_group && chmod 2755 set_group
	runs 7 '*' 'ksem-run: warning: ./set_group changes its group*' ./set_group
	cp served own && chmod 6755 own
	runs 7 'ksem:' '' ./own
	cp served capable
	cp "$script" "$library" .
	if command -v setpriv >/dev/null && setcap cap_net_raw+ep capable 2>/dev/null; then
		script=$work/$(basename "$script")
		chmod 777 .
		as=(setpriv --reuid 65534 --regid 65534 --clear-groups env)
		as+=(KSEM_POSIX_LIBRARY="$work/$(basename "$library")")
		if "${as[@]}" test -x "$script"; then
			runs 7 'libc:' 'ksem-run: warning: ./capable gets capabilities*' ./capable
			runs 7 'ksem:' '' ./served
		else
			echo "skipped: no other user reaches $work"
		fi
		as=(env)
	fi
fi

# ---- Counted, or not where the file can't have the counts ----

cat >sleeps.c <<'PROGRAM'
#include <semaphore.h>
#include <time.h>

int main(void)
{
	struct timespec until;
	sem_t sem;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_nsec += until.tv_nsec < 900000000 ? 50000000 : -900000000;
	until.tv_sec += until.tv_nsec < 50000000;
	return sem_init(&sem, 0, 0) || sem_timedwait(&sem, &until) == 0;
}
PROGRAM
# shellcheck disable=SC2086 # words
$cc sleeps.c -o sleeps -pthread || exit 1
counted() {
	od -A n -v -t u8 -N 8 "$1" | tr -d ' '
}
as=(env KSEM_POSIX_STATS=stats)
runs 0 '' '' ./sleeps
runs 0 '' '' ./sleeps
[ "$(counted stats)" = 2 ] || { echo "FAILED: counted $(counted stats) sleeps, not 2" && failed=1; }
head -c 100 /dev/zero >longer
as=(env KSEM_POSIX_STATS=longer)
runs 0 '' '' ./sleeps
[ "$(counted longer)$(wc -c <longer)" = 0100 ] || { echo "FAILED: a file that has no counts was changed" && failed=1; }
as=(bash -c 'ulimit -f 0; exec "$@"' - env KSEM_POSIX_STATS=limited)
runs 0 '' '' ./sleeps
as=(env KSEM_POSIX_STATS=.)
runs 0 '' '' ./sleeps
if [ "$(id -u)" = 0 ] && mkdir full && mount -t tmpfs -o size=4k tmpfs full 2>/dev/null; then
	head -c 4096 /dev/zero >full/it
	as=(env KSEM_POSIX_STATS=full/stats)
	runs 0 '' '' ./sleeps
	umount full
fi
as=(env)

# ---- Not run ----

runs 2 '' 'ksem-run: a program is missing*'
runs 2 '' 'ksem-run: a program is missing*' ''
runs 2 '' 'ksem-run: no such option: -x' -x
runs 0 'usage: *' '' --help
runs 127 '' 'ksem-run: ./nothing: not found' ./nothing
# shellcheck disable=SC1003
runs 127 '' 'ksem-run: no\\x1b\\x9bthing\\\\: not found' "$(printf 'no\033\233thing\\')"
runs 127 '' 'ksem-run: program.c: not found' program.c
as=(env PATH="$PATH:$work")
runs 126 '' "ksem-run: program.c: can't be executed" program.c
as=(env PATH=) # the script finds its own tools all the same
runs 7 'ksem:' '' ./served
as=(env -u PATH)
runs 7 'ksem:' '' ./served
as=(env)
runs 126 '' "ksem-run: .: can't be executed" .
runs 126 '' "ksem-run: ./program.c: can't be executed" ./program.c
# shellcheck disable=SC2016
for path in 'a:b' 'a;b' 'a$b'; do
	mkdir -p "$path"
	cp "$library" "$path/libksem_posix.so.0"
	as=(env KSEM_POSIX_LIBRARY="$path/libksem_posix.so.0")
	runs 1 '' "ksem-run: the loader takes no path that has*" ./served
done
as=(env KSEM_POSIX_LIBRARY=/nothing)
runs 1 '' 'ksem-run: KSEM_POSIX_LIBRARY: there is no /nothing' ./served
exit $failed
