CREATE TABLE IF NOT EXISTS `resource_group` (
  `id` bigint NOT NULL AUTO_INCREMENT, `name` varchar(64) NOT NULL, `note` varchar(256), PRIMARY KEY (`id`), UNIQUE KEY `uk` (`name`)
) AUTO_INCREMENT = 11 DEFAULT CHARSET = utf8mb4;
CREATE TABLE IF NOT EXISTS `host` (
  `id` bigint NOT NULL AUTO_INCREMENT, `resource_group_id` bigint NOT NULL, `ip` varchar(64) NOT NULL, `host_status` varchar(16) NOT NULL,
  `agent_url` varchar(128) NOT NULL, `gmt_created` datetime NOT NULL, PRIMARY KEY (`id`), UNIQUE KEY `uk_ip` (`ip`),
  CONSTRAINT `fk_group` FOREIGN KEY (`resource_group_id`) REFERENCES `resource_group` (`id`)
) DEFAULT CHARSET = utf8mb4;
CREATE TABLE IF NOT EXISTS `location_cm` (
  `location` int NOT NULL, `region` varchar(64) NOT NULL, `region_cn` varchar(128) NOT NULL, `cm_url` varchar(256) NOT NULL, `is_default` bit(1) NOT NULL,
  PRIMARY KEY (`location`)
) DEFAULT CHARSET = utf8mb4;
CREATE TABLE IF NOT EXISTS `consumer` (
  `name` varchar(64) NOT NULL, `location` int NOT NULL, `gmt_created` datetime NOT NULL, PRIMARY KEY (`name`)
) DEFAULT CHARSET = utf8mb4;
CREATE TABLE IF NOT EXISTS `config_job` (
  `key` varchar(128) NOT NULL, `value` varchar(1024) NOT NULL, `gmt_modified` timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP,
  PRIMARY KEY (`key`)
) DEFAULT CHARSET = utf8mb4;
-- Steps of tasks, by template: no task runs without them.
CREATE TABLE IF NOT EXISTS `x7` (
  `a` varchar(64) NOT NULL, `b` int NOT NULL, `c` text NOT NULL, `d` blob, PRIMARY KEY (`a`, `b`)
) DEFAULT CHARSET = utf8mb4;
INSERT IGNORE INTO `x7` VALUES ('store.create', 1, '{"action": "allocate", "port": {"from": 17000, "to": 17499}}', x'00ff0a27'),
  ('store.create', 2, '{"action": "start", "cmd": "sh -c ''run {{.x}}''"}', NULL), ('store.drop', 1, 'line 1\nline 2\t\\n', '');
CREATE TABLE IF NOT EXISTS `QRTZ_LOCKS` (
  `SCHED_NAME` varchar(120) NOT NULL, `LOCK_NAME` varchar(40) NOT NULL, `LAST_CHECKIN_TIME` bigint NOT NULL DEFAULT 0, PRIMARY KEY (`SCHED_NAME`, `LOCK_NAME`)
) DEFAULT CHARSET = utf8mb4;
