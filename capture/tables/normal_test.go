package tables

import (
	"strings"
	"testing"
)

// Four servers print the same table in four ways.
func TestNormalTable(t *testing.T) {
	const want = "CREATE TABLE `t` (\n  `id` bigint NOT NULL AUTO_INCREMENT COMMENT 'int(11) AUTO_INCREMENT=3',\n  `n` int DEFAULT NULL,\n  `at` timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP,\n  `j` json DEFAULT NULL,\n  PRIMARY KEY (`id`),\n  KEY `k` (`n`)\n) DEFAULT CHARSET=utf8mb4 COMMENT='REPLICA_NUM = 1'"
	for server, text := range map[string]string{
		"MySQL 5.7": "CREATE TABLE `t` (\n  `id` bigint(20) NOT NULL AUTO_INCREMENT COMMENT 'int(11) AUTO_INCREMENT=3',\n  `n` int(11) DEFAULT NULL,\n  `at` timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP,\n  `j` json DEFAULT NULL,\n  PRIMARY KEY (`id`),\n  KEY `k` (`n`)\n) ENGINE=InnoDB AUTO_INCREMENT=42 DEFAULT CHARSET=utf8mb4 COMMENT='REPLICA_NUM = 1'",
		"MySQL 8":   "CREATE TABLE `t` (\n  `id` bigint NOT NULL AUTO_INCREMENT COMMENT 'int(11) AUTO_INCREMENT=3',\n  `n` int DEFAULT NULL,\n  `at` timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP,\n  `j` json DEFAULT NULL,\n  PRIMARY KEY (`id`),\n  KEY `k` (`n`)\n) ENGINE=InnoDB AUTO_INCREMENT=42 DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_0900_ai_ci COMMENT='REPLICA_NUM = 1'",
		"MariaDB":   "CREATE TABLE `t` (\n  `id` bigint(20) NOT NULL AUTO_INCREMENT COMMENT 'int(11) AUTO_INCREMENT=3',\n  `n` int(11) DEFAULT NULL,\n  `at` timestamp NOT NULL DEFAULT current_timestamp() ON UPDATE current_timestamp(),\n  `j` longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin DEFAULT NULL CHECK (json_valid(`j`)),\n  PRIMARY KEY (`id`),\n  KEY `k` (`n`)\n) ENGINE=InnoDB AUTO_INCREMENT=42 DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_uca1400_ai_ci COMMENT='REPLICA_NUM = 1'",
		"OceanBase": "CREATE TABLE `t` (\n  `id` bigint(20) NOT NULL AUTO_INCREMENT COMMENT 'int(11) AUTO_INCREMENT=3',\n  `n` int(11) DEFAULT NULL,\n  `at` timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP,\n  `j` json DEFAULT NULL,\n  PRIMARY KEY (`id`),\n  KEY `k` (`n`) BLOCK_SIZE 16384 LOCAL\n) AUTO_INCREMENT = 42 AUTO_INCREMENT_MODE = 'ORDER' DEFAULT CHARSET = utf8mb4 ROW_FORMAT = DYNAMIC COMPRESSION = 'zstd_1.3.8' REPLICA_NUM = 1 BLOCK_SIZE = 16384 USE_BLOOM_FILTER = FALSE ENABLE_MACRO_BLOCK_BLOOM_FILTER = FALSE TABLET_SIZE = 134217728 PCTFREE = 0 COMMENT = 'REPLICA_NUM = 1'",
	} {
		if got := normalTable(text); got != want {
			t.Errorf("%s:\n%s\nwant\n%s", server, got, want)
		}
	}
	// What is not noise stays.
	for _, text := range []string{"`a` int(5) unsigned zerofill", "`a` tinyint(1)", "`AUTO_INCREMENT=1` text",
		"`a` varchar(9) DEFAULT 'x'' ENGINE=InnoDB'"} {
		whole := "CREATE TABLE `t` (\n  " + text + "\n) ENGINE=MyISAM"
		if got := normalTable(whole); got != whole {
			t.Errorf("%s became %s", whole, got)
		}
	}
}

func TestNormalView(t *testing.T) {
	const text = "CREATE ALGORITHM=UNDEFINED DEFINER=`o`@`10.%` SQL SECURITY DEFINER VIEW `v` AS select `d`.`t`.`a` AS `a` from `d`.`t`"
	if got, want := normalView(text, "d"), "CREATE VIEW `v` AS select `t`.`a` AS `a` from `t`"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if got := normalView(strings.Replace(text, "UNDEFINED", "MERGE", 1), "d"); !strings.Contains(got,
		"ALGORITHM=MERGE") {
		t.Error(got)
	}
	alias := "CREATE VIEW `v` AS select `oms`.`label` AS `label`,`oms`.`c`.`x` AS `x`,`oms`.`f`('`oms`.`a`') AS `f` from (`oms`.`c` join `oms`.`nav` `oms` on(`oms`.`id` = `c`.`id`))"
	want := "CREATE VIEW `v` AS select `oms`.`label` AS `label`,`c`.`x` AS `x`,`f`('`oms`.`a`') AS `f` from (`c` join `nav` `oms` on(`oms`.`id` = `c`.`id`))"
	if got := normalView(alias, "oms"); got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if got, want := normalStored("CREATE DEFINER=root@localhost PROCEDURE `p`()\r\nSELECT 'DEFINER=a@b'", "d"),
		"CREATE PROCEDURE `p`()\nSELECT 'DEFINER=a@b'"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestWidens(t *testing.T) {
	for _, tc := range []struct {
		old, now string
		want     bool
	}{
		{"`a` varchar(10)", "`a` varchar(20)", true},
		{"`a` varchar(20)", "`a` varchar(10)", false},
		{"`a` varchar(10) NOT NULL", "`a` varchar(10)", true},
		{"`a` varchar(10)", "`a` varchar(10) NOT NULL", false},
		{"`a` int", "`a` bigint", true},
		{"`a` bigint", "`a` int", false},
		{"`a` int unsigned", "`a` int", false},
		{"`a` int DEFAULT 1 COMMENT 'x'", "`a` int DEFAULT 2 COMMENT 'it''s'", true},
		{"`a` text", "`a` varchar(10)", false},
		{"`a` enum('x')", "`a` enum('x','y')", false},
	} {
		if got := widens(tc.old, tc.now); got != tc.want {
			t.Errorf("%s to %s: %v", tc.old, tc.now, got)
		}
	}
}
