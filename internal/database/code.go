package database

import (
	"errors"
	"slices"

	"github.com/go-sql-driver/mysql"
)

// Code is the number of an error that the server answers with; 0 is no answer of the server. The constants have the
// server's own names: ErrNoSuchTable is ER_NO_SUCH_TABLE, an ending ERROR left out.
type Code uint16

// Codes of MySQL, which MariaDB and OceanBase share.
const (
	errOnWriteFile              Code = 3 // EE_WRITE
	errCantCreateTable          Code = 1005
	errDiskFull                 Code = 1021
	errOnWrite                  Code = 1026
	errGetErrno                 Code = 1030
	errConCount                 Code = 1040
	errOutOfMemory              Code = 1037
	errOutOfSortMemory          Code = 1038
	errOutOfResources           Code = 1041
	ErrDBAccessDenied           Code = 1044
	ErrAccessDenied             Code = 1045
	errUnknownCommand           Code = 1047 // ER_UNKNOWN_COM_ERROR, of a Galera node outside its cluster
	ErrBadDB                    Code = 1049
	ErrTableExists              Code = 1050
	ErrBadTable                 Code = 1051
	errServerShutdown           Code = 1053
	ErrBadField                 Code = 1054
	errTooLongIdent             Code = 1059
	ErrDupFieldname             Code = 1060
	ErrDupKeyname               Code = 1061
	ErrDupEntry                 Code = 1062
	ErrMultiplePriKey           Code = 1068
	errNormalShutdown           Code = 1077
	errShutdownComplete         Code = 1079
	errForcingClose             Code = 1080
	ErrCantDropFieldOrKey       Code = 1091
	errWrongDBName              Code = 1102
	errRecordFileFull           Code = 1114
	errHostIsBlocked            Code = 1129
	errHostNotPrivileged        Code = 1130
	ErrTableAccessDenied        Code = 1142
	ErrColumnAccessDenied       Code = 1143
	ErrNoSuchTable              Code = 1146
	errAbortingConnection       Code = 1152
	errNetPacketTooLarge        Code = 1153
	errNetRead                  Code = 1158
	errNetReadInterrupted       Code = 1159
	errNetErrorOnWrite          Code = 1160
	errNetWriteInterrupted      Code = 1161
	errNewAbortingConnection    Code = 1184
	errTooManyUserConnections   Code = 1203
	errLockWaitTimeout          Code = 1205
	ErrLockDeadlock             Code = 1213
	errUserLimitReached         Code = 1226
	errSpecificAccessDenied     Code = 1227
	ErrNotSupportedYet          Code = 1235
	errNotSupportedAuthMode     Code = 1251
	errServerIsInSecureAuthMode Code = 1275
	errOptionPreventsStatement  Code = 1290
	ErrSPAlreadyExists          Code = 1304
	ErrSPDoesNotExist           Code = 1305
	errQueryInterrupted         Code = 1317
	ErrTrgAlreadyExists         Code = 1359
	ErrTrgDoesNotExist          Code = 1360
	errProcAccessDenied         Code = 1370
	ErrBinlogNeedSuper          Code = 1419 // ER_BINLOG_CREATE_ROUTINE_NEED_SUPER
	ErrDropPartitionNonExistent Code = 1507
	ErrSameNamePartition        Code = 1517
	errPluginIsNotLoaded        Code = 1524
	ErrEventAlreadyExists       Code = 1537
	ErrEventDoesNotExist        Code = 1539
	errAccessDeniedNoPassword   Code = 1698
	errCantExecuteInReadOnly    Code = 1792 // ER_CANT_EXECUTE_IN_READ_ONLY_TRANSACTION
	errReadOnlyMode             Code = 1836
	errAuthPluginCannotLoad     Code = 2059 // CR_AUTH_PLUGIN_CANNOT_LOAD
	errQueryTimeout             Code = 3024
	errUserLockDeadlock         Code = 3058
	errSecureTransportRequired  Code = 3159
	errServerIsntAvailable      Code = 3168
	errSessionWasKilled         Code = 3169
	errClientInteractionTimeout Code = 4031
)

