# Completion of omsinit for bash: . <(omsinit completion bash)
_omsinit() {
    local line last cut n=0
    local -a words=()
    COMPREPLY=()
    # Bash has an equals sign for a word of its own, and completes what is behind it.
    for line in "${COMP_WORDS[@]:1:COMP_CWORD}"; do
        if ((n)) && [[ $line == = || $last == = ]]; then
            words[n-1]+=$line cut=*=
        else
            words[n++]=$line cut=
        fi
        last=$line
    done
    while IFS= read -r line; do
        line=${line%%$'\t'*}
        COMPREPLY+=("${line#$cut}")
    done < <("${COMP_WORDS[0]}" completion words -- "${words[@]}" 2>/dev/null)
    case ${COMPREPLY[0]-} in *=) compopt -o nospace ;; esac
}
complete -o default -F _omsinit omsinit
