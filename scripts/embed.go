// Package scripts carries the reference pack inside the binary: what is known
// from public documents of OMS Community Edition 4.2.3. An image lays its own
// files over it (package pack).
package scripts

import "embed"

// Pack is the reference pack: pack.yaml, the files it names, and symptoms.yaml.
//
//go:embed pack.yaml symptoms.yaml all:schema all:templates all:supervisor
var Pack embed.FS

// PackSchema is the JSON Schema of pack.yaml.
//
//go:embed pack.schema.json
var PackSchema []byte
