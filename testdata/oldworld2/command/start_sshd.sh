#!/bin/bash
case " $OLDWORLD_ODD " in
*" keys "*) ;; # the entry point makes them
*)
    [ -e /etc/ssh/ssh_host_ed25519_key ] || ssh-keygen -q -A
    mkdir -p /run/sshd
    ;;
esac
/usr/sbin/sshd -D
exit $?
