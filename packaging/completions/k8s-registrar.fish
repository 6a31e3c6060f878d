# fish asks the program itself what may come next, so this is never out of date. The
# variable called 0 is how the program knows zsh, and adds what each answer means.
function __k8s_registrar_complete
    set -l asked (commandline -opc)
    switch (commandline -ct)
        case --
            set -a asked - # two dashes alone would end the options
        case '-*'
            set -a asked (commandline -ct)
    end
    env 0=zsh $asked --generate-bash-completion 2>/dev/null | string replace ':' \t
end
complete -c k8s-registrar -a '(__k8s_registrar_complete)'
