package database

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"os"
	"time"

	"omsinit/internal/msg"
)

// Stream runs a query and hands each row over as it came from the server: NextValue takes it apart. It is valid during
// the call. The driver makes an object of each value, which takes longer than all else that a backup does.
//
// An error of row closes the connection, since the other rows are still on their way.
func Stream(ctx context.Context, conn *sql.Conn, query string, row func(row []byte) error) error {
	return conn.Raw(func(c any) error {
		s := c.(*session)
		s.wire.hold()
		rows, err := s.QueryContext(ctx, query, nil)
		if err != nil {
			return err
		}
		defer rows.Close()
		if !s.wire.held { // a statement without rows
			return nil
		}
		if err := s.wire.rows(row); err != nil {
			_ = s.wire.Close()
			return errors.Join(ctx.Err(), err)
		}
		// The driver sees the end of the rows, or the error that came instead.
		if err := rows.Next(make([]driver.Value, len(rows.Columns()))); !errors.Is(err, io.EOF) {
			return err
		}
		return nil
	})
}

// NextValue returns the first value of what is left of a row, which is nil for NULL, and what follows it.
func NextValue(row []byte) (value, rest []byte, err error) {
	if len(row) > 0 && row[0] < 0xfb && int(row[0]) < len(row) {
		n := int(row[0])
		return row[1 : 1+n], row[1+n:], nil
	}
	return nextLong(row)
}

func nextLong(row []byte) (value, rest []byte, err error) {
	if len(row) > 0 && row[0] == 0xfb {
		return nil, row[1:], nil
	}
	n, width := number(row)
	if width == 0 || n > uint64(len(row)-width) {
		return nil, nil, errMalformed
	}
	return row[width : width+int(n)], row[width+int(n):], nil
}

var errMalformed = msg.Errorf("the MetaDB sent a row that cannot be read")

// number reads a number as the protocol writes lengths; width is how many bytes it has, 0 if it is none.
func number(b []byte) (n uint64, width int) {
	if len(b) == 0 {
		return 0, 0
	}
	switch b[0] {
	case 0xfc:
		width = 3
	case 0xfd:
		width = 4
	case 0xfe:
		width = 9
	case 0xfb, 0xff:
		return 0, 0
	default:
		return uint64(b[0]), 1
	}
	if len(b) < width {
		return 0, 0
	}
	for i := width - 1; i > 0; i-- {
		n = n<<8 | uint64(b[i])
	}
	return n, width
}

const (
	packetHead = 4        // three bytes of length, one of the number of the packet
	packetMax  = 0xffffff // a longer one goes on in the next
	wireBuffer = 128 << 10
)

// wire is a network connection that can keep the rows of a result from the driver. It is never encrypted: Open uses
// no TLS.
type wire struct {
	*listener
	held    bool
	columns int    // of the result, that the driver has still to see; -1: it has not seen how many
	open    int    // bytes of the packet that the driver is reading
	number  byte   // of that packet
	unread  []byte // of buffer
	buffer  []byte
	// watched is the context of Watch under which the last statement was sent, nil for one that nobody watches over.
	watched context.Context
}

// receive reads from the network. The answer to a statement under a lock may take as long as the lock is held: an ALTER
// TABLE of a large table takes hours, and the server goes on with one whose client has given up. A server that is away
// loses the lock, and a connection that is dead is noticed by the keep-alive of TCP.
func (w *wire) receive(b []byte) (int, error) {
	for {
		n, err := w.listener.Read(b)
		if n > 0 || !errors.Is(err, os.ErrDeadlineExceeded) || w.watched == nil || w.watched.Err() != nil {
			return n, err
		}
		if err := w.SetReadDeadline(time.Now().Add(readTimeout)); err != nil {
			return 0, err
		}
	}
}

// hold lets the driver see of the next result only what comes before the rows.
func (w *wire) hold() { w.held, w.columns, w.open = true, -1, 0 }

// Read is what the driver calls.
func (w *wire) Read(b []byte) (int, error) {
	if !w.held && len(w.unread) == 0 {
		return w.receive(b)
	}
	if err := w.fill(1); err != nil {
		return 0, err
	}
	if w.held && w.open == 0 {
		if err := w.openPacket(); err != nil {
			return 0, err
		}
	}
	available := w.unread
	if w.held {
		available = available[:min(w.open, len(available))]
	}
	n := copy(b, available)
	w.unread = w.unread[n:]
	w.open -= n
	return n, nil
}

// openPacket lets the driver have one more packet. It asks for no more than the definitions of the columns and, from
// some servers, a packet behind them.
func (w *wire) openPacket() error {
	size, err := w.peek()
	if err != nil {
		return err
	}
	w.open, w.number = packetHead+size, w.unread[3]
	if w.columns >= 0 {
		w.columns--
		return nil
	}
	if err := w.fill(packetHead + min(size, 9)); err != nil {
		return err
	}
	n, width := number(w.unread[packetHead:])
	if n == 0 || width == 0 { // no rows follow, or an error came
		w.held = false
	}
	w.columns = int(n)
	return nil
}

// peek returns the size of the packet that comes next, of which more than the head may not be there yet.
func (w *wire) peek() (int, error) {
	if err := w.fill(packetHead); err != nil {
		return 0, err
	}
	return int(w.unread[0]) | int(w.unread[1])<<8 | int(w.unread[2])<<16, nil
}

// rows takes the rows. What ends them is left to the driver, as the packet that it expects.
func (w *wire) rows(row func([]byte) error) error {
	var long []byte // what has come of a row of several packets
	for {
		size, err := w.peek()
		if err != nil {
			return err
		}
		if err := w.fill(packetHead + size); err != nil {
			return err
		}
		packet := w.unread[packetHead : packetHead+size]
		if long == nil && size > 0 && size < packetMax && (packet[0] == 0xfe || packet[0] == 0xff) {
			w.unread[3] = w.number + 1
			w.held = false
			return nil
		}
		w.unread = w.unread[packetHead+size:]
		if size == packetMax || long != nil {
			long = append(long, packet...)
			if size == packetMax {
				continue
			}
			packet, long = long, nil
		}
		if err := row(packet); err != nil {
			return err
		}
	}
}

// fill reads until there are n bytes.
func (w *wire) fill(n int) error {
	if len(w.unread) >= n {
		return nil
	}
	if len(w.buffer) < n {
		w.buffer = append(make([]byte, 0, max(n, wireBuffer)), w.unread...)
		w.unread, w.buffer = w.buffer, w.buffer[:cap(w.buffer)]
	}
	have := copy(w.buffer, w.unread)
	for have < n {
		k, err := w.receive(w.buffer[have:])
		if have += k; err != nil && have < n {
			w.unread = w.buffer[:have]
			return err
		}
	}
	w.unread = w.buffer[:have]
	return nil
}
