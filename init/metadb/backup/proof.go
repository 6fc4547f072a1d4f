package backup

import (
	"cmp"
	"context"
	"time"

	"omsinit/internal/msg"
)

// ProofMode is how much of a backup a proof restores.
type ProofMode string

// The modes. The zero mode is Auto.
const (
	Auto   ProofMode = "auto"   // Full where the limits allow it, Sample elsewhere
	Full   ProofMode = "full"   // everything
	Sample ProofMode = "sample" // the structure of everything, and a bounded sample of the rows of each table
)

// Limits bound what a proof may take; a zero field has no bound. Auto chooses Sample where a full proof would go beyond
// them.
type Limits struct {
	Time time.Duration
	// Space is in bytes of the MetaDB.
	Space int64
}

// Proof records that a backup was restored, what of it, and where. It promises that the account of config.yaml could
// create, on the server of that moment and with the statements that a restore uses, databases beside the real ones with
// everything that the backup holds; that what was loaded there reads the same as in the backup; and that the databases
// were dropped again. It does not promise that the server stays as it is.
type Proof struct {
	At     string    `json:"at"`     // RFC 3339
	Server string    `json:"server"` // version of the MetaDB that it was done on
	Mode   ProofMode `json:"mode"`   // full or sample
	// Reason is why only a sample was taken though no mode was asked for.
	Reason  *msg.Text `json:"reason,omitempty"`
	Seconds float64   `json:"seconds"`
	// VerifySeconds is the part of Seconds in which the rows were compared.
	VerifySeconds float64 `json:"verify_seconds"`
	Tables        int     `json:"tables"`  // that were created and compared
	Rows          int64   `json:"rows"`    // that were loaded and compared
	Objects       int     `json:"objects"` // views and whatever else is no table
}

// Message describes the proof in one line.
func (p *Proof) Message() msg.Message {
	what := msg.M("everything")
	if p.Mode == Sample {
		what = msg.M("the structure of everything, and a sample of the rows")
	}
	m := msg.M("the backup is proven in %.1f s, %.1f s of them for comparing: %v was restored beside the databases and dropped again; tables: %d, rows: %d, views and other objects: %d",
		p.Seconds, p.VerifySeconds, what, p.Tables, p.Rows, p.Objects)
	if p.Reason != nil {
		m = msg.M("%v; %v", m, *p.Reason)
	}
	return m
}

// sampleSize is how much of each table a sample holds, in bytes of the dump.
const sampleSize = 4 << 20

// Prove restores the backup in j.Dir for real, into databases beside the real ones (NAME_omsinit_restore), as Restore
// does; compares them with the manifest; drops them, also when the proof fails; and records the proof in the manifest.
// The real databases are not touched. What a killed proof left is dropped by the next Prove or Restore.
func (j *Job) Prove(ctx context.Context, mode ProofMode, limits Limits) (*Proof, error) {
	m, err := Read(j.Dir)
	if err != nil {
		return nil, err
	}
	if err := j.refuseOther(m); err != nil {
		return nil, err
	}
	bytes := m.Size()
	var why msg.Message // of a sample that nobody asked for
	// With its indexes a table takes about twice its dump.
	if mode != Full && mode != Sample && limits.Space > 0 && 2*bytes > limits.Space {
		why = msg.M("all of it would take about %d MB of the MetaDB, and %d MB are allowed", 2*bytes>>20,
			limits.Space>>20)
	}
	var p *Proof
	if mode == Sample || !why.IsZero() {
		p, err = j.prove(ctx, m, Sample)
	} else {
		bounded, cancel, deadline := ctx, func() {}, time.Time{}
		if mode != Full && limits.Time > 0 {
			deadline = time.Now().Add(limits.Time)
			bounded, cancel = context.WithDeadline(ctx, deadline)
		}
		p, err = j.prove(bounded, m, Full)
		cancel()
		// By the clock: a connection has the deadline too, and may end before the context does.
		if err != nil && ctx.Err() == nil && !deadline.IsZero() && !time.Now().Before(deadline) {
			why = msg.M("all of it takes longer than the %v that are allowed", limits.Time)
			if m, err = Read(j.Dir); err == nil {
				p, err = j.prove(ctx, m, Sample)
			}
		}
	}
	if err != nil {
		return nil, err
	}
	if !why.IsZero() {
		text := msg.NewText(why)
		p.Reason = &text
	}
	// What a restore changes of a manifest for its server stays out of the file.
	if m, err = Read(j.Dir); err == nil {
		m.Proof = p
		err = m.write(j.Dir)
	}
	if err != nil {
		return nil, msg.Errorf("cannot write the backup: %w", err)
	}
	return p, nil
}

// prove does one proof.
func (j *Job) prove(ctx context.Context, m *Manifest, mode ProofMode) (_ *Proof, err error) {
	start := time.Now()
	ctx, w, leave, err := j.workshop(ctx, m)
	if err != nil {
		return nil, err
	}
	defer leave()
	defer func() { err = cmp.Or(err, w.dropScratch(ctx)) }()
	if mode == Sample {
		w.sample = sampleSize
	}
	if err := w.build(ctx); err != nil {
		return nil, lostCause(ctx, err)
	}
	p := &Proof{At: time.Now().Format(time.RFC3339), Server: w.server, Mode: mode, Rows: w.rows,
		Seconds: time.Since(start).Seconds(), VerifySeconds: w.verifying.Seconds()}
	for _, d := range w.dumps {
		p.Tables, p.Objects = p.Tables+len(d.tables), p.Objects+len(d.Objects)
	}
	return p, nil
}
