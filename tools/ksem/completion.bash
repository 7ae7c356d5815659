# SPDX-License-Identifier: BSD-2-Clause
# Completion of ksem(1) for bash: commands, options, names of semaphores.
_ksem()
{
	local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}

	case $before in
	--dir) mapfile -t COMPREPLY < <(compgen -d -- "$word") ;;
	--value | --mode | --count | --timeout | --interval | --times) ;;
	--name | show | watch | post | wait | unlink)
		mapfile -t COMPREPLY < <(compgen -W "$(ksem ls 2>/dev/null | awk 'NR > 1 { print $NF }')" -- "$word")
		;;
	--) mapfile -t COMPREPLY < <(compgen -c -- "$word") ;;
	ksem) mapfile -t COMPREPLY < <(compgen -W "--dir ls show watch create post wait unlink run" -- "$word") ;;
	*) mapfile -t COMPREPLY < <(compgen -W "--json --value --mode --count --timeout --interval --times --name --" -- "$word") ;;
	esac
}
complete -F _ksem ksem
