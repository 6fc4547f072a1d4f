// Package prompt asks a person on the terminal.
package prompt

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
	"omsinit/internal/style"
)

// Prompter asks questions on the terminal, and takes answers from the standard input, a line each, when that is none.
// It asks on the error stream: what is printed is for others.
type Prompter struct {
	ctx  context.Context
	file *os.File
	in   *bufio.Reader
	out  io.Writer
	lang msg.Lang
}

// New returns a prompter that reads from a file and asks on a writer.
func New(ctx context.Context, file *os.File, out io.Writer, lang msg.Lang) *Prompter {
	return &Prompter{ctx: ctx, file: file, in: bufio.NewReader(file), out: out, lang: lang}
}

// Terminal reports whether a person can answer.
func (p *Prompter) Terminal() bool { return term.IsTerminal(int(p.file.Fd())) }

// Line asks for a line of text.
func (p *Prompter) Line(question msg.Message) (string, error) {
	return p.ask(question, func() (string, error) { return p.in.ReadString('\n') })
}

// Secret asks for a line that is not shown while it is typed.
func (p *Prompter) Secret(question msg.Message) (string, error) {
	if !p.Terminal() {
		return p.Line(question)
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
func (p *Prompter) ask(question msg.Message, read func() (string, error)) (string, error) {
	if p.Terminal() {
		text, columns := question.In(p.lang), style.Columns(p.out)-1 // what is typed begins behind a space
		at := strings.LastIndex(text, "\n") + 1
		fmt.Fprint(p.out, msg.Fold(text[:at], columns)+style.Heading.Paint(p.out, msg.Fold(text[at:], columns))+" ")
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
		return "", msg.Errorf("%w; nothing was changed", context.Cause(p.ctx))
	case a := <-answers:
		if a.err != nil && (a.text == "" || !errors.Is(a.err, io.EOF)) {
			return "", msg.Errorf("there is no answer to the question %q; give it on the command line instead",
				question)
		}
		return strings.TrimRight(a.text, "\r\n"), nil
	}
}

// Confirm asks a question of yes or no; Enter alone is no.
func (p *Prompter) Confirm(question msg.Message) (bool, error) { return p.Choose(question, false) }

// Choose asks a question of yes or no; Enter alone is the suggestion.
func (p *Prompter) Choose(question msg.Message, suggestion bool) (bool, error) {
	hint := "[y/N]"
	if suggestion {
		hint = "[Y/n]"
	}
	for {
		text, err := p.Line(msg.M("%v %s", question, hint))
		if err != nil {
			return false, err
		}
		switch strings.ToLower(strings.TrimSpace(text)) {
		case "y", "yes", "是":
			return true, nil
		case "n", "no", "否":
			return false, nil
		case "":
			return suggestion, nil
		}
		if !p.Terminal() {
			return false, msg.Errorf("the answer to the question %q must be y or n", question)
		}
	}
}
