#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# What a build installs serves a program that knows nothing but pkg-config: installs it into a temporary folder, then
# compiles and runs programs against it, from C11 and C++17, shared and static. Skipped (77) for sanitized libraries,
# which no plain program can link.
#   tests/users/package.sh BUILD SOURCE ALLOCATOR SANITIZER LIBRARIES     the build's options; the last: shared or both
set -u
build=$(realpath "$1") source=$(realpath "$2") allocator=$3 sanitizer=$4 libraries=$5
[ "$sanitizer" = none ] || exit 77
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
. "$(dirname "$0")/../checks.bash"
export KSEM_DIR=/dev/null # no directory

export DESTDIR=$work/shared
if ! meson install -C "$build" --no-rebuild >"$work/log" 2>&1; then
	cat "$work/log"
	exit 1
fi
unset DESTDIR
pc=$(find "$work/shared" -name ksem.pc)
[ -n "$pc" ] || { echo "FAILED: no ksem.pc was installed"; exit 1; }
lib=$(dirname "$(dirname "$pc")")
prefix=$(dirname "$(find "$work/shared" -path '*/include/ksem' -type d)")
prefix=${prefix%/include}

# The same without the shared library, so that -lksem is libksem.a.
cp -r "$work/shared" "$work/static"
find "$work/static" -name 'libksem.so*' -delete

