# SPDX-License-Identifier: BSD-2-Clause
# Completion of ksem(1) for bash: commands, options, names of semaphores.
#
# Others chose the names, so nothing here evaluates or splits them: ksem reads the line, and answers with words that are
# quoted already, each ended by a NUL byte. For directories, programs and files it says so, and bash finds them.
_ksem()
{
	local word=${2-${COMP_WORDS[COMP_CWORD]}} line i answer

	if [[ ${COMP_LINE-} ]]; then
		line=${COMP_LINE:0:COMP_POINT}
	else
		for ((i = 0; i <= COMP_CWORD; i++)); do
			[[ $i -eq 0 || ${COMP_WORDS[i]} == = || ${COMP_WORDS[i - 1]} == = ]] || line+=' '
			line+=${COMP_WORDS[i]}
		done
	fi
	COMPREPLY=()
	mapfile -d '' -t answer < <(command ksem --complete "$word" "$line" 2>/dev/null)
	case ${answer[0]-} in
	words) COMPREPLY=("${answer[@]:1}") ;;
	directories) compopt -o dirnames 2>/dev/null ;;
	files) compopt -o default 2>/dev/null ;;
	programs)
		if [[ $word =~ ^[[:alnum:]_.+-]+$ ]]; then
			mapfile -t COMPREPLY < <(compgen -c -- "$word")
			for i in "${!COMPREPLY[@]}"; do
				printf -v "COMPREPLY[$i]" %q "${COMPREPLY[i]}"
			done
		else
			compopt -o default 2>/dev/null
		fi
		;;
	esac
}
complete -F _ksem ksem
