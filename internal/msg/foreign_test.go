package msg

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
)

func TestForeignTextsHaveChinese(t *testing.T) {
	for _, text := range slices.Concat(systemErrors, foreign) {
		if _, ok := chinese()[text]; !ok {
			t.Errorf("no Chinese for %q in zh.po", text)
		}
	}
	for _, text := range systemErrors {
		if !strings.HasSuffix(knownForeign().phrases[text], "）") {
			t.Errorf("%q is the text of no error number", text)
		}
	}
}

func TestErrorsOfTheSystem(t *testing.T) {
	refused := &net.OpError{Op: "dial", Net: "tcp", Addr: &net.TCPAddr{IP: net.IPv4(10, 0, 0, 1), Port: 3306},
		Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
	for _, c := range []struct {
		err    error
		en, zh string
	}{
		{&fs.PathError{Op: "open", Path: "/a: b", Err: syscall.ENOENT}, "open /a: b: no such file or directory",
			"open /a: b：没有那个文件或目录（ENOENT）"},
		{Errorf("cannot read %s: %w", "x", refused),
			"cannot read x: dial tcp 10.0.0.1:3306: connect: connection refused",
			"无法读取 x：dial tcp 10.0.0.1:3306：connect：连接被拒绝（ECONNREFUSED）"},
		{fmt.Errorf("Get %q: %w", "http://h/", &net.DNSError{Err: "no such host", Name: "h", Server: "10.0.0.2:53"}),
			`Get "http://h/": lookup h on 10.0.0.2:53: no such host`,
			`Get "http://h/"：通过域名服务器 10.0.0.2:53 解析 h：没有这个主机名（no such host）`},
		{Errorf("cannot read %s: %w", "x", fmt.Errorf("y: %w", context.Canceled)), "cannot read x: y: interrupted",
			"无法读取 x：y：已中断"},
		{errors.Join(syscall.EACCES, errors.New("Error 1234: permission denied to x")),
			"permission denied\nError 1234: permission denied to x",
			"权限不够（EACCES）\nError 1234: permission denied to x"},
		{errors.New("yaml: line 3: did not find expected key"), "yaml: line 3: did not find expected key",
			"yaml：第 3 行：此处应为键"},
	} {
		if en := English.Text(c.err); en != c.en {
			t.Errorf("%s, not %s", en, c.en)
		}
		if zh := Chinese.Text(c.err); zh != c.zh {
			t.Errorf("%s, not %s", zh, c.zh)
		}
	}
}
