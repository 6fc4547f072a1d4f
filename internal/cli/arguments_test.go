package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	urfave "github.com/urfave/cli/v2"

	"omsinit/internal/msg"
)

// words are arguments for a command, as many as it may have.
func (l leaf) words() []string {
	var words []string
	for _, name := range strings.Fields(strings.Trim(l.ArgsUsage, "[]")) {
		words = append(words, "a-"+strings.ToLower(strings.Trim(name, "[]…")))
		if strings.Contains(name, "…") {
			words = append(words, "another")
		}
	}
	return words
}

// given is what a command was called with.
type given struct {
	args  []string
	flags map[string]string
}

// parse runs a command line, with commands that only record what they were given.
func parse(t *testing.T, line ...string) given {
	t.Helper()
	a := &app{lang: msg.English}
	u := a.application()
	var got given
	record := func(c *urfave.Context) error {
		got = given{c.Args().Slice(), map[string]string{}}
		for _, f := range c.Command.Flags {
			if name := f.Names()[0]; c.IsSet(name) {
				got.flags[name] = fmt.Sprint(c.Value(name))
			}
		}
		return nil
	}
	for _, l := range u.Commands {
		for _, c := range append(slices.Clone(l.Subcommands), l) {
			if len(c.Subcommands) > 0 {
				continue
			}
			c.Action = record
			for i := range c.Flags {
				c.Flags[i] = withoutAction(c.Flags[i])
			}
		}
	}
	arranged := append([]string{"omsinit"}, arrange(u.Flags, u.Commands, line)...)
	if err := u.RunContext(context.Background(), arranged); err != nil {
		t.Fatalf("%v: %v", line, err)
	}
	return got
}

// withoutAction returns a flag that is only parsed.
func withoutAction(f urfave.Flag) urfave.Flag {
	switch f := f.(type) {
	case *urfave.StringFlag:
		f.Action = nil
	case *urfave.DurationFlag:
		f.Action = nil
	case *urfave.IntFlag:
		f.Action = nil
	case *urfave.StringSliceFlag:
		f.Action = nil
	}
	return f
}

// example returns a flag with a value that it can have.
func example(f urfave.Flag) []string {
	name := "--" + f.Names()[0]
	switch f := f.(type) {
	case *urfave.BoolFlag, *urfave.GenericFlag:
		return []string{name}
	case *urfave.DurationFlag:
		return []string{name, "5s"}
	case *urfave.IntFlag:
		return []string{name, "7"}
	case *urfave.StringFlag:
		if f.Name == "lang" {
			return []string{name, "zh"}
		}
	}
	return []string{name, "value"}
}

// TestOptionsBehindArguments tries each option of each command that takes arguments in front of them, behind them, and
// among them.
func TestOptionsBehindArguments(t *testing.T) {
	tried := 0
	for _, l := range leaves(&app{lang: msg.English}) {
		words := l.words()
		if len(words) == 0 || l.Name == runName {
			continue
		}
		for _, f := range l.Flags {
			option := example(f)
			front := parse(t, slices.Concat(l.path, option, words)...)
			if !slices.Equal(front.args, words) || front.flags[f.Names()[0]] == "" {
				t.Fatalf("%v %v: %+v", l.path, option, front)
			}
			for at := range len(words) + 1 {
				line := slices.Concat(l.path, words[:at], option, words[at:])
				got := parse(t, line...)
				if !slices.Equal(got.args, words) || got.flags[f.Names()[0]] != front.flags[f.Names()[0]] {
					t.Errorf("%v: %+v, want %+v", line, got, front)
				}
				tried++
			}
			joined := []string{strings.Join(option, "=")}
			got := parse(t, slices.Concat(l.path, words, joined)...)
			if got.flags[f.Names()[0]] != front.flags[f.Names()[0]] {
				t.Errorf("%v %v: %+v", l.path, joined, got)
			}
		}
		// Nothing behind -- is an option.
		line := slices.Concat(l.path, words[:1], []string{"--", "--lang", "zh", "--", "-x"})
		got := parse(t, line...)
		want := slices.Concat(words[:1], []string{"--lang", "zh", "--", "-x"})
		if !slices.Equal(got.args, want) || len(got.flags) > 0 {
			t.Errorf("%v: %+v, want %v", line, got, want)
		}
	}
	if tried < 200 {
		t.Errorf("only %d command lines were tried", tried)
	}
}

// TestRunHandsOn: what is behind the COMMAND of run belongs to it.
func TestRunHandsOn(t *testing.T) {
	for _, tc := range []struct{ line, want, lang string }{
		{"run ls -l --lang zh -- x", "ls -l --lang zh -- x", ""},
		{"run --lang zh ls --lang en", "ls --lang en", "zh"},
		{"--lang zh run ls -h", "ls -h", ""},
		{"run -- ls -- -l", "ls -- -l", ""},
		{"run status --help", "status --help", ""},
		{"run", "", ""},
	} {
		got := parse(t, strings.Fields(tc.line)...)
		if strings.Join(got.args, " ") != tc.want || got.flags["lang"] != tc.lang {
			t.Errorf("%s: %+v, want %q", tc.line, got, tc.want)
		}
	}
}

// TestStartFile: config new takes the file to begin with by either name.
func TestStartFile(t *testing.T) {
	for _, name := range []string{"-c", "--start"} {
		if got := parse(t, "config", "new", name, "old.yaml"); got.flags["start"] != "old.yaml" {
			t.Errorf("%s: %v", name, got.flags)
		}
	}
}
