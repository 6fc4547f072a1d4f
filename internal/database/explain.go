package database

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"syscall"

	"github.com/go-sql-driver/mysql"

	"omsinit/internal/config"
	"omsinit/internal/finding"
	"omsinit/internal/msg"
)

// Explain makes one sentence of an error of the driver, the network or the server: which MetaDB, which user, what is
// wrong, what to do. An error that may go away by itself is marked as transient. It returns nil for nil, and a
// cancelled context and an error that was explained before as they are.
func Explain(c *config.Config, err error) error {
	var explained *msg.Error
	if err == nil || errors.As(err, &explained) || errors.Is(err, context.Canceled) {
		return err
	}
	w := where{addr: address(c), user: c.MetaUser}
	var connect *connectError
	errors.As(err, &connect)
	switch {
	case connect != nil && connect.wantsTLS:
		return msg.Errorf("the MetaDB at %s lets user %s in with TLS only: %w; run ALTER USER … REQUIRE NONE there, and set require_secure_transport to OFF",
			w.addr, w.user, err)
	case connect != nil && connect.lacksKey:
		return msg.Errorf("the MetaDB at %s wants user %s to log in with caching_sha2_password, and has no key for that: %w; give the server a key (caching_sha2_password_private_key_path), or the account the plugin mysql_native_password",
			w.addr, w.user, err)
	case IsUnsupportedLogin(err):
		return msg.Errorf("the MetaDB at %s wants user %s to log in in a way that is not supported: %w; give the account the plugin mysql_native_password or caching_sha2_password",
			w.addr, w.user, err)
	case CodeOf(err) != 0:
		return w.answered(err)
	case connect != nil:
		return w.notConnected(connect)
	case errors.Is(err, mysql.ErrPktTooLarge):
		return w.tooLarge(err)
	case errors.Is(err, context.DeadlineExceeded): // ours; a time-out of the network is a lost connection
		return finding.Transient(msg.Errorf("the MetaDB at %s (user %s) did not answer in time: %w; see SHOW PROCESSLIST there for what keeps it, and run this again",
			w.addr, w.user, err))
	case lost(err):
		return w.lost(err)
	}
	return msg.Errorf("the MetaDB at %s (user %s) could not do what was asked: %w", w.addr, w.user, err)
}

// where is what every sentence names. The password is not in it.
type where struct{ addr, user string }

func (w where) notConnected(e *connectError) error {
	var dns *net.DNSError
	switch {
	case e.foreign || errors.Is(e.err, mysql.ErrOldProtocol) || errors.Is(e.err, mysql.ErrMalformPkt) ||
		errors.Is(e.err, mysql.ErrPktSync):
		return msg.Errorf("what listens at %s is not a MySQL server: %w; correct oms_meta_host and oms_meta_port in config.yaml",
			w.addr, e.err)
	case errors.As(e.err, &dns):
		return finding.Transient(msg.Errorf(
			"cannot find the MetaDB at %s: %w; correct oms_meta_host in config.yaml or the name server",
			w.addr, e.err))
	case errors.Is(e.err, syscall.ECONNREFUSED):
		return finding.Transient(msg.Errorf("cannot connect to the MetaDB at %s (user %s), nothing listens there: %w; start the MetaDB, or correct oms_meta_host and oms_meta_port in config.yaml",
			w.addr, w.user, e.err))
	case e.dialled && !e.spoke:
		return finding.Transient(msg.Errorf("something at %s accepts connections but does not greet as a MySQL server does: %w; if oms_meta_host and oms_meta_port in config.yaml are right, the MetaDB hangs, looks up this node's name at a name server that is away (set skip_name_resolve there), or a proxy in front of it has no server",
			w.addr, e.err))
	case e.dialled:
		return finding.Transient(msg.Errorf(
			"the MetaDB at %s broke off the login of user %s: %w; see whether it is starting or overloaded",
			w.addr, w.user, e.err))
	case timedOut(e.err):
		return finding.Transient(msg.Errorf("cannot connect to the MetaDB at %s (user %s), nothing answers: %w; see whether the machine is up and a firewall lets the port through",
			w.addr, w.user, e.err))
	default:
		return finding.Transient(msg.Errorf(
			"cannot connect to the MetaDB at %s (user %s): %w; see whether this node has a route to it",
			w.addr, w.user, e.err))
	}
}