// Codes of MariaDB alone.
const (
	errConnectionKilled Code = 1927
	errStatementTimeout Code = 1969
	ErrUnknownView      Code = 4092 // MySQL answers ErrBadTable
)

// Codes of OceanBase alone, which numbers its own from 4000 on; its names begin with OB.
const (
	errOBTimeout          Code = 4012
	errOBNotMaster        Code = 4038
	ErrOBTransRollbacked  Code = 6002
	errOBServerIsInit     Code = 8001
	errOBServerIsStopping Code = 8002
)

// CodeOf returns the number that the server answered with, 0 when err is nil or is no answer of the server.
func CodeOf(err error) Code {
	var answer *mysql.MySQLError
	if errors.As(err, &answer) {
		return Code(answer.Number)
	}
	return 0
}

// Is reports whether err is an answer of the server with one of these codes.
func Is(err error, codes ...Code) bool {
	code := CodeOf(err)
	return code != 0 && slices.Contains(codes, code)
}

// IsMissing reports whether there is no such database or table. One beside another may have a name that is too long.
func IsMissing(err error) bool {
	return Is(err, ErrBadDB, ErrNoSuchTable, errWrongDBName, errTooLongIdent)
}

// IsDenied reports whether the account lacks a right.
func IsDenied(err error) bool {
	return Is(err, ErrDBAccessDenied, ErrTableAccessDenied, ErrColumnAccessDenied, errSpecificAccessDenied,
		errProcAccessDenied)
}

// IsUnsupportedLogin reports whether the account logs in by a plugin that the driver does not know, or does not use.
func IsUnsupportedLogin(err error) bool {
	return Is(err, errNotSupportedAuthMode, errServerIsInSecureAuthMode, errPluginIsNotLoaded,
		errAuthPluginCannotLoad) ||
		errors.Is(err, mysql.ErrUnknownPlugin) || errors.Is(err, mysql.ErrNativePassword) ||
		errors.Is(err, mysql.ErrOldPassword) || errors.Is(err, mysql.ErrCleartextPassword)
}

// isLostConnection reports whether the server ended the session, or found its connection broken.
func isLostConnection(err error) bool {
	return Is(err, errAbortingConnection, errNetRead, errNetReadInterrupted, errNetErrorOnWrite, errNetWriteInterrupted,
		errNewAbortingConnection, errQueryInterrupted, errConnectionKilled, errClientInteractionTimeout)
}

// isShutdown reports whether the server is starting, shutting down, or outside its cluster.
func isShutdown(err error) bool {
	return Is(err, errServerShutdown, errNormalShutdown, errShutdownComplete, errForcingClose, errSessionWasKilled,
		errServerIsntAvailable, errUnknownCommand, errOBServerIsInit, errOBServerIsStopping)
}

// isBusy reports whether the server gave up a statement because of others, which may go better the next time.
func isBusy(err error) bool {
	return Is(err, ErrLockDeadlock, errUserLockDeadlock, errOBTimeout, errOBNotMaster, ErrOBTransRollbacked)
}

// refusesFunction reports whether the answer to a call of a function means that it is not to be had here: clusters,
// proxies and OceanBase say so by all kinds of numbers (1046, 1105, 1128, 1235, 1305, 1370, those of their own). What
// may go away by itself, or has to do with the session, is none.
func refusesFunction(err error) bool {
	return CodeOf(err) != 0 && !isLostConnection(err) && !isShutdown(err) && !isBusy(err) && !IsUnsupportedLogin(err) &&
		!Is(err, errConCount, errTooManyUserConnections, errUserLimitReached, errLockWaitTimeout, errQueryTimeout,
			errStatementTimeout, errOutOfMemory, errOutOfSortMemory, errOutOfResources, errDiskFull)
}

// IsReadOnly reports whether the server takes no writes from this account.
func IsReadOnly(err error) bool {
	return Is(err, errOptionPreventsStatement, errCantExecuteInReadOnly, errReadOnlyMode)
}

// WantsTLS reports whether the server lets the account in with TLS only.
func WantsTLS(err error) bool {
	var e *connectError
	return errors.As(err, &e) && e.wantsTLS
}
