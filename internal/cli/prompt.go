package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"

	"omsinit/internal/msg"
)

// prompter asks questions on the terminal, and takes answers from the standard input, a line each, when that is none.
// It asks on the error stream: what is printed is for others.
type prompter struct {
	ctx  context.Context
	file *os.File
	in   *bufio.Reader
	out  io.Writer
	lang msg.Lang
}

func (a *app) prompter(ctx context.Context) *prompter {
	return &prompter{ctx: ctx, file: a.stdin, in: bufio.NewReader(a.stdin), out: a.stderr, lang: a.lang}
}

// terminal reports whether a person can answer.
func (p *prompter) terminal() bool { return term.IsTerminal(int(p.file.Fd())) }

// line asks for a line of text.
func (p *prompter) line(question msg.Message) (string, error) {
	return p.ask(question, func() (string, error) { return p.in.ReadString('\n') })
}

// secret asks for a line that is not shown while it is typed.
func (p *prompter) secret(question msg.Message) (string, error) {
	if !p.terminal() {
		return p.line(question)
	}
	fd := int(p.file.Fd())
	before, err := term.GetState(fd)
	if err != nil {
		return "", msg.Errorf("cannot switch the echo of the terminal off: %w", err)
	}
	defer func() { // ReadPassword does so too, but not when it is left waiting
		_ = term.Restore(fd, before)
		fmt.Fprintln(p.out)
	}()
	return p.ask(question, func() (string, error) {
		text, err := term.ReadPassword(fd)
		return string(text), err
	})
}

// ask asks a question and reads the answer. An interrupt ends the waiting; the reader is left alone then, for the
// process ends.
func (p *prompter) ask(question msg.Message, read func() (string, error)) (string, error) {
	if p.terminal() {
		fmt.Fprint(p.out, question.In(p.lang)+" ")
	}
	type answer struct {
		text string
		err  error
	}
	answers := make(chan answer, 1)
	go func() {
		text, err := read()
		answers <- answer{text, err}
	}()
	select {
	case <-p.ctx.Done():
		fmt.Fprintln(p.out)
		return "", msg.Errorf("interrupted; nothing was changed")
	case a := <-answers:
		if a.err != nil && (a.text == "" || !errors.Is(a.err, io.EOF)) {
			return "", msg.Errorf("there is no answer to the question %q; give it as an option instead", question)
		}
		return strings.TrimRight(a.text, "\r\n"), nil
	}
}

// confirm asks a question of yes or no; Enter alone is no.
func (p *prompter) confirm(question msg.Message) (bool, error) {
	for {
		text, err := p.line(msg.M("%v [y/N]", question))
		if err != nil {
			return false, err
		}
		switch strings.ToLower(strings.TrimSpace(text)) {
		case "y", "yes", "是":
			return true, nil
		case "", "n", "no", "否":
			return false, nil
		}
		if !p.terminal() {
			return false, msg.Errorf("the answer to the question %q must be y or n", question)
		}
	}
}
