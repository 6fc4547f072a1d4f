-- Reference schema of the console database (drc_rm_db).
--
-- Made from public documentation only (oms-facts section 6). It is not
-- OceanBase's own schema: table and column names that documents or other tools
-- show are kept as they are, everything else (types, sizes, keys, id and gmt_*
-- columns) was chosen here. A captured pack replaces this file.
--
-- Rules for all schema files: statements must run on MySQL 5.7 and 8, MariaDB
-- and OceanBase, so no foreign keys, triggers, or ALTER ... ALGORITHM; and once
-- a release has shipped they stay as they are: changes go into a later file.

-- One row per region. obd reads it when it takes over a deployment.
CREATE TABLE IF NOT EXISTS `cluster_info` (
  `id` bigint NOT NULL AUTO_INCREMENT COMMENT 'PK',
  `region` varchar(128) NOT NULL COMMENT 'cm_region',
  `region_cn` varchar(128) NOT NULL COMMENT 'cm_region_cn',
  `cm_url` varchar(512) NOT NULL COMMENT 'address of the region''s CM',
  `code` int NOT NULL COMMENT 'cm_location',
  `is_default_cm` int NOT NULL DEFAULT 0 COMMENT '1 in exactly one region',
  `gmt_created` datetime NOT NULL DEFAULT CURRENT_TIMESTAMP,
  `gmt_modified` datetime NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP,
  PRIMARY KEY (`id`),
  UNIQUE KEY `uk_code` (`code`)
) DEFAULT CHARSET = utf8mb4 COMMENT = 'regions';

-- System parameters of the console, such as ha.config. Values are JSON.
CREATE TABLE IF NOT EXISTS `oms_normal_config` (
  `id` bigint NOT NULL AUTO_INCREMENT COMMENT 'PK',
  `cfg_name` varchar(128) NOT NULL,
  `cfg_value` text NOT NULL,
  `gmt_created` datetime NOT NULL DEFAULT CURRENT_TIMESTAMP,
  `gmt_modified` datetime NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP,
  PRIMARY KEY (`id`),
  UNIQUE KEY `uk_cfg_name` (`cfg_name`)
) DEFAULT CHARSET = utf8mb4 COMMENT = 'system parameters';

-- Migration projects. project_status is DELETED for those that were removed.
CREATE TABLE IF NOT EXISTS `oms_project` (
  `id` bigint NOT NULL AUTO_INCREMENT COMMENT 'PK',
  `project_name` varchar(128) NOT NULL,
  `project_status` varchar(64) NOT NULL,
  `gmt_created` datetime NOT NULL DEFAULT CURRENT_TIMESTAMP,
  `gmt_modified` datetime NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP,
  PRIMARY KEY (`id`),
  KEY `idx_project_name` (`project_name`)
) DEFAULT CHARSET = utf8mb4 COMMENT = 'migration projects';

-- Synchronization projects.
CREATE TABLE IF NOT EXISTS `oms_sync_project` (
  `id` bigint NOT NULL AUTO_INCREMENT COMMENT 'PK',
  `project_name` varchar(128) NOT NULL,
  `project_status` varchar(64) NOT NULL,
  `gmt_created` datetime NOT NULL DEFAULT CURRENT_TIMESTAMP,
  `gmt_modified` datetime NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP,
  PRIMARY KEY (`id`),
  KEY `idx_project_name` (`project_name`)
) DEFAULT CHARSET = utf8mb4 COMMENT = 'synchronization projects';

-- OCP addresses. ocp_proxy_host must accept no value: a release in which it
-- did not could add no OCP (oms-facts section 11).
CREATE TABLE IF NOT EXISTS `ocp_info` (
  `id` bigint NOT NULL AUTO_INCREMENT COMMENT 'PK',
  `ocp_name` varchar(128) NOT NULL,
  `ocp_domain` varchar(512) NOT NULL,
  `ocp_api_user` varchar(128) DEFAULT NULL,
  `ocp_api_password` varchar(512) DEFAULT NULL,
  `ocp_charset` varchar(64) DEFAULT NULL,
  `ocp_version` varchar(64) DEFAULT NULL,
  `ocp_proxy_host` varchar(512) DEFAULT NULL,
  `region` varchar(128) DEFAULT NULL,
  `gmt_created` datetime NOT NULL DEFAULT CURRENT_TIMESTAMP,
  `gmt_modified` datetime NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP,
  PRIMARY KEY (`id`)
) DEFAULT CHARSET = utf8mb4 COMMENT = 'OCP addresses';
