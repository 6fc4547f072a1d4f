package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"omsinit/internal/msg"
)

// prompter asks questions on the terminal, and takes answers from the standard
// input, a line each, when that is none. It asks on the error stream: what is
// printed is for others.
type prompter struct {
	ctx  context.Context
	file *os.File
	in   *bufio.Reader
	out  io.Writer
	lang msg.Lang
}

func newPrompter(ctx context.Context, lang msg.Lang) *prompter {
	return &prompter{ctx: ctx, file: os.Stdin, in: bufio.NewReader(os.Stdin), out: os.Stderr, lang: lang}
}

// terminal reports whether a person can answer.
func (p *prompter) terminal() bool {
	_, err := unix.IoctlGetTermios(int(p.file.Fd()), unix.TCGETS)
	return err == nil
}

// line asks for a line of text.
func (p *prompter) line(question msg.Message) (string, error) {
	if p.terminal() {
		fmt.Fprint(p.out, question.In(p.lang)+" ")
	}
	type answer struct {
		text string
		err  error
	}
	answers := make(chan answer, 1)
	go func() {
		text, err := p.in.ReadString('\n')
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

// secret asks for a line that is not shown while it is typed.
func (p *prompter) secret(question msg.Message) (string, error) {
	if p.terminal() {
		fd := int(p.file.Fd())
		before, err := unix.IoctlGetTermios(fd, unix.TCGETS)
		if err != nil {
			return "", msg.Errorf("cannot switch the echo of the terminal off: %w", err)
		}
		silent := *before
		silent.Lflag &^= unix.ECHO
		if err := unix.IoctlSetTermios(fd, unix.TCSETSF, &silent); err != nil {
			return "", msg.Errorf("cannot switch the echo of the terminal off: %w", err)
		}
		defer func() {
			_ = unix.IoctlSetTermios(fd, unix.TCSETSF, before)
			fmt.Fprintln(p.out)
		}()
	}
	return p.line(question)
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