// answered explains the answers that a MetaDB is known to send.
func (w where) answered(err error) error {
	switch {
	case Is(err, ErrAccessDenied, errAccessDeniedNoPassword):
		return msg.Errorf("the MetaDB at %s refuses the login of user %s: %w; correct oms_meta_user (on OceanBase user@tenant, through a proxy user@tenant#cluster) and oms_meta_password in config.yaml",
			w.addr, w.user, err)
	case IsDenied(err):
		return msg.Errorf("in the MetaDB at %s user %s lacks a right: %w; grant it all rights on the three databases, and the right to create them",
			w.addr, w.user, err)
	case Is(err, ErrBadDB):
		return msg.Errorf("a database is not in the MetaDB at %s (user %s): %w; create it with step 2 (omsinit init --only metadb), or correct its name in config.yaml",
			w.addr, w.user, err)
	case Is(err, ErrNoSuchTable):
		return msg.Errorf("a table is not in the MetaDB at %s (user %s): %w; create it with step 2 (omsinit init --only metadb)",
			w.addr, w.user, err)
	case Is(err, errConCount, errTooManyUserConnections, errUserLimitReached):
		return finding.Transient(msg.Errorf("the MetaDB at %s has no connection left for user %s: %w; raise its limit or end sessions that are not needed",
			w.addr, w.user, err))
	case Is(err, errHostIsBlocked):
		return msg.Errorf("the MetaDB at %s has blocked this node after too many broken logins (user %s): %w; run FLUSH HOSTS there",
			w.addr, w.user, err)
	case Is(err, errHostNotPrivileged):
		return msg.Errorf("the MetaDB at %s does not accept user %s from this node: %w; allow the account to log in from here",
			w.addr, w.user, err)
	case isShutdown(err):
		return finding.Transient(msg.Errorf(
			"the MetaDB at %s (user %s) is just starting or shutting down: %w; wait until it runs",
			w.addr, w.user, err))
	case isLostConnection(err):
		return w.lost(err)
	case Is(err, errNetPacketTooLarge):
		return w.tooLarge(err)
	case Is(err, errLockWaitTimeout):
		return finding.Transient(msg.Errorf("in the MetaDB at %s user %s waited too long for a lock of another session: %w; see SHOW PROCESSLIST there for what holds it, and run this again",
			w.addr, w.user, err))
	case isBusy(err):
		return finding.Transient(msg.Errorf("the MetaDB at %s was too busy for what user %s asked: %w; run this again",
			w.addr, w.user, err))
	case IsReadOnly(err):
		return msg.Errorf("the MetaDB at %s is read-only for user %s: %w; set oms_meta_host in config.yaml to the server that takes writes, or end its read-only mode",
			w.addr, w.user, err)
	case Is(err, errDiskFull, errOutOfMemory, errOutOfSortMemory, errOutOfResources,
		errRecordFileFull), isDiskFull(err):
		return msg.Errorf("the MetaDB at %s (user %s) has no space left: %w; free disk space or memory there", w.addr,
			w.user, err)
	}
	return msg.Errorf("the MetaDB at %s answers user %s: %w", w.addr, w.user, err)
}

// isDiskFull reports whether a file could not be written because of the operating system's error 28 (ENOSPC), which
// the server has in its text only.
func isDiskFull(err error) bool {
	return Is(err, errGetErrno, errCantCreateTable, errOnWrite, errOnWriteFile) &&
		(strings.Contains(err.Error(), "error 28") || strings.Contains(err.Error(), ": 28 "))
}

func (w where) lost(err error) error {
	return finding.Transient(msg.Errorf(
		"lost the connection to the MetaDB at %s (user %s): %w; see whether it was restarted, and run this again",
		w.addr, w.user, err))
}

func (w where) tooLarge(err error) error {
	return msg.Errorf("a statement of user %s is larger than the MetaDB at %s takes: %w; raise max_allowed_packet there",
		w.user, w.addr, err)
}

// Gone reports whether an error means that a connection, or the lock with it, went away during the work, so that
// connecting again may help.
func Gone(err error) bool {
	if CodeOf(err) != 0 {
		return isLostConnection(err) || Is(err, errServerShutdown)
	}
	var connect *connectError
	return errors.Is(err, ErrLockLost) || !errors.As(err, &connect) && !timedOut(err) && lost(err)
}

// IsSilent reports whether a server accepted the connection, and had sent nothing when the time was over.
func IsSilent(err error) bool {
	var connect *connectError
	return errors.As(err, &connect) && connect.dialled && !connect.spoke && timedOut(connect.err)
}

// lost reports whether an open connection broke.
func lost(err error) bool {
	for _, gone := range []error{
		driver.ErrBadConn, mysql.ErrInvalidConn, mysql.ErrPktSync, mysql.ErrMalformPkt, mysql.ErrBusyBuffer,
		sql.ErrConnDone, io.EOF, io.ErrUnexpectedEOF, syscall.ECONNRESET, syscall.EPIPE, net.ErrClosed,
	} {
		if errors.Is(err, gone) {
			return true
		}
	}
	return timedOut(err)
}

func timedOut(err error) bool {
	var ne net.Error
	return errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, context.DeadlineExceeded) ||
		errors.As(err, &ne) && ne.Timeout()
}
