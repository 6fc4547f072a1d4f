#compdef omsinit
# Completion of omsinit for zsh: . <(omsinit completion zsh), or as _omsinit in a folder of fpath.
_omsinit() {
    local line word about
    local -a words_of_it shown
    for line in "${(@f)$(${words[1]} completion words -- "${(@Q)words[2,CURRENT]}" 2>/dev/null)}"; do
        word=${line%%$'\t'*} about=${line#*$'\t'}
        [[ -n $word ]] || continue
        words_of_it+=("$word")
        shown+=("${(mr:COLUMNS-1:)${:-$word${about:+  -- $about}}}")
    done
    if (( ! $#words_of_it )); then
        _files
    elif [[ $words_of_it[1] == *= ]]; then
        compadd -l -S '' -d shown -a words_of_it
    else
        compadd -l -d shown -a words_of_it
    fi
}
if [[ $funcstack[1] == _omsinit ]]; then
    _omsinit
else
    compdef _omsinit omsinit
fi
