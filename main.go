// Command omsinit initialises, supervises and operates an OMS container. It is the container's entry point, the job
// of docker_init.sh, and the operator's command.
package main

import (
	"os"

	"omsinit/internal/cli"
)

func main() { os.Exit(cli.Main(os.Args)) }
