package image

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// TestShell: what is installed is what the binary prints, twice as once, and a shell that is not bash takes no notice.
func TestShell(t *testing.T) {
	for _, shell := range shells {
		root := t.TempDir()
		write(t, root+"/usr/local/bin/omsinit", "#!/bin/sh\necho \"_omsinit() { echo '$*'; }\"\n", 0o755)
		write(t, root+"/etc/bash.bashrc", "# Debian's\n", 0o644)
		for range 2 {
			if out, status := run(t, exec.Command(shell, "shell.sh", root)); status != 0 {
				t.Fatalf("%s: status %d\n%s", shell, status, out)
			}
		}
		for file, args := range map[string]string{
			"/usr/share/bash-completion/completions/omsinit": "completion bash",
			"/usr/local/share/zsh/site-functions/_omsinit":   "completion zsh",
			"/usr/local/share/man/man1/omsinit.1":            "help --man --lang en",
			"/usr/local/share/man/zh_CN/man1/omsinit.1":      "help --man --lang zh",
		} {
			if data, err := os.ReadFile(root + file); err != nil || !strings.Contains(string(data), "'"+args+"'") {
				t.Errorf("%s: %q, %v", file, data, err)
			}
		}
		rc, _ := os.ReadFile(root + "/etc/bash.bashrc")
		if strings.Count(string(rc), "omsinit") != 1 {
			t.Errorf("bash.bashrc: %s", rc)
		}
		profile, err := os.ReadFile(root + "/etc/profile.d/omsinit.sh")
		if err != nil {
			t.Fatal(err)
		}
		sourced := strings.Replace(string(profile), ". /usr", ". "+root+"/usr", 1)
		for _, tc := range []struct{ shell, option, want string }{
			{"bash", "-e", "completion bash"}, {"dash", "-e", "none"}, {"bash", "--posix", "none"},
		} {
			script := sourced + "\nif command -v _omsinit >/dev/null; then _omsinit; else echo none; fi\n"
			if out, status := run(t, exec.Command(tc.shell, tc.option, "-c", script)); status != 0 ||
				strings.TrimSpace(out) != tc.want {
				t.Errorf("%s %s: status %d, %q; want %q", tc.shell, tc.option, status, out, tc.want)
			}
		}
	}
}
