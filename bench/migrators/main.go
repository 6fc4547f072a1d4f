// Command migrators applies folders of SQL files with goose or golang-migrate,
// for the benchmark of init/metadb. It is a module of its own, so that neither
// is among the dependencies of omsinit.
//
//	MIGRATORS_DSN=user:password@tcp(host:port)/ migrators goose|migrate DATABASE=FOLDER…
//
// It prints the milliseconds that it took.
package main

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"strings"
	"time"

	_ "github.com/go-sql-driver/mysql"
	"github.com/golang-migrate/migrate/v4"
	_ "github.com/golang-migrate/migrate/v4/database/mysql"
	_ "github.com/golang-migrate/migrate/v4/source/file"
	"github.com/pressly/goose/v3"
)

func main() {
	start := time.Now()
	for _, arg := range os.Args[2:] {
		database, folder, _ := strings.Cut(arg, "=")
		run := map[string]func(dsn, folder string) error{"goose": runGoose, "migrate": runMigrate}[os.Args[1]]
		if err := run(os.Getenv("MIGRATORS_DSN")+database+"?multiStatements=true&parseTime=true", folder); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	fmt.Println(time.Since(start).Milliseconds())
}

func runGoose(dsn, folder string) error {
	db, err := sql.Open("mysql", dsn)
	if err != nil {
		return err
	}
	defer db.Close()
	p, err := goose.NewProvider(goose.DialectMySQL, db, os.DirFS(folder))
	if err != nil {
		return err
	}
	_, err = p.Up(context.Background())
	return err
}

func runMigrate(dsn, folder string) error {
	m, err := migrate.New("file://"+folder, "mysql://"+dsn)
	if err != nil {
		return err
	}
	defer m.Close()
	return m.Up()
}
