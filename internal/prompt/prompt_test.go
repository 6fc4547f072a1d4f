package prompt

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"

	"omsinit/internal/msg"
)

func echoes(t *testing.T, f *os.File) bool {
	t.Helper()
	state, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	return state.Lflag&unix.ECHO != 0
}

func TestSecretIsNotEchoed(t *testing.T) {
	person, program, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer person.Close()
	defer program.Close()
	ctx, interrupt := context.WithCancel(context.Background())
	defer interrupt()
	p := &Prompter{ctx: ctx, file: program, in: bufio.NewReader(program), out: io.Discard, lang: msg.English}
	type answer struct {
		text string
		err  error
	}
	answers := make(chan answer)
	ask := func() {
		go func() {
			text, err := p.Secret(msg.M("%s:", "oms_meta_password"))
			answers <- answer{text, err}
		}()
		for deadline := time.Now().Add(60 * time.Second); echoes(t, program); time.Sleep(time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatal("what is typed is shown")
			}
		}
	}
	ask()
	if _, err := person.WriteString("gehe im\n"); err != nil {
		t.Fatal(err)
	}
	if got := <-answers; got.text != "gehe im" || got.err != nil {
		t.Errorf("%+v", got)
	}
	if !echoes(t, program) {
		t.Error("the terminal stays silent")
	}

	ask()
	interrupt()
	if got := <-answers; got.err == nil || !strings.Contains(got.err.Error(), "interrupted") {
		t.Errorf("%+v", got)
	}
	if !echoes(t, program) {
		t.Error("the terminal stays silent after an interrupt")
	}
	person.WriteString("\n") // lets the reader go
}

func TestConfirm(t *testing.T) {
	for input, want := range map[string]string{"y\n": "true", "YES\n": "true", "是\n": "true", "n\n": "false",
		"\n": "false", "maybe\n": "must be y or n", "": "no answer"} {
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		w.WriteString(input)
		w.Close()
		p := &Prompter{ctx: context.Background(), file: r, in: bufio.NewReader(r), out: io.Discard, lang: msg.English}
		yes, err := p.Confirm(msg.M("%s", "sure?"))
		got := fmt.Sprint(yes)
		if err != nil {
			got = err.Error()
		}
		if !strings.Contains(got, want) {
			t.Errorf("%q: %s, want %s", input, got, want)
		}
		r.Close()
	}
}