# config TREE OPTION...: pkg-config, for what is installed in a tree
config() {
	local tree=$1
	shift
	PKG_CONFIG_PATH=$work/$tree${pc#"$work/shared"}
	PKG_CONFIG_PATH=${PKG_CONFIG_PATH%/*} PKG_CONFIG_SYSROOT_DIR=$work/$tree pkg-config "$@" ksem
}

# run PROGRAM: with the shared library that was installed
run() {
	LD_LIBRARY_PATH=$lib timeout 60 "$1"
}

strict="-Wall -Wextra -Werror -pedantic"
cc=${CC:-cc}
cxx=${CXX:-c++}

# ---- What is there ----

everything_is_there() {
	local page
	for page in "$source"/man/man3/*.3; do
		ls "$prefix/share/man/man3/$(basename "$page")"* || return 1
	done
	ls "$prefix"/share/man/man7/ksem.7* "$prefix"/include/ksem/{ksem.h,ksem.hpp,inline.h,version.h} || return 1
	ls "$lib/libksem.so" "$lib/libksem.so.0" || return 1
	[ "$libraries" = shared ] || ls "$lib/libksem.a"
}

exports_only_its_interface() {
	nm -D --defined-only "$lib/libksem.so" |
		awk '
			$3 ~ /^ksem_[a-z_]*@@?KSEM_0\.[12]$/ || $3 == "ksem_inline_2@@KSEM_0.2" { n++; next }
			$2 != "A" || $3 !~ /^KSEM_0\.[12](@@KSEM_0\.[12])?$/ { print; bad = 1 }
			END { exit bad || !n }'
}

needs_only() {
	local allowed='liburcu-(bp|cds|common)\.so\.[0-9]+|libc\.so\.6|ld-linux.*\.so\.[0-9]+' # the last: libc's too
	[ "$allocator" = jemalloc ] && allowed="$allowed|libjemalloc\\.so\\.2"
	readelf -d "$1" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' >"$work/needed"
	! grep -Evx "$allowed" "$work/needed" && grep -q liburcu-bp "$work/needed"
}

posix=$lib/libksem_posix.so
posix_brings_nothing() {
	local needed='s/.*(NEEDED).*\[\(.*\)\]/\1/p'
	nm -D --defined-only "$posix" | awk '
		$3 ~ /^_vgw[0-9]*ZU_/ { next } # what valgrind looks for
		$3 !~ /^sem_[a-z]*$/ { print; bad = 1 }
		{ n++ }
		END { exit bad || n != 11 }' ||
		return 1
	! readelf -d "$posix" | sed -n "$needed" | grep -Evx 'libc\.so\.6|libgcc_s\.so\.1|ld-linux.*\.so\.[0-9]+' ||
		return 1
	! nm -D --undefined-only "$posix" | grep -E ' (pthread_create|sigaction|signal|atexit)(@|$)'
}

# Our program, told to use what isn't there, fails; on the installed library it maps it.
ksem_run_runs_on_it() {
	local run
	run=$(find "$work/shared" -name ksem-run)
	[ -x "$run" ] || return 1
	! "$run" || return 1
	! KSEM_POSIX_LIBRARY=$posix "$run" false || return 1
	KSEM_POSIX_LIBRARY=$posix "$run" grep -q libksem_posix /proc/self/maps || return 1
	mkdir "$work/a path" "$work/a:path"
	cp "$posix" "$work/a path/libksem_posix.so.0"
	cp "$posix" "$work/a:path/libksem_posix.so.0"
	KSEM_POSIX_LIBRARY=$work/a\ path/libksem_posix.so.0 "$run" grep -q 'a path/libksem_posix' /proc/self/maps ||
		return 1
	! KSEM_POSIX_LIBRARY=$work/a:path/libksem_posix.so.0 "$run" true
}

check 'header, libraries and manual pages are installed' everything_is_there
check 'libksem.so exports ksem_*, versioned, and nothing else' exports_only_its_interface
check 'libksem.so needs liburcu-bp, liburcu-cds and libc alone' needs_only "$lib/libksem.so"

# A program that knows only <semaphore.h>, linked with libksem_posix.a, has our calls in it.
posix_links_static() {
	printf '%s\n' '#include <semaphore.h>' 'int main(void) { sem_t sem;' \
		'return sem_init(&sem, 0, 1) || sem_wait(&sem) || sem_post(&sem); }' >"$work/posix.c"
	# shellcheck disable=SC2086 # options are words
	$cc $strict "$work/posix.c" -o "$work/posix" "$lib/libksem_posix.a" -pthread && "$work/posix" || return 1
	nm "$work/posix" | grep -q ' T sem_wait$'
}

if [ -e "$posix" ]; then
	check 'libksem_posix.so exports the calls of <semaphore.h>, and needs libc alone' posix_brings_nothing
	[ "$libraries" = shared ] ||
		check 'a program for <semaphore.h> links libksem_posix.a' posix_links_static
	check 'ksem-run runs programs on libksem_posix.so' ksem_run_runs_on_it
fi

# ---- The build ----

# meson lists a test that names no suite with the project's name alone.
every_test_is_in_a_suite() {
	meson introspect --tests "$build" >"$work/tests" || return 1
	grep -q '"ksem:fast"' "$work/tests" && ! grep -o '"name": "[^"]*"[^{}]*"suite": \["ksem"\]' "$work/tests"
}
check 'every test is in a suite: fast, slow or check' every_test_is_in_a_suite

# ---- Programs ----

cat >"$work/program.c" <<'PROGRAM'
#ifndef _GNU_SOURCE
#define _POSIX_C_SOURCE 200809L
#endif
#include <ksem/ksem.h>
#ifdef INLINE
#include <ksem/inline.h>
#endif

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

#ifdef COLLIDE
/* Names that the library has inside; it must not call these. */
int memory_alloc(void);
int memory_alloc(void) { abort(); }
int futex_wake(void);
int futex_wake(void) { abort(); }
int process_create(void);
int process_create(void) { abort(); }
int reclaim_add(void);
int reclaim_add(void) { abort(); }
char memory_ops, futex_ops, fork_hooks, names_add, slots_take, ids_add;
#endif

static int count(const struct ksem_info *info, void *arg)
{
	++*(int *)arg;
	return info->id == 0;
}

#define MUST(condition) do { if (!(condition)) { printf("not true: %s\n", #condition); return 1; } } while (0)

int main(void)
{
	struct ksem_ns_options options = { sizeof(struct ksem_ns_options), NULL, 4, 0 };
	struct ksem_cred cred = { 1000, 1000 };
	struct ksem_ns *ns;
	struct ksem_proc *parent, *child;
	struct ksem *pin;
	struct timespec past = { 0, 0 };
	ksem_id_t plain, named;
	unsigned int value;
	int visited = 0;

	MUST(KSEM_VALUE_MAX == 4294967295u && KSEM_NAME_MAX == 255);
	MUST(ksem_self() == NULL); /* KSEM_DIR is no directory */
	MUST(ksem_ns_create(&options, &ns) == 0);
	MUST(ksem_proc_create(ns, &cred, &parent) == 0);
	MUST(ksem_init(parent, 1, &plain) == 0);
	MUST(ksem_open(parent, "/name", O_CREAT, 0600, 0, &named) == 0);
	MUST(ksem_proc_fork(parent, &child) == 0);
	MUST(ksem_post_many(child, named, 3) == 0 && ksem_post(child, named) == 0);
	MUST(ksem_wait(parent, named) == 0 && ksem_trywait(parent, named) == 0);
	MUST(ksem_clockwait(parent, named, CLOCK_MONOTONIC, &past) == 0);
	MUST(ksem_getvalue(parent, named, &value) == 0 && value == 1);
	MUST(ksem_pin(child, plain, &pin) == 0);
	for (value = 0; value < 10000; value++)
		MUST(ksem_pinned_wait(pin) == 0 && ksem_pinned_post(pin) == 0);
	MUST(ksem_ns_foreach(ns, count, &visited) == 0 && visited == 2);
	MUST(ksem_proc_exit(child) == 0);
	MUST(ksem_destroy(parent, plain) == 0 && ksem_close(parent, named) == 0);
	MUST(ksem_unlink(parent, "/name") == 0);
	ksem_unpin(pin);
	MUST(ksem_proc_exec(parent) == 0 && ksem_proc_exit(parent) == 0 && ksem_ns_destroy(ns) == 0);
	return 0;
}
PROGRAM
cp "$work/program.c" "$work/program.cc"

# What pkg-config says is text for a shell, as it is in a Makefile: it escapes the spaces of a path.
# shellcheck disable=SC2086 # options are words
builds() {
	local program=$work/$1 compiler=$2 file=$3 tree=$4
	shift 4
	case $tree in
	shared) eval '$compiler $strict "$@" "$file" -o "$program"' "$(config shared --cflags --libs)" ;;
	static) eval '$compiler $strict "$@" "$file" -o "$program"' "$(config static --static --cflags --libs)" ;;
	esac
}

builds_and_runs() {
	builds "$@" && run "$work/$1"
}

# needs_libksem PROGRAM YES-OR-NO: does it need libksem.so?
needs_libksem() {
	readelf -d "$1" >"$work/dynamic" || return 1
	cat "$work/dynamic"
	if grep -q 'NEEDED.*libksem\.so\.0' "$work/dynamic"; then
		[ "$2" = yes ]
	else
		[ "$2" = no ]
	fi
}

check 'a C11 program, shared' builds_and_runs c11 "$cc" "$work/program.c" shared -std=c11
check '... needs libksem.so' needs_libksem "$work/c11" yes
if command -v "${cxx%% *}" >/dev/null; then
	check 'a C++17 program, shared' builds_and_runs cxx17 "$cxx" "$work/program.cc" shared -std=c++17
fi
check 'a C11 program with names that the library has inside, shared' \
	builds_and_runs collide "$cc" "$work/program.c" shared -std=c11 -DCOLLIDE
if [ "$libraries" = both ]; then
	check 'a C11 program with names that the library has inside, libksem.a' \
		builds_and_runs collide_static "$cc" "$work/program.c" static -std=c11 -DCOLLIDE
	check '... needs no libksem.so' needs_libksem "$work/collide_static" no
	check 'a C11 program with the calls inline, libksem.a' \
		builds_and_runs inline_static "$cc" "$work/program.c" static -std=c11 -DINLINE -O2
fi
if [ "$libraries" = both ] && [ -n "$($cc -print-file-name=liburcu-bp.a | grep /)" ]; then
	check 'a C11 program, all static' builds_and_runs all_static "$cc" "$work/program.c" static -std=c11 -static
fi

check 'a C11 program with the calls inline, shared' \
	builds_and_runs inline_c11 "$cc" "$work/program.c" shared -std=c11 -DINLINE -O2
check '... not optimized, not position independent' \
	builds_and_runs inline_no_pie "$cc" "$work/program.c" shared -std=c11 -DINLINE -O0 -fno-pie -no-pie
if command -v "${cxx%% *}" >/dev/null; then
	check 'a C++11 program with the calls inline, shared' \
		builds_and_runs inline_cxx11 "$cxx" "$work/program.cc" shared -std=c++11 -DINLINE -O2
fi

# ---- The headers, with compilers that are strict ----

cat >"$work/drops.c" <<'PROGRAM'
#ifdef WANTS
#define KSEM_WARN_UNUSED
#endif
#include <ksem/ksem.h>
#ifdef INLINE
#include <ksem/inline.h>
#endif

void drops(struct ksem_proc *proc, ksem_id_t id);
void drops(struct ksem_proc *proc, ksem_id_t id)
{
	ksem_post(proc, id);
	ksem_close(proc, id);
#ifndef KEEPS
	ksem_wait(proc, id);
#endif
}
PROGRAM

# Alone, each in front, and all that a caller needs with it: no other header is included.
cat >"$work/header.c" <<'PROGRAM'
#include <ksem/ksem.h>
#ifdef INLINE
#include <ksem/inline.h>
#endif

#if KSEM_VERSION_MAJOR < 0 || KSEM_VERSION_MINOR < 0 || KSEM_VERSION_PATCH < 0
#error "no version"
#endif

int uses(struct ksem_proc *proc, ksem_id_t *id);
int uses(struct ksem_proc *proc, ksem_id_t *id)
{
	int (*call)(struct ksem_proc *, ksem_id_t) = ksem_wait; /* its type may have no exceptions */

	if (ksem_open(proc, "/name", O_CREAT | O_EXCL, S_IRUSR | S_IWGRP, 0, id) == EEXIST)
		return call(proc, *id) == EINTR;
	return ksem_post(proc, *id) || ksem_trywait(proc, *id) == EAGAIN;
}
#ifdef __cplusplus
static_assert(noexcept(ksem_post(nullptr, 0)) && noexcept(ksem_unpin(nullptr)), "they don't throw");
static_assert(!noexcept(ksem_ns_foreach(nullptr, nullptr, nullptr)), "what visit does is the caller's");
#endif
PROGRAM

compiles() { # COMPILER LANGUAGE FILE OPTION...
	local compiler=$1 language=$2 file=$3
	shift 3
	# shellcheck disable=SC2086 # options are words
	$compiler -x "$language" $strict -Wshadow -Wundef -c -o "$work/header.o" -I"$prefix/include" "$@" "$work/$file"
}

# The header of C++, with the warnings that users may have on.
cat >"$work/classes.cpp" <<'PROGRAM'
#include <ksem/ksem.hpp>

int main()
{
	ksem::counting_semaphore<8> s(1);
	const ksem::permit held(s);

	return s.try_acquire() || s.try_acquire_for(std::chrono::milliseconds(1)) ? 1 : 0;
}
PROGRAM

classes() { # COMPILER OPTION...
	local compiler=$1
	shift
	"$compiler" -fsyntax-only -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wold-style-cast \
		-Wundef -Werror -I"$prefix/include" "$@" "$work/classes.cpp"
}

warns() {
	! compiles "$@"
}

if command -v "${cxx%% *}" >/dev/null; then
	check 'a C++17 program with ksem.hpp, shared' \
		builds_and_runs classes "$cxx" "$work/classes.cpp" shared -std=c++17
fi

warns_of_classes() {
	! classes "$@"
}

for compiler in gcc clang g++ clang++; do
	command -v $compiler >/dev/null || continue
	case $compiler in
	*++) language=c++ standards='c++11 c++17 c++20' ;;
	*) language=c standards='c11 gnu17' ;;
	esac
	for standard in $standards; do
		for calls in CALLED INLINE; do
			check "the headers, $compiler -std=$standard, $calls" \
				compiles $compiler $language header.c -std=$standard -D$calls
		done
	done
	if [ $language = c++ ]; then
		for standard in c++17 c++20 c++2b; do
			check "ksem.hpp, $compiler -std=$standard" classes $compiler -std=$standard
		done
		check "ksem.hpp, $compiler, without exceptions" classes $compiler -std=c++17 -fno-exceptions -fno-rtti
		check '... not in C++14' warns_of_classes $compiler -std=c++14
	fi
	for calls in CALLED INLINE; do
		check "results may be dropped, $compiler, $calls" compiles $compiler $language drops.c -D$calls
		check '... but that of a wait with KSEM_WARN_UNUSED' warns $compiler $language drops.c -D$calls -DWANTS
		check '... those of other calls still' compiles $compiler $language drops.c -D$calls -DWANTS -DKEEPS
	done
done

exit $failed
