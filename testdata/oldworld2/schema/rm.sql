CREATE TABLE IF NOT EXISTS `cluster_info` (
  `id` bigint(20) NOT NULL AUTO_INCREMENT,
  `region` varchar(64) NOT NULL,
  `region_cn` varchar(128) NOT NULL,
  `cm_url` varchar(256) NOT NULL,
  `code` varchar(16) NOT NULL COMMENT 'cm_location; 地域编号',
  `is_default_cm` int(11) NOT NULL DEFAULT '0',
  `gmt_create` timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP,
  PRIMARY KEY (`id`), UNIQUE KEY `uk_code` (`code`)
) DEFAULT CHARSET = utf8mb4;
CREATE TABLE IF NOT EXISTS `oms_normal_config` (
  `id` bigint NOT NULL AUTO_INCREMENT, `cfg_name` varchar(128) NOT NULL, `cfg_value` mediumtext, PRIMARY KEY (`id`), UNIQUE KEY (`cfg_name`)
) DEFAULT CHARSET = utf8mb4;
CREATE TABLE IF NOT EXISTS `oms_version` (
  `version` varchar(64) NOT NULL COMMENT 'version', `gmt_modified` timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP, PRIMARY KEY (`version`)
) DEFAULT CHARSET = utf8mb4 COMMENT = 'version table';
CREATE TABLE IF NOT EXISTS `oms_user` (
  `id` bigint NOT NULL AUTO_INCREMENT, `login_name` varchar(64) NOT NULL, `salt` varchar(64) NOT NULL, `login_failure_times` int NOT NULL DEFAULT 0,
  `is_locked` bit(1) NOT NULL DEFAULT b'0', PRIMARY KEY (`id`)
) DEFAULT CHARSET = utf8mb4;
CREATE TABLE IF NOT EXISTS `oms_project` (
  `id` varchar(32) NOT NULL, `project_name` varchar(128), `project_status` varchar(32) DEFAULT 'INIT', PRIMARY KEY (`id`)
) DEFAULT CHARSET = utf8mb4;
CREATE TABLE IF NOT EXISTS `oms_step` (
  `id` bigint NOT NULL AUTO_INCREMENT, `project_id` varchar(32) NOT NULL, `gmt_modified` datetime, PRIMARY KEY (`id`),
  CONSTRAINT `fk_step_project` FOREIGN KEY (`project_id`) REFERENCES `oms_project` (`id`)
) DEFAULT CHARSET = utf8mb4;
-- Settings, although nothing in the name says so.
CREATE TABLE IF NOT EXISTS `t_kv9` (
  `id` int unsigned NOT NULL AUTO_INCREMENT, `k` varchar(64) NOT NULL, `v` text NOT NULL, `on_page` bit(1) DEFAULT NULL, `mask` bit(5) NOT NULL DEFAULT b'101',
  PRIMARY KEY (`id`), UNIQUE KEY (`k`)
) AUTO_INCREMENT = 40 DEFAULT CHARSET = utf8mb4;
INSERT IGNORE INTO `t_kv9` (`id`, `k`, `v`, `on_page`) VALUES
  (7, 'page.title', '数据迁移; it''s "new" -- \\ path', b'1'), (8, 'page.brace', '{{not}} a {%template%}', b'0'), (9, 'page.hidden', '', NULL);
-- The menu of the console; items refer to what the server numbered.
CREATE TABLE IF NOT EXISTS `nav` (
  `id` bigint NOT NULL AUTO_INCREMENT, `name` varchar(64) NOT NULL, PRIMARY KEY (`id`), UNIQUE KEY (`name`)
) AUTO_INCREMENT = 100 DEFAULT CHARSET = utf8mb4;
CREATE TABLE IF NOT EXISTS `nav_item` (
  `nav_id` bigint NOT NULL, `pos` tinyint NOT NULL, `label` varchar(64) NOT NULL, `enabled` bit(1) NOT NULL, `attr` json DEFAULT NULL,
  PRIMARY KEY (`nav_id`, `pos`), CONSTRAINT `fk_nav` FOREIGN KEY (`nav_id`) REFERENCES `nav` (`id`)
) DEFAULT CHARSET = utf8mb4;
INSERT IGNORE INTO `nav` (`name`) VALUES ('migration'), ('sync');
INSERT IGNORE INTO `nav_item` SELECT id, 1, '项目', b'1', '{"roles": ["admin", "user"], "deep": {"n": 1, "s": "a\\"b"}}' FROM nav;
INSERT IGNORE INTO `nav_item` SELECT id, 2, 'trash', b'0', NULL FROM nav WHERE name = 'sync';
CREATE TABLE IF NOT EXISTS `node_entry` (
  `id` bigint NOT NULL AUTO_INCREMENT, `node` varchar(64) NOT NULL, `entry` varchar(256) NOT NULL, `kind` bit(1) NOT NULL,
  `cluster_id` bigint NOT NULL, `gmt_create` datetime NOT NULL, PRIMARY KEY (`id`), UNIQUE KEY (`node`)
) DEFAULT CHARSET = utf8mb4;
CREATE OR REPLACE VIEW `v_menu` AS SELECT n.name, oms.label, concat('n.', n.name, '; oms.x') AS tag FROM nav n JOIN nav_item oms ON oms.nav_id = n.id WHERE oms.enabled = b'1';
