-- Reference schema of a region's heartbeat database (drc_cm_heartbeat_db).
--
-- Made from public documentation only (oms-facts section 6). It is not
-- OceanBase's own schema, except for heatbeat_sequence, whose definition and
-- spelling are documented. A captured pack replaces this file.

-- Each heartbeat takes a number from here.
CREATE TABLE IF NOT EXISTS `heatbeat_sequence` (
  `id` bigint(20) NOT NULL AUTO_INCREMENT COMMENT 'PK',
  `gmt_created` datetime NOT NULL,
  `gmt_modified` datetime NOT NULL,
  PRIMARY KEY (`id`)
) DEFAULT CHARSET = utf8 COMMENT = '心跳 sequence 表';

-- The last sign of life of each component on each node. A node is healthy
-- when its supervisor's gmt_modified is about now.
CREATE TABLE IF NOT EXISTS `heart_beat` (
  `id` bigint NOT NULL AUTO_INCREMENT COMMENT 'PK',
  `task_type` varchar(32) NOT NULL,
  `task_name` varchar(64) NOT NULL,
  `host_ip` varchar(64) NOT NULL,
  `gmt_created` datetime NOT NULL DEFAULT CURRENT_TIMESTAMP,
  `gmt_modified` datetime NOT NULL DEFAULT CURRENT_TIMESTAMP,
  PRIMARY KEY (`id`),
  UNIQUE KEY `uk_task` (`task_type`, `task_name`, `host_ip`)
) DEFAULT CHARSET = utf8mb4 COMMENT = 'heartbeats';
