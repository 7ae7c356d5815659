# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
# What tools that people run have in common. Their users see: wrong arguments refused before anything is done.
#
#   say_usage FILE LINES                what the comment at the top of the tool says, for --help
#   refuse WHAT                         wrong arguments: says what is wrong, and ends the tool with 2
#   must_be_whole OPTION VALUE MOST     refuses a value that isn't a whole number from 1 to MOST
#   must_be_minutes OPTION VALUE        refuses one that isn't above 0; fractions are taken
#   must_be_seed OPTION VALUE
#   must_be_one_of WHAT NAME NAMES      refuses a name that isn't a line of NAMES
#   must_run PART                       ends with 77, and says why, if the program that runs the part isn't there
#
# The rest is for tools/test, tools/run, tools/cross and tools/test-programs, which source this from the root of the
# tree. Their users see: the same result whatever the caller's environment is; progress, at least every ten seconds; and
# nothing left outside build/, also when the tool is interrupted.
#
#   begin_work NAME                     once, before any work
#   follow WHAT LOG COMMAND...          runs the command, its output in LOG, and shows how far it is
#   follow_lines WHAT LOG COMMAND...    the same, and prints each line of its output
#   configure BUILD LOG ARGUMENT...     meson setup, unless BUILD was made by the same command before
#   quietly WHAT LOG COMMAND...         follow, for a step that matters only if it fails
#
# How nothing is left behind: all temporary files of the tool and of what it starts are in $TMPDIR, under build/, and in
# $KSEM_TEST_SHM, under /dev/shm. Each process that the tool starts inherits a variable KSEM_RUN_<name> with a value of
# this run alone. At the end the tool stops every process that has it, then removes both directories.

progress_every=5 # seconds between two lines of progress
patience=8       # seconds that what was started has to end by itself, at the end

say_usage()
{
	sed -n "$2s/^# \{0,1\}//p" "$1"
}

