# bash asks the program itself what may come next, so this is never out of date.
_k8s_registrar() {
	local current=${COMP_WORDS[COMP_CWORD]}
	local asked=("${COMP_WORDS[@]:0:COMP_CWORD}")
	case $current in
	--) asked+=(-) ;; # two dashes alone would end the options
	-*) asked+=("$current") ;;
	esac
	mapfile -t COMPREPLY < <(compgen -W "$("${asked[@]}" --generate-bash-completion 2>/dev/null)" -- "$current")
}
complete -o bashdefault -o default -F _k8s_registrar k8s-registrar
