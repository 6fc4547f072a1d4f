-- Reference schema of the CM's metadata database (drc_cm_db).
--
-- Made from public documentation only (oms-facts section 6). It is not
-- OceanBase's own schema: table and column names that documents or other tools
-- show are kept as they are, everything else (types, sizes, keys, id and gmt_*
-- columns) was chosen here. A captured pack replaces this file.

-- The machines of one region. The name is the cm_location, as text.
CREATE TABLE IF NOT EXISTS `resource_group` (
  `id` bigint NOT NULL AUTO_INCREMENT COMMENT 'PK',
  `name` varchar(128) NOT NULL COMMENT 'cm_location',
  `gmt_created` datetime NOT NULL DEFAULT CURRENT_TIMESTAMP,
  `gmt_modified` datetime NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP,
  PRIMARY KEY (`id`),
  UNIQUE KEY `uk_name` (`name`)
) DEFAULT CHARSET = utf8mb4 COMMENT = 'resource groups';

-- The nodes. ONLINE is the one host_status that is documented.
CREATE TABLE IF NOT EXISTS `host` (
  `id` bigint NOT NULL AUTO_INCREMENT COMMENT 'PK',
  `resource_group_id` bigint NOT NULL,
  `ip` varchar(64) NOT NULL,
  `host_status` varchar(32) NOT NULL,
  `gmt_created` datetime NOT NULL DEFAULT CURRENT_TIMESTAMP,
  `gmt_modified` datetime NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP,
  PRIMARY KEY (`id`),
  UNIQUE KEY `uk_ip` (`ip`),
  KEY `idx_resource_group_id` (`resource_group_id`)
) DEFAULT CHARSET = utf8mb4 COMMENT = 'nodes';

-- Which CM serves which region. Only the table's name is documented.
CREATE TABLE IF NOT EXISTS `location_cm` (
  `id` bigint NOT NULL AUTO_INCREMENT COMMENT 'PK',
  `location` int NOT NULL COMMENT 'cm_location',
  `region` varchar(128) NOT NULL COMMENT 'cm_region',
  `cm_url` varchar(512) NOT NULL COMMENT 'address of the region''s CM',
  `gmt_created` datetime NOT NULL DEFAULT CURRENT_TIMESTAMP,
  `gmt_modified` datetime NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP,
  PRIMARY KEY (`id`),
  UNIQUE KEY `uk_location` (`location`)
) DEFAULT CHARSET = utf8mb4 COMMENT = 'CM of each region';

-- Settings of the CM's jobs, such as sourceFile.blackRegionNo.
CREATE TABLE IF NOT EXISTS `config_job` (
  `id` bigint NOT NULL AUTO_INCREMENT COMMENT 'PK',
  `key` varchar(128) NOT NULL,
  `value` text,
  `gmt_created` datetime NOT NULL DEFAULT CURRENT_TIMESTAMP,
  `gmt_modified` datetime NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP,
  PRIMARY KEY (`id`),
  KEY `idx_key` (`key`)
) DEFAULT CHARSET = utf8mb4 COMMENT = 'settings of the CM''s jobs';

-- Resource labels. Step 5's banner names them; no column is documented.
CREATE TABLE IF NOT EXISTS `resource_label` (
  `id` bigint NOT NULL AUTO_INCREMENT COMMENT 'PK',
  `name` varchar(128) NOT NULL,
  `gmt_created` datetime NOT NULL DEFAULT CURRENT_TIMESTAMP,
  `gmt_modified` datetime NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP,
  PRIMARY KEY (`id`),
  UNIQUE KEY `uk_name` (`name`)
) DEFAULT CHARSET = utf8mb4 COMMENT = 'resource labels';