# What people call this tool: tools/NAME, or tools/verify PART.
tool_name()
{
	local part=${0##*/} kind
	kind=$(basename "$(dirname "$0")")
	[[ $kind != *.d ]] || part="${kind%.d} $part"
	echo "tools/$part"
}

refuse()
{
	echo "$(tool_name): $* (--help says what it takes)" >&2
	exit 2
}

must_be_whole()
{
	[[ $2 =~ ^[1-9][0-9]{0,8}$ && $2 -le $3 ]] || refuse "$1 takes a whole number from 1 to $3, not '$2'"
}

must_be_minutes()
{
	[[ $2 =~ ^[0-9]{0,6}(\.[0-9]+)?$ && $2 == *[1-9]* ]] || refuse "$1 takes a number of minutes, not '$2'"
}

must_be_seed()
{
	[[ $2 =~ ^([0-9]{1,20}|0x[0-9a-fA-F]{1,16})$ ]] || refuse "$1 takes a number, not '$2'"
}

must_be_one_of()
{
	[[ $2 != --* ]] || refuse "no such option: '$2'"
	[[ $2 != *$'\n'* && -n $2 && $'\n'$3$'\n' == *$'\n'"$2"$'\n'* ]] ||
		refuse "no such $1: '$2'; there are: ${3//$'\n'/; }"
}

must_run()
{
	local runner
	runner=$(sed -n '1s/^#!//p' "$1")
	runner=${runner##* } # of `/usr/bin/env python3`, the program
	command -v "$runner" >/dev/null || {
		echo "$(tool_name) ${1##*/}: skipped: $runner isn't installed (tools/install test)" >&2
		exit 77
	}
}

elapsed()
{
	printf '%d:%02d' $((SECONDS / 60)) $((SECONDS % 60))
}

begin_work()
{
	run_name=$1
	umask 022
	export LC_ALL=C PYTHONDONTWRITEBYTECODE=1
	unset CDPATH GREP_OPTIONS CC CXX AR LD CFLAGS CXXFLAGS CPPFLAGS LDFLAGS DESTDIR LD_PRELOAD LD_LIBRARY_PATH \
		GLIBC_TUNABLES PKG_CONFIG PKG_CONFIG_PATH PKG_CONFIG_LIBDIR PKG_CONFIG_SYSROOT_DIR PYTHONPATH MAKEFLAGS \
		NINJA_STATUS KSEM_DIR KSEM_TEST_SHARED KSEM_POSIX_LIBRARY KSEM_POSIX_STATS
	mkdir -p build/tmp || exit 1
	exec {lock_fd}>"build/$run_name.lock" || exit 1
	flock -n "$lock_fd" || {
		echo "tools/$run_name: another tools/$run_name runs in this tree" >&2
		exit 1
	}
	work=$PWD/build/tmp/$run_name
	[ ! -s "$work/shm" ] || rm -rf "$(cat "$work/shm")" # of a run that was killed
	rm -rf "$work"
	mkdir -p "$work" || exit 1
	export TMPDIR=$work
	run_mark=KSEM_RUN_${run_name//-/_}=$$-$RANDOM$RANDOM
	export "${run_mark?}"
	shm=
	child=
	trap end_work EXIT
	trap 'exit 129' HUP
	trap 'exit 130' INT
	trap 'exit 131' QUIT
	trap 'exit 141' PIPE
	trap 'exit 143' TERM
	if [ -z "${KSEM_TEST_SHM-}" ]; then
		shm=$(mktemp -d /dev/shm/ksem-run-XXXXXX) || exit 1
		printf '%s' "$shm" >"$work/shm"
		chmod 755 "$shm"
		export KSEM_TEST_SHM=$shm
	fi
}

# The processes of this run that are left. A process's environment is its initial one, so this shell isn't among them;
# grep and sed would be.
left_processes()
{
	(
		unset "${run_mark%%=*}"
		grep -lzxF "$run_mark" /proc/[0-9]*/environ 2>/dev/null | sed 's|/proc/\([0-9]*\)/environ|\1|'
	)
}

# end_work [STATUS]: by the trap on EXIT
end_work()
{
	local status=${1-$?} pids since file
	set +e
	trap '' HUP INT QUIT PIPE TERM
	exec 2>/dev/null
	[ -z "$child" ] || kill -TERM -- "-$child"
	mapfile -t pids < <(left_processes)
	[ ${#pids[@]} -eq 0 ] || kill -TERM "${pids[@]}"
	since=$SECONDS
	while [ ${#pids[@]} -gt 0 ] && [ $((SECONDS - since)) -lt $((patience + 5)) ]; do
		[ $((SECONDS - since)) -lt "$patience" ] || kill -KILL "${pids[@]}"
		sleep 0.2
		mapfile -t pids < <(left_processes)
	done
	[ -z "$child" ] || kill -KILL -- "-$child"
	rm -rf "$work" ${shm:+"$shm"}
	for file in /dev/shm/sem.ksem-test-posix-*; do # of libc's semaphores, which have one place alone
		pids=${file#*posix-}
		[ ! -O "$file" ] || [ -e "/proc/${pids%%-*}" ] || rm -f "$file"
	done
	rmdir build/tmp
	exit "$status"
}

# One line of the output of what is followed: how many steps have ended, of how many; in meson's words or ninja's.
take_line()
{
	local pattern='^ *\[?([0-9]+)/([0-9]+)[] ]'
	[ -n "$1" ] || return
	if [[ $1 =~ $pattern ]]; then
		ended="${BASH_REMATCH[1]} of ${BASH_REMATCH[2]}"
		case $summary$1 in
		no*' FAIL '* | no*' TIMEOUT '* | no*' ERROR '*) echo "$what: $1" ;;
		esac
	fi
	[ "$1" != 'Summary of Failures:' ] || summary=yes # which says each once more
	if $every_line; then
		echo "$1"
		said=$SECONDS
	fi
}

follow()
{
	every_line=false follow_command "$@"
}

follow_lines()
{
	every_line=true follow_command "$@"
}

follow_command()
{
	local what=$1 log=$2 fd line rest='' ended='' said=$SECONDS alive=true summary=no
	shift 2
	: >"$log"
	exec {fd}<"$log"
	set -m # a process group of its own: ^C at the terminal reaches this shell alone, which stops all of the group
	"$@" >"$log" 2>&1 </dev/null {lock_fd}>&- {fd}<&- &
	child=$!
	set +m
	while $alive; do
		[ -e "/proc/$child" ] || alive=false # and then all that it wrote is read below
		while IFS= read -r -u "$fd" line; do
			take_line "$rest$line"
			rest=
		done
		rest+=$line
		if [ $((SECONDS - said)) -ge $progress_every ]; then
			said=$SECONDS
			echo "$what: ${ended:+$ended, }$(elapsed)"
		fi
		! $alive || sleep 0.2
	done
	[ -z "$rest" ] || take_line "$rest"
	exec {fd}<&-
	wait "$child"
	line=$?
	child=
	return "$line"
}

quietly()
{
	local what=$1 log=$2
	shift 2
	follow "$what" "$log" "$@" || {
		tail -n 40 "$log" >&2
		echo "tools/$run_name: $1 failed; $log has all of it" >&2
		return 1
	}
}

# Meson refuses a build directory that was moved or that another version made, and a compiler or options once chosen
# stay. So a build directory has a file that says how it was made; if that isn't how it is wanted, it is made anew.
configure()
{
	local build=$1 log=$2 wanted compiler
	shift 2
	wanted=$(
		printf '%s\n' "$PWD" "$@"
		meson --version
		for compiler in "${CC-cc}" "${CXX-c++}"; do
			"$compiler" --version 2>&1 | head -n 1
		done
		cat meson_options.txt
	)
	if [ ! -f "$build/build.ninja" ] || [ "$wanted" != "$(cat "$build/made-by" 2>/dev/null)" ]; then
		rm -rf "$build"
		quietly "configuring $build" "$log" meson setup "$build" "$@" || return
		printf '%s\n' "$wanted" >"$build/made-by"
	fi
}
