package container

import (
	"errors"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// TestCommand: the documented tools run `IMAGE bash` to fetch files.
func TestCommand(t *testing.T) {
	t.Parallel()
	out, err := exec.Command("docker", "run", "--rm", image(t), "bash", "-c",
		"test -x /root/docker_init.sh && exit 3").CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 3 {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestRefusedOptions: those of docker run with which PID 1 cannot write are named.
func TestRefusedOptions(t *testing.T) {
	t.Parallel()
	for _, option := range []string{"--read-only", "--user"} {
		args := []string{"run", "--rm", option, image(t)}
		if option == "--user" {
			args = slices.Insert(args, 3, "1000")
		}
		out, err := exec.Command("docker", args...).CombinedOutput()
		if err == nil || !strings.Contains(string(out), " "+option) {
			t.Errorf("%v: %v\n%s", args, err, out)
		}
	}
}

// TestTrial: the image with nothing prepared at all.
func TestTrial(t *testing.T) {
	t.Parallel()
	c := newContainer(t)
	c.secrets = nil // it makes one of its own
	c.t.Cleanup(func() {
		c.remove()
	})
	c.docker("run", "-dt", "--name", c.name, image(t), "omsinit", "trial")
	c.eventually("the status table", func() bool {
		return strings.Contains(c.docker("logs", c.name), "open http://127.0.0.1:8089")
	})
	if out, _ := c.exec("omsinit", "status"); !strings.Contains(out, "oms_metadb") {
		t.Errorf("no oms_metadb in\n%s", out)
	}
}
