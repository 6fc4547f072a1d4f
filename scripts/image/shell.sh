#!/bin/sh
# Put what completes commands in bash and zsh, and the manual pages, where the shells and man look for them. The binary
# of the image makes them. Part of the Dockerfile; ROOT is for tests.
set -eu
root=${1:-}
omsinit=$root/usr/local/bin/omsinit
bash=/usr/share/bash-completion/completions
mkdir -p "$root$bash" "$root/usr/local/share/zsh/site-functions" "$root/usr/local/share/man/man1" \
    "$root/usr/local/share/man/zh_CN/man1" "$root/etc/profile.d"
"$omsinit" completion bash >"$root$bash/omsinit"
"$omsinit" completion zsh >"$root/usr/local/share/zsh/site-functions/_omsinit"
"$omsinit" help --man --lang en >"$root/usr/local/share/man/man1/omsinit.1"
"$omsinit" help --man --lang zh >"$root/usr/local/share/man/zh_CN/man1/omsinit.1"
# Images seldom have bash-completion, which would find it by itself. sh reads this file, too.
echo "[ -z \"\${BASH_VERSION-}\" ] || shopt -oq posix || . $bash/omsinit" >"$root/etc/profile.d/omsinit.sh"
# Debian's bash reads no profile.d in docker exec.
if [ -f "$root/etc/bash.bashrc" ] && ! grep -q profile.d/omsinit.sh "$root/etc/bash.bashrc"; then
    echo '. /etc/profile.d/omsinit.sh' >>"$root/etc/bash.bashrc"
fi
